"""Removing the oldest rows of what is written with every call and text: by age, and by how much there is.

Rows are deleted in batches, so that nobody waits for them. How much a table holds is estimated from its rows and
the size of the newest ones: its files do not shrink when rows are deleted, but their room is used again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from offhook.store.database import Connection, Database

BATCH: Final = 5000

_ROW_OVERHEAD: Final = 160
"""Octets of a row's header and of its entries in the indexes."""

_SAMPLE: Final = 2000


class Retained:
    """The rows of one table, oldest first by `key`.

    Args:
        key: a column with an index, whose order is that of time.
        at: the column that says how old a row is.
    """

    def __init__(self, database: Database, table: str, key: str, at: str) -> None:
        self._database = database
        self._expire = f"""
            DELETE FROM {table} WHERE {key} IN (
                SELECT {key} FROM (SELECT {key}, {at} FROM {table} ORDER BY {key} LIMIT {BATCH}) AS oldest
                WHERE {at} < $1)
        """
        self._trim = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} ORDER BY {key} LIMIT $1)"
        self._analyze = f"ANALYZE {table}"
        self._measure = f"""
            SELECT reltuples::float8, (
                SELECT coalesce(avg(pg_column_size(newest)), 0)::float8
                FROM (SELECT * FROM {table} ORDER BY {key} DESC LIMIT {_SAMPLE}) AS newest)
            FROM pg_class WHERE oid = '{table}'::regclass
        """

    async def expire(self, before: datetime) -> int:
        """Delete up to `BATCH` rows that are older, and return how many."""
        return await self._database.execute(self._expire, before)

    async def trim(self, rows: int) -> int:
        """Delete the oldest rows, at most `BATCH`, and return how many."""
        return await self._database.execute(self._trim, min(rows, BATCH))

    async def measure(self) -> tuple[int, float]:
        """About how many rows there are, and octets a row with its share of the indexes."""

        async def measure(connection: Connection) -> tuple[int, float]:
            await connection.execute(self._analyze)
            rows, octets = await connection.fetchrow(self._measure)
            return max(0, int(rows)), octets + _ROW_OVERHEAD

        return await self._database.run(measure)
