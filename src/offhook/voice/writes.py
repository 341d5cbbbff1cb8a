"""Writes that are made one after the other behind what they are about, and are not lost.

While PostgreSQL is away, or its disk is full, they wait; a write that fails for another reason is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from offhook.store.database import DatabaseUnavailableError

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""How long to wait before a write that failed is tried again: twice as long each time, up to the last."""
MOST_TRIES: Final = 5
"""A write that is not final is given up after this many tries."""


class Write:
    """A write that waits. `final`: it is tried until it succeeds, because a live row would be left otherwise."""

    __slots__ = ("done", "final", "work")

    def __init__(self, work: Callable[[], Awaitable[object]], final: bool = False) -> None:
        self.work = work
        self.final = final
        self.done = asyncio.Event()


class Writes:
    """The writes about one resource, in order."""

    def __init__(self, sid: str) -> None:
        self._sid = sid
        self._waiting: asyncio.Queue[Write | None] = asyncio.Queue()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name=f"{sid}-writes")

    def put(self, work: Callable[[], Awaitable[object]], *, final: bool = False) -> Write:
        """Do a write in its turn; its `done` says when that is over, or given up for good."""
        write = Write(work, final)
        self._waiting.put_nowait(write)
        return write

    async def settled(self) -> None:
        """Return when all that was put until now is done."""
        if self._closing:
            await asyncio.wait([self._task])
            return

        async def nothing() -> None:
            """A write that only has its turn."""

        await self.put(nothing).done.wait()

    async def close(self) -> None:
        """Return when everything is written."""
        self._closing = True
        self._waiting.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while (write := await self._waiting.get()) is not None:
            await self._persist(write)
            write.done.set()

    async def _persist(self, write: Write) -> None:
        """Write, however long the database is away or its disk is full."""
        pause, tries = FIRST_PAUSE, 0
        while True:
            try:
                await write.work()
                return
            except DatabaseUnavailableError as error:
                logger.warning("%s waits for the database: %s", self._sid, error)
            except Exception:
                tries += 1
                if tries >= MOST_TRIES and not write.final:
                    logger.exception("%s could not be written, and is given up", self._sid)
                    return
                logger.exception("%s could not be written, and is tried again", self._sid)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
