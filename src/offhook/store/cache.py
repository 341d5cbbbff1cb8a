"""A small cache in front of rows that are read for every request and call, and seldom written: accounts,
numbers.

An entry is believed for `TTL` seconds. A writer tells all processes at once with `NOTIFY`, in the
transaction of the write, and each drops the entry, so that a change is seen everywhere within
milliseconds; the TTL is for the time in which the listening connection is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

import asyncpg

from offhook.clock import monotonic
from offhook.store.database import Connection, is_gone

_log = logging.getLogger(__name__)

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

TTL: Final = 5.0
MAX_ENTRIES: Final = 50_000
CHANNEL: Final = "offhook_changed"
_RECONNECT_SECONDS: Final = 0.2


class Cache(Generic[Key, Value]):
    """Values by key, fetched once for all who ask at the same time. "There is none" (None) is cached too."""

    def __init__(self, fetch: Callable[[Key], Awaitable[Value | None]], ttl: float = TTL) -> None:
        self._fetch = fetch
        self._ttl = ttl
        self._entries: dict[Key, tuple[float, asyncio.Future[Value | None]]] = {}

    async def get(self, key: Key) -> Value | None:
        """The value of `key`, at most `ttl` seconds old."""
        now = monotonic()
        entry = self._entries.get(key)
        if entry is not None and now < entry[0]:
            future = entry[1]
            return future.result() if future.done() else await asyncio.shield(future)
        if len(self._entries) >= MAX_ENTRIES:
            self._entries.clear()
        task = asyncio.ensure_future(self._fetch(key))
        self._entries[key] = (now + self._ttl, task)
        task.add_done_callback(lambda done: self._drop_failed(key, done))
        return await asyncio.shield(task)

    def drop(self, key: Key) -> None:
        """Forget `key`."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def _drop_failed(self, key: Key, task: asyncio.Future[Value | None]) -> None:
        entry = self._entries.get(key)
        failed = task.cancelled() or task.exception() is not None
        if failed and entry is not None and entry[1] is task:
            del self._entries[key]


class Invalidations:
    """Hears of writes by other processes and drops what they changed.

    Each cache registers `drop` under a kind; the payload of a notification is `KIND:KEY`. When the connection
    was lost, everything is forgotten, as nobody knows what was missed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._caches: dict[str, Cache[str, Any]] = {}
        self._task: asyncio.Task[None] | None = None

    def register(self, kind: str, cache: Cache[str, Any]) -> None:
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
                    _log.exception("changes cannot be heard of")
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
