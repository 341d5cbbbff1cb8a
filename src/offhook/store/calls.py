"""Calls. The api makes them, one voice node at a time owns each live one, the janitor ends the orphaned ones.

A status moves only from a status that the mover names, and never out of a terminal one; the callbacks and the
money of a move are committed with it. So a terminal status is written exactly once, whoever tries again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from offhook.store.batcher import Batcher
from offhook.store.call_transitions import CallTransition, move
from offhook.store.database import POISON, Connection, Database, GroupCommit
from offhook.store.erasure import erase
from offhook.store.leases import ALIVE
from offhook.store.paging import ANY_TIME, Conditions, Page, PageResult, TimeRange, list_page
from offhook.store.records import (
    CALL_TERMINAL,
    LIVE_CALL,
    CallbackDraft,
    CallRecord,
    DeleteOutcome,
    Topic,
    WorkNotice,
)
from offhook.store.sql import columns, load, loads, recordset

_ALL = columns(CallRecord)

_PACE: Final = 0.02
"""Seconds between statements that move calls: the calls themselves do not wait for them."""

_INSERT_PACE: Final = 0.01
"""Seconds between statements that insert the calls of a voice node: from 100 calls a second on they share one."""

_INSERT = f"""
    INSERT INTO calls ({_ALL})
    SELECT {_ALL} FROM {recordset(CallRecord)} ON CONFLICT (sid) DO NOTHING
"""

_CREATE = f"""
    WITH made AS ({_INSERT} RETURNING sid)
    INSERT INTO outbox (resource_sid, topic, payload)
    SELECT sid, '{Topic.CALLS.value}', '{{}}' FROM made RETURNING topic, id, resource_sid
"""

_CLAIM = f"""
    WITH job AS (
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE resource_sid = ANY($1) AND topic = '{Topic.CALLS.value}'
            FOR UPDATE SKIP LOCKED)
        RETURNING resource_sid)
    UPDATE calls AS c SET node = $2, lease = $3, date_updated = now(),
        queue_time = least(extract(epoch FROM now() - c.date_created) * 1000, 2147483647)::integer
    FROM job
    WHERE c.sid = job.resource_sid AND c.status = 'queued' AND c.node IS NULL
    RETURNING {columns(CallRecord, "c")}
"""

_CLAIMED_BEFORE = f"""
    SELECT {_ALL} FROM calls
    WHERE sid = ANY($1) AND lease = $2 AND status = 'queued' AND NOT sid = ANY($3)
"""
"""What an attempt before this one has claimed, whose commit was not heard of."""


@dataclass(frozen=True, slots=True)
class CallFilters:
    """Filters of a list of calls; None filters nothing. Times: see `paging.TimeRange`."""

    to: str | None = None
    from_: str | None = None
    parent_call_sid: str | None = None
    status: str | None = None
    start_time: TimeRange = ANY_TIME
    end_time: TimeRange = ANY_TIME


class Calls:
    """The repository of calls."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._create = GroupCommit(database, _CREATE)
        self._insert = GroupCommit(database, _INSERT, pace=_INSERT_PACE)
        self._move: Batcher[CallTransition, CallRecord | None] = Batcher(
            self.transition_batch, size=200, key=lambda wanted: wanted.sid, pace=_PACE, poison=POISON
        )

    async def create_call(self, call: CallRecord) -> None:
        """Commit a queued outbound call together with the outbox row that has a voice node dial it.

        Calls made at the same time share a transaction.
        """
        await self._create.add(call)

    async def insert(self, call: CallRecord) -> None:
        """Commit a call that its voice node has already (inbound, or dialled by TwiML): `node` and `lease` set."""
        await self._insert.add(call)

    async def fetch(self, account_sid: str, sid: str) -> CallRecord | None:
        """A call of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM calls WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(CallRecord, row)

    async def list_page(self, account_sid: str, filters: CallFilters, page: Page) -> PageResult[CallRecord]:
        """Calls of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("to", filters.to)
        conditions.equal("from", filters.from_)
        conditions.equal("parent_call_sid", filters.parent_call_sid)
        conditions.equal("status", filters.status)
        conditions.within("start_time", filters.start_time)
        conditions.within("end_time", filters.end_time)
        return await list_page(self._database, "calls", CallRecord, conditions, page)

    async def children(self, parent_call_sid: str) -> list[CallRecord]:
        """The calls that a call dialled, oldest first."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM calls WHERE parent_call_sid = $1 ORDER BY date_created, sid", parent_call_sid
        )
        return loads(CallRecord, rows)

    async def claim(self, sid: str, node: str, lease: int) -> CallRecord | None:
        """Take a queued call for a voice node; None if it is taken, canceled or unknown. See `claim_batch`."""
        claimed = await self.claim_batch([sid], node, lease)
        return claimed[0] if claimed else None

    async def claim_batch(self, sids: Sequence[str], node: str, lease: int) -> list[CallRecord]:
        """Take those of `sids` that are queued and unclaimed for a voice node, in one statement.

        The job leaves the outbox: from here on the node's lease answers for the call.
        """
        attempts = 0

        async def attempt(connection: Connection) -> list[CallRecord]:
            nonlocal attempts
            attempts += 1
            claimed = loads(CallRecord, await connection.fetch(_CLAIM, list(sids), node, lease))
            if attempts > 1:
                known = [call.sid for call in claimed]
                before = await connection.fetch(_CLAIMED_BEFORE, list(sids), lease, known)
                claimed += loads(CallRecord, before)
            return claimed

        return await self._database.run(attempt)

    async def transition(
        self,
        sid: str,
        status: str,
        *,
        from_statuses: Collection[str],
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        duration: int | None = None,
        price: Decimal | None = None,
        sip_response_code: int | None = None,
        answered_by: str | None = None,
        callbacks: Sequence[CallbackDraft] = (),
    ) -> CallRecord | None:
        """Move a call to `status`, with its callbacks and (when terminal) its money, in one transaction.

        Moves made at the same time share a transaction; those of one call are made in the order of the calls
        of this method. Returns the new row; None when the row is not in one of `from_statuses`, or is
        terminal already: then nothing is written.
        """
        return await self._move.add(
            CallTransition(
                sid,
                status,
                from_statuses,
                start_time,
                end_time,
                duration,
                price,
                sip_response_code,
                answered_by,
                callbacks,
            )
        )

    async def transition_batch(self, moves: Sequence[CallTransition]) -> list[CallRecord | None]:
        """Make moves of different calls in one statement; the results are in the order of `moves`."""
        attempts = 0

        async def attempt(connection: Connection) -> dict[str, CallRecord]:
            nonlocal attempts
            attempts += 1
            moved = await move(connection, moves)
            return moved if attempts == 1 else await _made_before(connection, moves) | moved

        rows = await self._database.run(attempt)
        told = [made.sid for made in moves if made.callbacks and made.sid in rows]
        if told:
            self._database.announce([WorkNotice(Topic.CALLBACKS, 0, sid) for sid in told])
        return [rows.get(wanted.sid) for wanted in moves]

    async def cancel_queued(
        self, sid: str, end_time: datetime, callbacks: Sequence[CallbackDraft] = ()
    ) -> CallRecord | None:
        """Cancel a call that no voice node has claimed; None if one has (ask that node) or it is over."""
        return await self._move.add(
            CallTransition(
                sid,
                "canceled",
                ("queued",),
                end_time=end_time,
                duration=0,
                callbacks=callbacks,
                unclaimed=True,
            )
        )

    async def delete(self, account_sid: str, sid: str) -> DeleteOutcome:
        """Delete a call that is over, with its timeline."""

        async def delete(connection: Connection) -> DeleteOutcome:
            status = await connection.fetchval(
                "SELECT status FROM calls WHERE sid = $1 AND account_sid = $2 FOR UPDATE", sid, account_sid
            )
            if status is None:
                return DeleteOutcome.NOT_FOUND
            if status not in CALL_TERMINAL:
                return DeleteOutcome.LIVE
            await connection.execute("DELETE FROM calls WHERE sid = $1", sid)
            await erase(connection, sid, deleted=True)
            return DeleteOutcome.DELETED

        return await self._database.transact(delete)

    async def orphans(self, limit: int = 200) -> list[CallRecord]:
        """Live calls whose lease has ended by the store's own clock (see `leases`)."""
        rows = await self._database.fetch(
            f"""SELECT {columns(CallRecord, "c")} FROM calls AS c
                WHERE c.{LIVE_CALL} AND c.lease IS NOT NULL AND NOT EXISTS ({ALIVE} c.lease)
                LIMIT $1""",
            limit,
        )
        return loads(CallRecord, rows)


async def _made_before(connection: Connection, moves: Sequence[CallTransition]) -> dict[str, CallRecord]:
    """The rows that an attempt before this one has moved, whose commit was not heard of."""
    wanted = {made.sid: made.status for made in moves}
    rows = await connection.fetch(f"SELECT {_ALL} FROM calls WHERE sid = ANY($1)", list(wanted))
    return {record.sid: record for record in loads(CallRecord, rows) if record.status == wanted[record.sid]}
