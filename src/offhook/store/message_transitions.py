"""Moves of messages from one status to another: many messages' moves, with all that they mean, in one statement.

The rows, the segments that a centre took, the callbacks in the outbox, the end of the job and the entries of the
ledger are parts of one statement, so they are one transaction and one round trip. The row's lock decides who moves a
message: whoever comes second finds it in another status, and none of the parts has anything to do for it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from offhook.store import outbox
from offhook.store.database import Connection
from offhook.store.ledger import booking
from offhook.store.records import CURRENCY, MESSAGE_TERMINAL, CallbackDraft, Topic
from offhook.store.sql import transpose, unnest_in_order

WAITING: Final = frozenset({"accepted", "scheduled", "queued", "sending"})
"""The statuses in which a message's job is not done."""

_TERMINAL: Final = sorted(MESSAGE_TERMINAL)
_UNDONE: Final = sorted(WAITING)

_MOVE_COLUMNS: Final = (
    ("sid", "text"),
    ("status", "text"),
    ("from_statuses", "text"),
    ("error_code", "integer"),
    ("error_message", "text"),
    ("date_sent", "timestamptz"),
    ("price", "numeric"),
    ("num_segments", "integer"),
)
_SEGMENT_COLUMNS: Final = (("sid", "text"), ("segment", "smallint"), ("smsc", "text"), ("smsc_id", "text"))
_DRAFT_COLUMNS: Final = (("sid", "text"), ("payload", "jsonb"))

_CHARGED: Final = """moved WHERE priced AND price <> 0 AND NOT EXISTS (
            SELECT FROM ledger WHERE ledger.resource_sid = moved.sid AND ledger.kind = 'message')"""
"""Messages that have a price since this move, and not from an earlier one."""

_MOVE: Final = f"""
    WITH moved AS (
        UPDATE messages AS m SET
            status = i.status,
            error_code = coalesce(i.error_code, m.error_code),
            error_message = coalesce(i.error_message, m.error_message),
            date_sent = coalesce(m.date_sent, i.date_sent),
            price = coalesce(m.price, i.price),
            num_segments = coalesce(i.num_segments, m.num_segments),
            date_updated = now()
        FROM {unnest_in_order(_MOVE_COLUMNS, 1, "i")}
        WHERE m.sid = i.sid AND m.status = ANY(string_to_array(i.from_statuses, ','))
          AND NOT m.status = ANY($15)
        RETURNING m.sid, m.account_sid, m.status, m.price, i.position, i.price IS NOT NULL AS priced),
    taken AS (
        INSERT INTO message_segments (message_sid, segment, smsc, smsc_id)
        SELECT sid, segment, smsc, smsc_id
        FROM {unnest_in_order(_SEGMENT_COLUMNS, 9, "segments")} JOIN moved USING (sid)
        ON CONFLICT (message_sid, segment) DO UPDATE SET smsc = excluded.smsc, smsc_id = excluded.smsc_id),
    told AS (
        INSERT INTO outbox (resource_sid, topic, payload)
        SELECT sid, '{Topic.CALLBACKS.value}', payload
        FROM {unnest_in_order(_DRAFT_COLUMNS, 13, "drafts")} JOIN moved USING (sid)
        ORDER BY drafts.position),
    done AS (
        DELETE FROM outbox USING moved
        WHERE outbox.resource_sid = moved.sid AND outbox.topic = '{Topic.MESSAGES.value}'
          AND NOT moved.status = ANY($16)),
    {booking("message", _CHARGED, "$17")}
    SELECT sid FROM moved
"""


class MessageTransition(Struct, frozen=True, gc=False):
    """A move of a message to another status, and what is committed with it.

    Attributes:
        from_statuses: the statuses it may move from; terminal ones are never left.
        date_sent, price: kept from the first move that gives them; the price is booked then.
        smsc, smsc_ids: the centre that took the message and the id it gave each segment, in order; None for
            a segment that it has not taken, or whose id is noted already.
    """

    sid: str
    status: str
    from_statuses: Collection[str]
    error_code: int | None = None
    error_message: str | None = None
    date_sent: datetime | None = None
    price: Decimal | None = None
    num_segments: int | None = None
    callbacks: Sequence[CallbackDraft] = ()
    smsc: str = ""
    smsc_ids: Sequence[str | None] = ()


async def move(connection: Connection, moves: Sequence[MessageTransition]) -> set[str]:
    """Make moves of different messages, and return the SIDs of those that were made.

    Rows are locked in the order of their SIDs, so that two batches wait for each other in one direction.
    """
    moves = sorted(moves, key=attrgetter("sid"))
    taken = [row for wanted in moves for row in segment_rows(wanted.sid, wanted.smsc, wanted.smsc_ids)]
    drafts = [(wanted.sid, outbox.payload(draft)) for wanted in moves for draft in wanted.callbacks]
    fetched = await connection.fetch(
        _MOVE,
        *transpose([_row(wanted) for wanted in moves], len(_MOVE_COLUMNS)),
        *transpose(taken, len(_SEGMENT_COLUMNS)),
        *transpose(drafts, len(_DRAFT_COLUMNS)),
        _TERMINAL,
        _UNDONE,
        CURRENCY,
    )
    return {row[0] for row in fetched}


def segment_rows(sid: str, smsc: str, smsc_ids: Sequence[str | None]) -> Iterator[tuple[str, int, str, str]]:
    """A row of `message_segments` for each segment with an id."""
    for number, smsc_id in enumerate(smsc_ids):
        if smsc_id is not None:
            yield sid, number, smsc, smsc_id


def _row(wanted: MessageTransition) -> tuple[Any, ...]:
    return (
        wanted.sid,
        str(wanted.status),
        ",".join(sorted(wanted.from_statuses)),
        wanted.error_code,
        wanted.error_message,
        wanted.date_sent,
        wanted.price,
        wanted.num_segments,
    )
