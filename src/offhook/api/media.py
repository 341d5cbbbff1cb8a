"""Files as answers: the audio of recordings, whole or a range of its octets (RFC 9110, section 14).

Decision: as at Twilio by default, media is served to whoever knows its address; a SID has 80 random bits.
What an account wants private it deletes.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import falcon.asgi

from offhook.api.operations import Media, not_found
from offhook.api.rendering import Suffix
from offhook.api.schema import snake
from offhook.api.services import Services

CHUNK: Final = 64 * 1024
_METADATA: Final = (Suffix.JSON, Suffix.XML)
_RANGE = re.compile(r"bytes=([0-9]{0,15})-([0-9]{0,15})")

Responder = Callable[..., Coroutine[Any, Any, None]]


def serve_media(
    services: Services, find: Callable[..., Awaitable[Media | None]], metadata: Responder
) -> Responder:
    """The responder of a path that is a file without suffix, and a resource with ``.json`` or ``.xml``."""

    async def respond(req: falcon.asgi.Request, resp: falcon.asgi.Response, **placeholders: str) -> None:
        suffix: Suffix = req.context.suffix
        if suffix in _METADATA:
            await metadata(req, resp, **placeholders)
            return
        media = await find(services, suffix, **{snake(name): value for name, value in placeholders.items()})
        size = await asyncio.to_thread(_size, Path(media.path)) if media is not None else None
        if media is None or size is None:
            raise not_found(req.context.path)
        resp.content_type = media.content_type
        resp.set_header("Accept-Ranges", "bytes")
        wanted = _wanted(req, size)
        if wanted is not None and not wanted:
            resp.status = 416
            resp.set_header("Content-Range", f"bytes */{size}")
            return
        if wanted is not None:
            resp.status = 206
            resp.set_header("Content-Range", f"bytes {wanted.start}-{wanted.stop - 1}/{size}")
        octets = range(size) if wanted is None else wanted
        resp.content_length = len(octets)
        if req.method != "HEAD":
            resp.stream = _chunks(Path(media.path), octets)

    return respond


def byte_range(header: str, size: int) -> range | None:
    """The octets that a Range header asks for; None when all are to be served, empty when there are none.

    Several ranges, and what is not a range, are answered with the whole file, as a server may.
    """
    match = _RANGE.fullmatch(header.replace(" ", ""))
    first, last = (match[1], match[2]) if match is not None else ("", "")
    if not first and not last:
        return None
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


def _wanted(req: falcon.asgi.Request, size: int) -> range | None:
    """The range of a GET. The file has no validator, so that an If-Range never holds (section 13.1.5)."""
    header = req.get_header("Range")
    if header is None or req.method != "GET" or req.get_header("If-Range") is not None:
        return None
    return byte_range(header, size)


def _size(path: Path) -> int | None:
    """The size of a file in octets, None when there is none."""
    return path.stat().st_size if path.is_file() else None


async def _chunks(path: Path, octets: range) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        await asyncio.to_thread(file.seek, octets.start)
        left = len(octets)
        while left and (chunk := await asyncio.to_thread(file.read, min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
