"""Reading a response body that may be hostile: too long, never ending, or a compression bomb.

The limit counts bytes after decompression, and decompression stops at it: a small body that would unpack to
gigabytes costs no more than the limit. RFC 9110 §8.4.1 (content codings gzip, x-gzip and deflate).
"""

import zlib
from typing import Protocol

import aiohttp

_CHUNK = 65536
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class BodyTooLargeError(Exception):
    """The body is longer than the caller wants."""


class BodyUnreadableError(Exception):
    """The body is in a coding that was not asked for, or broken."""


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
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding in ("", "identity"):
        if response.content_length is not None and response.content_length > limit:
            raise BodyTooLargeError
        return await _read_plain(response, limit)
    if coding in ("gzip", "x-gzip", "deflate"):
        return await _read_compressed(response, limit)
    raise BodyUnreadableError(f"content coding {coding[:40]} was not asked for")


async def _read_plain(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            raise BodyTooLargeError
    return bytes(body)


async def _read_compressed(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    decompressor: _Decompressor | None = None
    received = 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        received += len(chunk)
        if received > limit + _CHUNK:
            raise BodyTooLargeError
        if decompressor is None:
            decompressor = _decompressor(chunk)
        try:
            body += decompressor.decompress(chunk, limit + 1 - len(body))
        except zlib.error as error:
            raise BodyUnreadableError(f"broken compression: {error}") from None
        if len(body) > limit:
            raise BodyTooLargeError
    return bytes(body)


def _decompressor(first: bytes) -> _Decompressor:
    """zlib tells gzip and zlib apart; some servers send raw deflate instead (RFC 9110 §8.4.1.2)."""
    zlib_or_gzip = first[:1] == b"\x1f" or (len(first) >= 2 and int.from_bytes(first[:2], "big") % 31 == 0)
    return zlib.decompressobj(_GZIP_OR_ZLIB if zlib_or_gzip else -zlib.MAX_WBITS)
