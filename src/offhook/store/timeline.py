"""Timelines: what happened to each call and message, in order, and why.

Writing one must never slow a call down: `TimelineWriter.add` only puts the entry into a list, which is
written in one statement every 200 ms. While PostgreSQL is away entries gather up to `MAX_WAITING` and
`MAX_OCTETS`; then the oldest are dropped, which is logged. A batch whose commit was not heard of is written
again, but for the entries that stand already. Each entry is also told live on the bus, while somebody listens.
Of what was redacted or deleted before its entry is written, nothing is quoted (see `erasure`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from offhook.store.database import POISON, Connection, Database, DatabaseUnavailableError
from offhook.store.records import MessageRecord, TimelineEntry, TimelineKind
from offhook.store.retention import Retained
from offhook.store.sql import columns, recordset

logger = logging.getLogger(__name__)

FLUSH_SECONDS: Final = 0.2
MAX_WAITING: Final = 50_000
MAX_OCTETS: Final = 64 * 1024 * 1024
"""What the details of entries that wait may weigh: a SIP message or an answer to a webhook has up to 8 kB."""
MAX_BATCH: Final = 2_000

_ALL = columns(TimelineEntry)
_NEW = f"""
    INSERT INTO timeline ({_ALL})
    SELECT resource_sid, account_sid, at, kind, name, CASE WHEN erased.sid IS NULL THEN detail ELSE '{{}}' END
    FROM {recordset(TimelineEntry)} LEFT JOIN erased ON erased.sid = resource_sid
    WHERE erased.deleted IS NOT TRUE
"""

_INSERT = f"{_NEW} ORDER BY position"

_INSERT_AGAIN = f"""{_NEW}
    AND NOT EXISTS (
        SELECT FROM timeline AS stands
        WHERE stands.resource_sid = input.resource_sid AND stands.at = input.at
            AND stands.kind = input.kind AND stands.name = input.name
    ) ORDER BY position
"""

Emit = Callable[[str, str, Callable[[], bytes]], None]
"""Takes the account, the resource and what makes the JSON of an entry, if anybody is to hear it."""


def queued(message: MessageRecord, origin: Mapping[str, str]) -> TimelineEntry:
    """The beginning of the timeline of a text; `origin` says in which detail what it comes from."""
    detail = {"from": message.from_, "to": message.to, "segments": message.num_segments, **origin}
    return TimelineEntry(
        message.sid, message.account_sid, message.date_created, TimelineKind.STATUS, "queued", detail
    )


def to_json(entry: TimelineEntry) -> bytes:
    """An entry as the live stream and the API show it: {sid, account_sid, at, kind, name, detail}."""
    return msgspec.json.encode(to_dict(entry))


def to_dict(entry: TimelineEntry) -> dict[str, Any]:
    """An entry as JSON's objects; `at` is ISO 8601 with microseconds, in UTC."""
    return {
        "sid": entry.resource_sid,
        "account_sid": entry.account_sid,
        "at": entry.at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "kind": entry.kind.value,
        "name": entry.name,
        "detail": dict(entry.detail),
    }


class Timeline:
    """Reads timelines.

    Attributes:
        retained: its rows, to be removed when they are old.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.retained = Retained(database, "timeline", key="id", at="at")

    async def list(self, sid: str, limit: int = 5000, skip: int = 0) -> list[TimelineEntry]:
        """What happened to a resource, oldest first, without the first `skip` entries."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM timeline WHERE resource_sid = $1 ORDER BY at, id LIMIT $2 OFFSET $3",
            sid,
            limit,
            skip,
        )
        return [_load(row) for row in rows]

    async def webhooks(self, sid: str) -> Sequence[TimelineEntry]:
        """The webhook requests made for a call (`Calls/{Sid}/Events`), oldest first."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM timeline WHERE resource_sid = $1 AND kind = 'webhook' ORDER BY at, id", sid
        )
        return [_load(row) for row in rows]


class TimelineWriter:
    """Writes timelines without anybody waiting. Use as an async context manager, or `start` and `close`.

    Args:
        emit: tells an entry live; must not block. `bus.nats.Bus.emit_entry` does.
    """

    def __init__(self, database: Database, emit: Emit | None = None) -> None:
        self._database = database
        self._emit = emit
        self._waiting: deque[TimelineEntry] = deque()
        self._octets: deque[int] = deque()
        """What each entry that waits weighs."""
        self._weight = 0
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._dropped = 0
        self._again = False
        """Whether entries that wait may have been written, without our having heard of it."""

    def start(self) -> None:
        """Begin to write, in a task of its own."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Write what waits, then stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.flush()

    async def __aenter__(self) -> TimelineWriter:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def add(self, entry: TimelineEntry) -> None:
        """Have `entry` written soon, and tell it live now. Never blocks, never raises."""
        octets = _octets(entry.detail)
        self._waiting.append(entry)
        self._octets.append(octets)
        self._weight += octets
        while len(self._waiting) > MAX_WAITING or self._weight > MAX_OCTETS:
            self._take()
            self._dropped += 1
        self._wake.set()
        if self._emit is not None:
            self._tell(self._emit, entry)

    async def flush(self) -> None:
        """Write everything that was added up to now."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        while self._waiting:
            batch = [self._take() for _ in range(min(len(self._waiting), MAX_BATCH))]
            try:
                await self._write(batch)
            except DatabaseUnavailableError:
                self._put_back(batch)
                self._again = True
                raise
        self._again = False

    def _take(self) -> TimelineEntry:
        """The oldest entry that waits, which waits no longer."""
        self._weight -= self._octets.popleft()
        return self._waiting.popleft()

    def _put_back(self, batch: Sequence[TimelineEntry]) -> None:
        octets = [_octets(entry.detail) for entry in batch]
        self._waiting.extendleft(reversed(batch))
        self._octets.extendleft(reversed(octets))
        self._weight += sum(octets)

    @staticmethod
    def _tell(emit: Emit, entry: TimelineEntry) -> None:
        try:
            emit(entry.account_sid, entry.resource_sid, partial(to_json, entry))
        except (UnicodeError, TypeError):
            logger.error("a timeline entry is no JSON: %s %s", entry.kind, ascii(entry.name))

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                await self.flush()
            except DatabaseUnavailableError:
                logger.error("timelines wait for PostgreSQL: %d entries", len(self._waiting))
                self._wake.set()
            except Exception:
                logger.exception("timeline entries could not be written")
            if self._dropped:
                logger.error("timeline entries dropped while PostgreSQL was away: %d", self._dropped)
                self._dropped = 0

    async def _write(self, batch: Sequence[TimelineEntry]) -> None:
        again = self._again

        async def attempt(connection: Connection) -> None:
            nonlocal again
            statement, again = (_INSERT_AGAIN if again else _INSERT), True
            await connection.execute(statement, batch)

        try:
            await self._database.run(attempt)
        except POISON:
            if len(batch) == 1:
                logger.error("a timeline entry cannot be written: %s %s", batch[0].kind, ascii(batch[0].name))
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])


def _octets(detail: Any) -> int:
    """About what a detail weighs: the length of its texts, and something for each other value."""
    values: Iterable[Any] = ()
    if isinstance(detail, dict):
        values = detail.values()
    elif isinstance(detail, list | tuple):
        values = detail
    return sum([len(value) if isinstance(value, str) else 16 + _octets(value) for value in values])


def _load(row: Sequence[Any]) -> TimelineEntry:
    resource_sid, account_sid, at, kind, name, detail = row
    return TimelineEntry(resource_sid, account_sid, at, TimelineKind(kind), name, detail)
