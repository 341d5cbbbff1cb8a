"""A small cache in front of rows that are read for every request and call, and seldom written: accounts, numbers.

An entry is valid for `TTL` seconds. A writer tells all processes at once with `NOTIFY`, in the
transaction of the write, and each drops the entry, so that a change is seen everywhere within
milliseconds; the TTL is for the time in which the listening connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Generic, TypeVar

import asyncpg

from offhook.clock import monotonic
from offhook.store.database import Connection, is_gone

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

TTL: Final = 5.0
MAX_ENTRIES: Final = 50_000
_SMALL: Final = 1_000
"""With fewer entries nobody looks which of them are old."""
MAX_KEY: Final = 64
CHANNEL: Final = "offhook_changed"
_RECONNECT_SECONDS: Final = 0.2


class Cache(Generic[Value]):
    """Values by key, fetched once for all who ask at the same time. "There is none" (None) is cached too.

    Keys come from strangers: a longer one than any row has is fetched, not remembered.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Value | None]], ttl: float = TTL) -> None:
        self._fetch = fetch
        self._ttl = ttl
        self._values: dict[str, tuple[float, Value | None]] = {}
        self._running: dict[str, asyncio.Future[Value | None]] = {}
        self._sweep_at = _SMALL

    async def get(self, key: str) -> Value | None:
        """The value of `key`, at most `ttl` seconds old."""
        entry = self._values.get(key)
        if entry is not None and monotonic() < entry[0]:
            return entry[1]
        if len(key) > MAX_KEY:
            return await self._fetch(key)
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.ensure_future(self._fetch(key))
            task.add_done_callback(partial(self._fetched, key, monotonic() + self._ttl))
        return await asyncio.shield(task)

    def drop(self, key: str) -> None:
        """Forget `key`."""
        self._values.pop(key, None)
        self._running.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._running.clear()

    def _fetched(self, key: str, until: float, task: asyncio.Future[Value | None]) -> None:
        failed = task.cancelled() or task.exception() is not None
        if self._running.get(key) is not task:
            return  # What it was fetched from has changed meanwhile.
        del self._running[key]
        if not failed:
            if len(self._values) >= min(self._sweep_at, MAX_ENTRIES):
                self._sweep()
            self._values[key] = (until, task.result())

    def _sweep(self) -> None:
        """Forget what is too old: strangers ask for a lot that nobody asks for again."""
        now = monotonic()
        self._values = {key: entry for key, entry in self._values.items() if now < entry[0]}
        if len(self._values) >= MAX_ENTRIES:
            self._values.clear()
        self._sweep_at = max(_SMALL, 2 * len(self._values))


class Invalidations:
    """Hears of writes by other processes and drops what they changed.

    Each cache registers `drop` under a kind; the payload of a notification is `KIND:KEY`. When the connection
    was lost, everything is forgotten, as nobody knows what was missed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._caches: dict[str, Cache[Any]] = {}
        self._task: asyncio.Task[None] | None = None

    def register(self, kind: str, cache: Cache[Any]) -> None:
        """Have `cache` hear of changes of `kind`."""
        self._caches[kind] = cache

    def start(self) -> None:
        """Begin to listen, in a task of its own."""
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _listen(self) -> None:
        while True:
            try:
                connection = await asyncpg.connect(self._url, timeout=5)
                try:
                    await self._hear(connection)
                finally:
                    connection.terminate()
            except Exception as error:
                if not is_gone(error):
                    logger.exception("changes cannot be heard of")
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self, connection: Connection) -> None:
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(CHANNEL, self._changed)
        for cache in self._caches.values():
            cache.clear()
        await lost.wait()

    def _changed(self, connection: Connection, pid: int, channel: str, payload: str) -> None:
        kind, _, key = payload.partition(":")
        if (cache := self._caches.get(kind)) is not None:
            cache.drop(key)


async def notify(connection: Connection, kind: str, key: str) -> None:
    """Tell every process, when the transaction of `connection` commits, that `key` changed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{kind}:{key}")
