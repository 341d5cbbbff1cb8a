"""Reading a response body that may be hostile: too long, never ending, or a compression bomb.

The limit counts bytes after decompression, and decompression stops at it: a small body that would unpack to
gigabytes costs no more than the limit. RFC 9110 §8.4.1 (content codings gzip, x-gzip and deflate).
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import aiohttp

_CHUNK = 65536
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyTooLargeError(Exception):
    """The body is longer than the caller wants."""


class BodyUnreadableError(Exception):
    """The body is in a coding that was not asked for, or broken."""


class BodyNotStoredError(Exception):
    """The body cannot be written where it is to go."""


class _Decompressor(Protocol):
    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The decoded body, at most `limit` bytes. The session must have been made with ``auto_decompress=False``.

    Raises:
        BodyTooLargeError: as soon as it is certain, so that nothing more is downloaded.
        BodyUnreadableError: unknown or broken content coding.
    """
    body = bytearray()
    async for piece in _pieces(response, limit):
        body += piece
    return bytes(body)


async def store_body(response: aiohttp.ClientResponse, limit: int, path: Path) -> None:
    """Write the decoded body to a file as it comes, so that a large one takes no memory.

    Raises:
        BodyTooLargeError, BodyUnreadableError: see `read_body`.
        BodyNotStoredError: the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        with _storing():
            file = stack.enter_context(path.open("wb", buffering=0))
        async for piece in _pieces(response, limit):
            with _storing():
                await asyncio.to_thread(file.write, piece)


@contextlib.contextmanager
def _storing() -> Iterator[None]:
    """Tell the disk's errors from the network's."""
    try:
        yield
    except OSError as error:
        raise BodyNotStoredError(f"the body cannot be stored: {error.strerror}") from error


async def _pieces(response: aiohttp.ClientResponse, limit: int) -> AsyncIterator[bytes]:
    """The decoded body as it comes."""
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    packed = coding in ("gzip", "x-gzip", "deflate")
    if not packed and coding not in ("", "identity"):
        raise BodyUnreadableError(f"content coding {coding[:40]} was not asked for")
    if not packed and response.content_length is not None and response.content_length > limit:
        raise BodyTooLargeError(f"the body is longer than {limit} bytes")
    decompressor: _Decompressor | None = None
    received = length = 0
    async for piece in response.content.iter_chunked(_CHUNK):
        received += len(piece)
        if received > limit + _CHUNK:
            raise BodyTooLargeError(f"the body is longer than {limit} bytes")
        if packed:
            decompressor = decompressor or _decompressor(piece)
            try:
                piece = decompressor.decompress(piece, limit + 1 - length)
            except zlib.error as error:
                raise BodyUnreadableError(f"broken compression: {error}") from None
        length += len(piece)
        if length > limit:
            raise BodyTooLargeError(f"the body is longer than {limit} bytes")
        yield piece


def _decompressor(first: bytes) -> _Decompressor:
    """zlib tells gzip and zlib apart; some servers send raw deflate instead (RFC 9110 §8.4.1.2)."""
    zlib_or_gzip = first[:1] == b"\x1f" or (len(first) >= 2 and int.from_bytes(first[:2], "big") % 31 == 0)
    return zlib.decompressobj(_GZIP_OR_ZLIB if zlib_or_gzip else -zlib.MAX_WBITS)
