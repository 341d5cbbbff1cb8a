"""The pool of PostgreSQL connections, and what happens when PostgreSQL goes away for a moment.

Every operation of a repository goes through `Database`. When a connection is lost, or the server is
starting or stopping, the operation is run again on a new connection, for up to `patience` seconds; then
`DatabaseUnavailableError` is raised. An operation may therefore be run twice when the connection is lost
between a commit and the news of it, so each one is written to be safe for that: inserts have a SID for a
primary key and do nothing on conflict, changes of status name the statuses they start from, ledger
entries are unique for their resource. Where a repeat can be noticed, the method says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

import asyncpg
import msgspec

from offhook.store.batcher import Batcher
from offhook.store.records import WorkNotice

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Connection = Any
"""An asyncpg connection, of a pool or its own; asyncpg gives the two different classes."""

Announce = Callable[[Sequence[WorkNotice]], None]

POISON: Final = (asyncpg.exceptions.DataError, asyncpg.exceptions.PostgresError, UnicodeError, OverflowError)
"""What blames the data of a statement, once lost connections have been dealt with."""

_GONE: Final = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # asyncpg's words for a connection that was cut in the middle of its handshake.
    asyncpg.InternalClientError,
)
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 0.5


class DatabaseUnavailableError(Exception):
    """PostgreSQL could not be reached for as long as an operation may wait, or its disk is full."""


class Database:
    """A pool of connections. Make one with `connect`.

    Attributes:
        announce: called after each commit that put work into the outbox, with what may be told to the bus.
    """

    def __init__(self, pool: Any, announce: Announce, patience: float) -> None:
        self._pool = pool
        self._patience = patience
        self._away = False
        self.announce = announce

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        announce: Announce | None = None,
        connections: int = 8,
        patience: float = 20.0,
    ) -> Database:
        """Open the pool; waits for PostgreSQL like any other operation.

        Args:
            url: `postgresql://USER@HOST:PORT/NAME`, or `…/NAME?host=/socket/directory&port=…`.
            announce: hears of outbox rows once they are committed; must not block. Usually `Bus.announce`.
            connections: the most that are opened.
            patience: seconds for which an operation is tried again while PostgreSQL is away.

        Raises:
            DatabaseUnavailableError: nothing answered for `patience` seconds.
        """
        pool = asyncpg.create_pool(
            url,
            min_size=0,
            max_size=connections,
            init=_prepare,
            reset=_keep,
            timeout=5,
            command_timeout=30,
            server_settings={"application_name": "offhook", "jit": "off", "timezone": "UTC"},
        )
        await pool
        database = cls(pool, announce or _announce_nothing, patience)
        await database.fetchval("SELECT 1")
        return database

    async def close(self) -> None:
        """Close every connection, giving running operations five seconds."""
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    async def run(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run `operation` on a connection, again when the connection is lost (see the module).

        Raises:
            DatabaseUnavailableError: PostgreSQL stayed away for longer than `patience`, or its disk is full.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                async with self._pool.acquire() as connection:
                    result = await operation(connection)
            except asyncpg.DiskFullError as error:
                raise DatabaseUnavailableError("PostgreSQL's disk is full") from error
            except Exception as error:
                if not is_gone(error) or self._pool.is_closing():
                    raise
                if loop.time() + pause > deadline:
                    raise DatabaseUnavailableError(f"PostgreSQL is away: {error}") from error
                if not self._away:
                    self._away = True
                    logger.warning("PostgreSQL is away, trying again: %s", type(error).__name__)
            else:
                if self._away:
                    self._away = False
                    logger.info("PostgreSQL is back")
                return result
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def transact(self, operation: Callable[[Connection], Awaitable[Result]]) -> Result:
        """Run `operation` inside one transaction, again from its beginning when the connection is lost."""

        async def transaction(connection: Connection) -> Result:
            async with connection.transaction():
                return await operation(connection)

        return await self.run(transaction)

    async def fetch(self, sql: str, *arguments: Any) -> list[Any]:
        """All rows of a statement."""
        return await self.run(lambda connection: connection.fetch(sql, *arguments))

    async def fetchrow(self, sql: str, *arguments: Any) -> Any:
        """The first row of a statement, or None."""
        return await self.run(lambda connection: connection.fetchrow(sql, *arguments))

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """The first value of the first row, or None."""
        return await self.run(lambda connection: connection.fetchval(sql, *arguments))

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement and return how many rows it touched."""
        tag: str = await self.run(lambda connection: connection.execute(sql, *arguments))
        count = tag.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class GroupCommit:
    """Inserts records that come one at a time in batches, one statement and so one transaction each.

    `await add(record)` returns when its row is committed. Safe to repeat, because the statement must do
    nothing on conflict.

    Args:
        sql: takes the records as JSON (`sql.recordset`), and may return rows `(topic, id, sid)` of the outbox,
            which are announced.
        pace: see `Batcher`.
    """

    def __init__(self, database: Database, sql: str, *, pace: float = 0.0) -> None:
        self._database = database
        self._sql = sql
        self._batcher: Batcher[Any, None] = Batcher(self._write, pace=pace, poison=POISON)

    async def add(self, record: Any) -> None:
        """Insert `record` and return once it is committed.

        Raises:
            DatabaseUnavailableError: PostgreSQL stayed away.
            asyncpg.PostgresError, asyncpg.DataError: this row cannot be written.
        """
        await self._batcher.add(record)

    async def _write(self, records: Sequence[Any]) -> Sequence[None]:
        announced = await self._database.fetch(self._sql, records)
        if announced:
            self._database.announce([WorkNotice(*row) for row in announced])
        return [None] * len(records)


def is_gone(error: BaseException) -> bool:
    """Whether an error says that the connection or the server went away, rather than that we asked wrongly."""
    if isinstance(error, asyncpg.exceptions.DataError):
        return False
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) or "closing" in str(error) or "released" in str(error)
    return isinstance(error, _GONE)


def encode_json(value: Any) -> bytes:
    """JSON as PostgreSQL takes it: `jsonb` holds no NUL character, so that becomes U+FFFD."""
    return msgspec.json.encode(value).replace(b"\\u0000", b"\\ufffd")


async def _prepare(connection: Connection) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: b"\x01" + encode_json(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )


async def _keep(connection: Connection) -> None:
    """Sessions are never changed here, so a connection goes back to the pool without a round trip to reset it."""


def _announce_nothing(notices: Sequence[WorkNotice]) -> None:
    """Stands for a bus that is not there: the sweeper announces the rows later."""
