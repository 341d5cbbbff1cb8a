"""Recordings of calls. The audio is a file below the data directory; the row says which and how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from offhook.store.database import Connection, Database
from offhook.store.paging import ANY_TIME, Conditions, Page, PageResult, TimeRange, list_page
from offhook.store.records import DeleteOutcome, RecordingRecord
from offhook.store.sql import columns, load, values

_ALL = columns(RecordingRecord)
_LIVE = frozenset({"in-progress", "paused", "processing"})


@dataclass(frozen=True, slots=True)
class RecordingFilters:
    """Filters of a list of recordings; None filters nothing."""

    call_sid: str | None = None
    conference_sid: str | None = None
    date_created: TimeRange = ANY_TIME
    include_deleted: bool = False


class Recordings:
    """The repository of recordings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, recording: RecordingRecord) -> None:
        """Add a recording; does nothing if its SID is there already."""
        marks = ", ".join(f"${at}" for at in range(1, len(values(recording)) + 1))
        await self._database.execute(
            f"INSERT INTO recordings ({_ALL}) VALUES ({marks}) ON CONFLICT (sid) DO NOTHING",
            *values(recording),
        )

    async def fetch(
        self, account_sid: str, sid: str, *, include_deleted: bool = False
    ) -> RecordingRecord | None:
        """A recording of an account, or None. A deleted one keeps its row, without its audio."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM recordings "
            "WHERE sid = $1 AND account_sid = $2 AND ($3 OR deleted_at IS NULL)",
            sid,
            account_sid,
            include_deleted,
        )
        return None if row is None else load(RecordingRecord, row)

    async def list_page(
        self, account_sid: str, filters: RecordingFilters, page: Page
    ) -> PageResult[RecordingRecord]:
        """Recordings of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("call_sid", filters.call_sid)
        conditions.equal("conference_sid", filters.conference_sid)
        conditions.within("date_created", filters.date_created)
        if not filters.include_deleted:
            conditions.add("deleted_at IS NULL")
        return await list_page(self._database, "recordings", RecordingRecord, conditions, page)

    async def update(
        self,
        sid: str,
        status: str,
        *,
        duration: int | None = None,
        path: str | None = None,
        start_time: datetime | None = None,
        error_code: int | None = None,
    ) -> RecordingRecord | None:
        """Set the status of a recording that is not finished, and what else is not None.

        Returns the new row; None if there is none or it was finished already.
        """
        row = await self._database.fetchrow(
            "UPDATE recordings SET status = $2, duration = coalesce($3, duration), "
            "path = coalesce($4, path), start_time = coalesce($5, start_time), "
            "error_code = coalesce($6, error_code), date_updated = now() "
            f"WHERE sid = $1 AND status = ANY($7) RETURNING {_ALL}",
            sid,
            status,
            duration,
            path,
            start_time,
            error_code,
            sorted(_LIVE),
        )
        return None if row is None else load(RecordingRecord, row)

    async def delete(self, account_sid: str, sid: str) -> DeleteOutcome:
        """Mark a finished recording as deleted; the caller removes its file."""

        async def delete(connection: Connection) -> DeleteOutcome:
            status = await connection.fetchval(
                "SELECT status FROM recordings WHERE sid = $1 AND account_sid = $2 AND deleted_at IS NULL "
                "FOR UPDATE",
                sid,
                account_sid,
            )
            if status is None:
                return DeleteOutcome.NOT_FOUND
            if status in _LIVE:
                return DeleteOutcome.LIVE
            await connection.execute(
                "UPDATE recordings SET status = 'deleted', deleted_at = now(), path = NULL, "
                "date_updated = now() WHERE sid = $1",
                sid,
            )
            return DeleteOutcome.DELETED

        return await self._database.transact(delete)

    async def discard(self, sids: Sequence[str]) -> set[str]:
        """Mark recordings whose time is over as deleted; the caller removes their files.

        Returns those that must stay because they are being made; one that is said to be for longer than a day
        was left by a node that died.
        """

        async def discard(connection: Connection) -> set[str]:
            await connection.execute(
                "UPDATE recordings SET status = 'deleted', deleted_at = now(), path = NULL, date_updated = now() "
                "WHERE sid = ANY($1) AND deleted_at IS NULL "
                "AND (NOT status = ANY($2) OR date_created < now() - interval '1 day')",
                list(sids),
                sorted(_LIVE),
            )
            live = await connection.fetch(
                "SELECT sid FROM recordings WHERE sid = ANY($1) AND status = ANY($2)",
                list(sids),
                sorted(_LIVE),
            )
            return {row["sid"] for row in live}

        return await self._database.transact(discard)
