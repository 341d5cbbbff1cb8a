"""A customer's HTTP server for tests: remembers every request, and answers as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from tests.harness.waiting import HANGS
from tests.harness.web_site import serving_site


@dataclass(frozen=True, slots=True)
class Heard:
    """A request: its form's fields (or query's), and its headers."""

    path: str
    params: dict[str, str]
    headers: dict[str, str]


Answer = Callable[[Heard], Awaitable[web.Response]]


async def no_content(heard: Heard) -> web.Response:
    """The usual answer to a callback."""
    return web.Response(status=204)


class Listener:
    """A running server.

    Attributes:
        url: where it is, without a path.
        heard: the requests so far, in the order they came.
        answer: makes the responses; may be replaced at any time.
    """

    def __init__(self) -> None:
        self.url = ""
        self.heard: list[Heard] = []
        self.answer: Answer = no_content
        self._changed = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        """Remember a request and answer it."""
        fields = await request.post() if request.method == "POST" else request.query
        heard = Heard(
            request.path, {name: str(value) for name, value in fields.items()}, dict(request.headers)
        )
        async with self._changed:
            self.heard.append(heard)
            self._changed.notify_all()
        return await self.answer(heard)

    async def reaches(self, count: int, seconds: float = HANGS) -> list[Heard]:
        """Return the requests once there are `count`."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: len(self.heard) >= count)
        return self.heard


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    """A listener on a free loopback port."""
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener.take)
    async with serving_site(app) as listener.url:
        yield listener
