"""Files as answers: the audio of recordings.

Decision: as at Twilio by default, media is served to whoever knows its address; a SID has 80 random bits.
What an account wants private it deletes.
"""

from __future__ import annotations

import asyncio
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
        path = Path(media.path) if media is not None else None
        if media is None or path is None or not await asyncio.to_thread(path.is_file):
            raise not_found(req.context.path)
        resp.content_type = media.content_type
        resp.content_length = (await asyncio.to_thread(path.stat)).st_size
        resp.stream = _chunks(path)

    return respond


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
