"""Moves of calls from one status to another: many calls' moves, with all that they mean, in one statement.

The rows, the callbacks in the outbox, the end of the job and the entries of the ledger are parts of one statement, so
they are one transaction and one round trip. The row's lock decides who moves a call: whoever comes second finds
it in another status, and none of the parts has anything to do for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from offhook.store import outbox
from offhook.store.database import Connection
from offhook.store.ledger import booking
from offhook.store.records import CALL_TERMINAL, CURRENCY, CallbackDraft, CallRecord, Topic
from offhook.store.sql import columns, load, transpose, unnest_in_order

_TERMINAL: Final = sorted(CALL_TERMINAL)

_MOVE_COLUMNS: Final = (
    ("sid", "text"),
    ("status", "text"),
    ("from_statuses", "text"),
    ("unclaimed", "boolean"),
    ("start_time", "timestamptz"),
    ("end_time", "timestamptz"),
    ("duration", "integer"),
    ("price", "numeric"),
    ("sip_response_code", "integer"),
    ("answered_by", "text"),
    ("numbered", "integer"),
)

_DRAFT_COLUMNS: Final = (("sid", "text"), ("payload", "jsonb"), ("back", "integer"))
"""`back`: how far before the call's new sequence the callback's number is; NULL for one without a number."""


_MOVE: Final = f"""
    WITH locked AS (SELECT sid FROM calls WHERE sid = ANY($1) ORDER BY sid FOR UPDATE),
    moved AS (
        UPDATE calls AS c SET
            status = i.status,
            start_time = coalesce(i.start_time, c.start_time),
            end_time = coalesce(i.end_time, c.end_time),
            duration = coalesce(i.duration, c.duration),
            price = coalesce(i.price, c.price),
            sip_response_code = coalesce(i.sip_response_code, c.sip_response_code),
            answered_by = coalesce(i.answered_by, c.answered_by),
            sequence = c.sequence + i.numbered,
            date_updated = now()
        FROM {unnest_in_order(_MOVE_COLUMNS, 1, "i")} JOIN locked USING (sid)
        WHERE c.sid = i.sid AND c.status = ANY(string_to_array(i.from_statuses, ','))
          AND NOT c.status = ANY($15) AND NOT (i.unclaimed AND c.node IS NOT NULL)
        RETURNING {columns(CallRecord, "c")}, i.position),
    told AS (
        INSERT INTO outbox (resource_sid, topic, payload)
        SELECT sid, '{Topic.CALLBACKS.value}', CASE WHEN back IS NULL THEN payload ELSE payload
            || jsonb_build_object('params', payload -> 'params'
                || jsonb_build_array(jsonb_build_array('SequenceNumber', (moved.sequence - back)::text))) END
        FROM {unnest_in_order(_DRAFT_COLUMNS, 12, "drafts")} JOIN moved USING (sid)
        ORDER BY drafts.position),
    ended AS (SELECT * FROM moved WHERE status = ANY($15)),
    done AS (
        DELETE FROM outbox USING ended
        WHERE outbox.resource_sid = ended.sid AND outbox.topic = '{Topic.CALLS.value}'),
    {booking("call", "ended WHERE price <> 0", "$16")}
    SELECT {columns(CallRecord)} FROM moved
"""


class CallTransition(Struct, frozen=True):
    """A move of a call to another status, and what is committed with it.

    Attributes:
        from_statuses: the statuses it may move from; terminal ones are never left.
        duration: seconds from answer to end.
        price: what the call costs, zero or negative; booked when `status` is terminal.
        unclaimed: only if no voice node has claimed it yet.
    """

    sid: str
    status: str
    from_statuses: Collection[str]
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration: int | None = None
    price: Decimal | None = None
    sip_response_code: int | None = None
    answered_by: str | None = None
    callbacks: Sequence[CallbackDraft] = ()
    unclaimed: bool = False


async def move(connection: Connection, moves: Sequence[CallTransition]) -> dict[str, CallRecord]:
    """Make moves of different calls, and return the rows of those that were made, by SID."""
    drafts = [row for wanted in moves for row in _drafts(wanted)]
    fetched = await connection.fetch(
        _MOVE,
        *transpose([_row(wanted) for wanted in moves], len(_MOVE_COLUMNS)),
        *transpose(drafts, len(_DRAFT_COLUMNS)),
        _TERMINAL,
        CURRENCY,
    )
    return {row[0]: load(CallRecord, row) for row in fetched}


def _row(wanted: CallTransition) -> tuple[Any, ...]:
    return (
        wanted.sid,
        str(wanted.status),
        ",".join(sorted(wanted.from_statuses)),
        wanted.unclaimed,
        wanted.start_time,
        wanted.end_time,
        wanted.duration,
        wanted.price,
        wanted.sip_response_code,
        wanted.answered_by,
        sum(draft.numbered for draft in wanted.callbacks),
    )


def _drafts(wanted: CallTransition) -> Iterator[tuple[Any, ...]]:
    back = sum(draft.numbered for draft in wanted.callbacks)
    for draft in wanted.callbacks:
        yield wanted.sid, outbox.payload(draft), back if draft.numbered else None
        back -= draft.numbered
