"""Live timelines: everything that happens to an account's calls and messages, as it happens.

``GET /offhook/v1/timelines`` with the account's credentials answers server-sent events without end: the data of
each is a timeline entry, ``{"sid", "account_sid", "at", "kind", "name", "detail"}``. What happened before is in
`offhook.api.offhook_v1.timelines`. A client that reads too slowly misses entries; an event named ``lost`` then says
how many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import falcon.asgi
from falcon.asgi import SSEvent

from offhook import errors
from offhook.api.authentication import authenticate
from offhook.api.services import Services

MAX_CLIENTS: Final = 50
MAX_WAITING_BYTES: Final = 1024 * 1024
PING_SECONDS: Final = 15.0
"""A comment is sent after this long a silence, by which both ends notice that the other is gone."""


class LiveTimelines:
    """The entries of all timelines of an account."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._clients = 0

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer with entries until the client goes away or the process ends."""
        caller = await authenticate(self._services, req.get_header("Authorization"))
        if self._clients >= MAX_CLIENTS:
            raise errors.rest(20429)
        resp.sse = self._events(caller.sid)

    async def _events(self, account_sid: str) -> AsyncIterator[SSEvent | None]:
        waiting = Waiting()

        async def heard(_subject: str, payload: bytes) -> None:
            waiting.put(payload)

        unsubscribe = await self._services.bus.listen(account_sid, heard)
        closing = asyncio.create_task(self._services.closing.wait())
        self._clients += 1
        try:
            yield None  # A comment: the headers go out, and the client knows that it is heard.
            while not closing.done():
                await waiting.some(closing, PING_SECONDS)
                if waiting.lost:
                    yield SSEvent(event="lost", text=str(waiting.take_lost()))
                taken = waiting.take()
                for payload in taken:
                    yield SSEvent(data=payload)
                if not taken:
                    yield None
        finally:
            closing.cancel()
            self._clients -= 1
            await unsubscribe()


class Waiting:
    """Entries on their way to one client, bounded in octets."""

    def __init__(self) -> None:
        self._payloads: deque[bytes] = deque()
        self._octets = 0
        self._arrived = asyncio.Event()
        self.lost = 0

    def put(self, payload: bytes) -> None:
        """Add an entry; one for which there is no room is counted only."""
        if self._octets + len(payload) > MAX_WAITING_BYTES:
            self.lost += 1
        else:
            self._payloads.append(payload)
            self._octets += len(payload)
        self._arrived.set()

    async def some(self, closing: asyncio.Task[bool], seconds: float) -> None:
        """Wait until there is something, until `closing` is done, or the time is over."""
        arrived = asyncio.create_task(self._arrived.wait())
        try:
            await asyncio.wait((arrived, closing), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrived.cancel()

    def take(self) -> list[bytes]:
        """All that waits."""
        taken = list(self._payloads)
        self._payloads.clear()
        self._octets = 0
        self._arrived.clear()
        return taken

    def take_lost(self) -> int:
        """How many were lost since this was last asked."""
        lost, self.lost = self.lost, 0
        return lost
