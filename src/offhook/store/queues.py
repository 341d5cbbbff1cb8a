"""Queues and the calls that wait in them, in the order in which they came.

A queue stays when it is empty. The node of the call that came first keeps its room, and writes who comes and goes;
another node takes the room when nobody has it or its holder's lease has ended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from offhook.store.batcher import Batcher
from offhook.store.database import POISON, Connection, Database
from offhook.store.leases import ALIVE
from offhook.store.paging import MAX_PAGE, Conditions, Page, PageResult, list_page
from offhook.store.records import (
    LIVE_CALL,
    DeleteOutcome,
    QueueMemberRecord,
    QueueRecord,
    SizedQueueRecord,
)
from offhook.store.sql import column_names, columns, load, loads, transpose, unnest, values

_ALL: Final = columns(QueueRecord)
_NAMES: Final = column_names(QueueRecord)
_MEMBER: Final = columns(QueueMemberRecord)
_MEMBER_NAMES: Final = column_names(QueueMemberRecord)[:-1]
_NEW_MEMBER: Final = ", ".join(_MEMBER_NAMES)

WRITABLE: Final = frozenset({"friendly_name", "max_size"})
"""The fields that `Queues.update` takes."""

_OPEN: Final = f"""
    INSERT INTO queues AS q ({_ALL})
    SELECT {_ALL} FROM {unnest(QueueRecord, _NAMES)} ORDER BY account_sid, friendly_name
    ON CONFLICT (account_sid, friendly_name) DO UPDATE SET
        node = CASE WHEN EXISTS ({ALIVE} q.lease) THEN q.node ELSE excluded.node END,
        lease = CASE WHEN EXISTS ({ALIVE} q.lease) THEN q.lease ELSE excluded.lease END
    RETURNING {columns(QueueRecord, "q")}
"""

_MOVE: Final = f"""
    WITH gone AS (
        DELETE FROM queue_members WHERE (queue_sid, call_sid) IN (SELECT * FROM unnest($1::text[], $2::text[])))
    INSERT INTO queue_members ({_NEW_MEMBER})
    SELECT {_NEW_MEMBER} FROM {unnest(QueueMemberRecord, _MEMBER_NAMES, 3)}
    ON CONFLICT (queue_sid, call_sid) DO NOTHING
"""
"""New rows get their positions in the order of the arrays."""

_KEEPER: Final = f"CASE WHEN EXISTS ({ALIVE} queues.lease) THEN queues.node END AS node"
"""The node that can be asked to change the queue."""

_SIZED: Final = f"""(
    SELECT {", ".join(_KEEPER if name == "node" else f"queues.{name}" for name in _NAMES)},
        members.current_size, members.average_wait_time
    FROM queues CROSS JOIN LATERAL (
        SELECT count(*) AS current_size,
            coalesce(avg(greatest(0, extract(epoch FROM now() - date_enqueued))), 0)::bigint AS average_wait_time
        FROM queue_members WHERE queue_sid = queues.sid) AS members
) AS queues"""

_ORDERED: Final = f"""(
    SELECT {_NEW_MEMBER}, row_number() OVER (ORDER BY position) AS position
    FROM queue_members WHERE queue_sid = $1
) AS members"""

_SWEEP: Final = f"""
    DELETE FROM queue_members AS m
    WHERE NOT EXISTS ({ALIVE} m.lease)
       OR NOT EXISTS (SELECT FROM calls WHERE calls.sid = m.call_sid AND calls.{LIVE_CALL})
"""


class QueueExistsError(Exception):
    """The account has a queue of that name already (REST 22003)."""


@dataclass(frozen=True, slots=True)
class MemberGone:
    """A call does not wait in a queue any more."""

    queue_sid: str
    call_sid: str


class Queues:
    """The repository of queues and their members."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Batcher[QueueRecord, QueueRecord] = Batcher(
            self._open_batch, key=lambda wanted: (wanted.account_sid, wanted.friendly_name), poison=POISON
        )
        self._moves: Batcher[QueueMemberRecord | MemberGone, None] = Batcher(
            self._move_batch, key=lambda move: (move.queue_sid, move.call_sid), poison=POISON
        )

    async def open(self, wanted: QueueRecord) -> QueueRecord:
        """The account's queue of the name: `wanted`, if there was none. Safe to repeat.

        One that no living node keeps gets `wanted`'s node and lease.
        """
        return await self._open.add(wanted)

    async def add_member(self, member: QueueMemberRecord) -> None:
        """Put a call behind those that wait. Calls that come at the same time share a transaction; safe to repeat."""
        await self._moves.add(member)

    async def remove_member(self, queue_sid: str, call_sid: str) -> None:
        """Take a call out, after it was put in, if it is there."""
        await self._moves.add(MemberGone(queue_sid, call_sid))

    async def create(self, queue: QueueRecord) -> None:
        """Add a queue; does nothing if its SID is there already.

        Raises:
            QueueExistsError: the account has one of that name.
        """
        row = values(queue)
        marks = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        try:
            await self._database.execute(
                f"INSERT INTO queues ({_ALL}) VALUES ({marks}) ON CONFLICT (sid) DO NOTHING", *row
            )
        except asyncpg.UniqueViolationError as error:
            raise QueueExistsError(queue.friendly_name) from error

    async def find(self, account_sid: str, friendly_name: str) -> QueueRecord | None:
        """The account's queue of that name, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM queues WHERE account_sid = $1 AND friendly_name = $2",
            account_sid,
            friendly_name,
        )
        return None if row is None else load(QueueRecord, row)

    async def fetch(self, account_sid: str, sid: str) -> SizedQueueRecord | None:
        """A queue of an account, or None. Its `node` is None when its lease has ended."""
        row = await self._database.fetchrow(
            f"SELECT {columns(SizedQueueRecord)} FROM {_SIZED} WHERE sid = $1 AND account_sid = $2",
            sid,
            account_sid,
        )
        return None if row is None else load(SizedQueueRecord, row)

    async def list_page(self, account_sid: str, page: Page) -> PageResult[SizedQueueRecord]:
        """Queues of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        return await list_page(self._database, _SIZED, SizedQueueRecord, conditions, page)

    async def update(self, account_sid: str, sid: str, changes: Mapping[str, Any]) -> bool:
        """Set the columns of `changes` (of `WRITABLE`); False if there is no such queue.

        Raises:
            ValueError: a change names no writable column.
            QueueExistsError: the account has another queue of that name.
        """
        if unknown := changes.keys() - WRITABLE:
            raise ValueError(f"not writable: {sorted(unknown)}")
        sets = "".join(f'"{name}" = ${at}, ' for at, name in enumerate(changes, 3))
        try:
            return bool(
                await self._database.execute(
                    f"UPDATE queues SET {sets}date_updated = now() WHERE sid = $1 AND account_sid = $2",
                    sid,
                    account_sid,
                    *changes.values(),
                )
            )
        except asyncpg.UniqueViolationError as error:
            raise QueueExistsError(str(changes.get("friendly_name"))) from error

    async def delete(self, account_sid: str, sid: str) -> DeleteOutcome:
        """Delete a queue in which nobody waits."""

        async def delete(connection: Connection) -> DeleteOutcome:
            if not await connection.fetchval(
                "SELECT true FROM queues WHERE sid = $1 AND account_sid = $2 FOR UPDATE", sid, account_sid
            ):
                return DeleteOutcome.NOT_FOUND
            if await connection.fetchval(
                "SELECT EXISTS (SELECT FROM queue_members WHERE queue_sid = $1)", sid
            ):
                return DeleteOutcome.LIVE
            await connection.execute("DELETE FROM queues WHERE sid = $1", sid)
            return DeleteOutcome.DELETED

        return await self._database.transact(delete)

    async def member(self, queue_sid: str, call_sid: str | None) -> QueueMemberRecord | None:
        """A call that waits, or (None) the first; None when it does not."""
        row = await self._database.fetchrow(
            f"SELECT {_MEMBER} FROM {_ORDERED} WHERE $2::text IS NULL OR call_sid = $2 ORDER BY position LIMIT 1",
            queue_sid,
            call_sid,
        )
        return None if row is None else load(QueueMemberRecord, row)

    async def members_page(self, queue_sid: str, page: Page) -> PageResult[QueueMemberRecord]:
        """The calls that wait in a queue, the first first. Pages are found by number: the order of members changes."""
        start = min(page.page, MAX_PAGE) * page.page_size
        rows = await self._database.fetch(
            f"SELECT {_MEMBER} FROM {_ORDERED} ORDER BY position LIMIT {page.page_size + 1} OFFSET {start}",
            queue_sid,
        )
        members = loads(QueueMemberRecord, rows)
        after = "" if len(members) > page.page_size else None
        before = "" if page.page else None
        return PageResult(members[: page.page_size], page.page, page.page_size, after, before)

    async def sweep(self) -> int:
        """Remove members whose node's lease has ended, or whose call is over; returns how many."""
        return await self._database.execute(_SWEEP)

    async def _open_batch(self, wanted: Sequence[QueueRecord]) -> Sequence[QueueRecord]:
        rows = await self._database.fetch(_OPEN, *transpose([values(one) for one in wanted], len(_NAMES)))
        found = {(queue.account_sid, queue.friendly_name): queue for queue in loads(QueueRecord, rows)}
        return [found[one.account_sid, one.friendly_name] for one in wanted]

    async def _move_batch(self, moves: Sequence[QueueMemberRecord | MemberGone]) -> Sequence[None]:
        gone = [(move.queue_sid, move.call_sid) for move in moves if isinstance(move, MemberGone)]
        come = [values(move)[:-1] for move in moves if isinstance(move, QueueMemberRecord)]
        await self._database.execute(_MOVE, *transpose(gone, 2), *transpose(come, len(_MEMBER_NAMES)))
        return [None] * len(moves)
