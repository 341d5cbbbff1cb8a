"""Text messages.

The api (or a TwiML document) makes outbound ones, the messaging node sends them and makes the inbound ones.

As with calls, a status moves only from one that the mover names and never out of a terminal one, and what the
move means (callbacks, money, the end of the job in the outbox) is committed with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from offhook.store.database import Connection, Database, GroupCommit
from offhook.store.erasure import ORIGIN, erase
from offhook.store.message_transitions import WAITING, MessageTransition, move, segment_rows
from offhook.store.paging import ANY_TIME, Conditions, Page, PageResult, TimeRange, list_page
from offhook.store.records import (
    DeleteOutcome,
    MessageRecord,
    Topic,
    WorkNotice,
)
from offhook.store.sql import columns, load, loads, recordset, transpose

HOLD: Final = timedelta(seconds=12)
"""How long a claim outlives a process that dies: until then its texts wait."""

YOUNG: Final = timedelta(seconds=3)
"""How long after its commit a job belongs to whom the bus tells of it, without a claim."""

_HELD: Final = f"interval '{HOLD.seconds} seconds'"
_ALL = columns(MessageRecord)
_LONGEST_WAIT = timedelta(days=36)
"""A scheduled message is sent at most 35 days after it is made."""

_CREATE = f"""
    WITH made AS (
        INSERT INTO messages ({_ALL})
        SELECT {_ALL} FROM {recordset(MessageRecord)}
        WHERE NOT EXISTS (SELECT FROM erased WHERE erased.sid = input.sid)
        ON CONFLICT (sid) DO NOTHING
        RETURNING sid, date_created)
    INSERT INTO outbox (resource_sid, topic, payload, due_at, announce_at)
    SELECT sid, '{Topic.MESSAGES.value}', '{{}}', now() + {_HELD}, now() + {_HELD} FROM made
    RETURNING topic, id, resource_sid
"""

_ANNOUNCED = f"""
    SELECT {columns(MessageRecord, "m")} FROM outbox JOIN messages AS m ON m.sid = outbox.resource_sid
    WHERE outbox.id = ANY($1) AND attempts = 0 AND created_at > now() - interval '{YOUNG.seconds} seconds'
      AND (m.direction = 'inbound' OR m.status = ANY($2))
"""

_CLAIM = f"""
    WITH held AS (
        SELECT id FROM outbox
        WHERE resource_sid = ANY($1) AND topic = '{Topic.MESSAGES.value}'
          AND (attempts = 0 OR due_at <= now())
        FOR UPDATE SKIP LOCKED),
    claimed AS (
        UPDATE outbox SET due_at = now() + $2, announce_at = now() + $2, attempts = attempts + 1
        FROM held WHERE outbox.id = held.id
        RETURNING outbox.id, outbox.resource_sid)
    UPDATE messages AS m SET
        status = CASE WHEN m.direction = 'inbound' THEN m.status ELSE 'sending' END,
        date_updated = now()
    FROM claimed
    WHERE m.sid = claimed.resource_sid AND (m.direction = 'inbound' OR m.status = ANY($3))
    RETURNING {columns(MessageRecord, "m")}
"""

_KEEP = f"""
    WITH kept AS (
        UPDATE outbox SET due_at = now() + $2, announce_at = now() + $2, attempts = greatest(attempts, 1)
        WHERE resource_sid = ANY($1) AND topic = '{Topic.MESSAGES.value}')
    UPDATE messages SET status = 'sending', date_updated = now() WHERE sid = ANY($1) AND status = 'queued'
"""

_SEGMENTS = """
    INSERT INTO message_segments (message_sid, segment, smsc, smsc_id)
    SELECT * FROM unnest($1::text[], $2::smallint[], $3::text[], $4::text[])
    ON CONFLICT (message_sid, segment) DO UPDATE SET smsc = excluded.smsc, smsc_id = excluded.smsc_id
"""

_RECEIPTS = """
    WITH input AS (
        SELECT * FROM unnest($1::integer[], $2::integer[], $3::text[], $4::text[], $5::text[])
            AS input(number, rank, smsc, smsc_id, receipt)),
    matches AS (
        SELECT i.number, i.rank, i.receipt, s.message_sid, s.segment,
            min(i.rank) OVER (PARTITION BY i.number) = max(i.rank) OVER (PARTITION BY i.number) AS alone
        FROM input AS i JOIN message_segments AS s ON s.smsc_id = i.smsc_id AND s.smsc = i.smsc),
    best AS (
        SELECT DISTINCT ON (number) number, rank, alone, receipt, message_sid, segment FROM matches
        ORDER BY number, rank, message_sid DESC),
    latest AS (
        SELECT DISTINCT ON (message_sid, segment) message_sid, segment, receipt FROM best
        WHERE receipt IS NOT NULL ORDER BY message_sid, segment, number DESC),
    marked AS (
        UPDATE message_segments AS s SET receipt = latest.receipt FROM latest
        WHERE (s.message_sid, s.segment) = (latest.message_sid, latest.segment)
        RETURNING s.message_sid, s.segment, s.receipt)
    SELECT best.number, best.rank, best.alone, s.smsc, s.smsc_id, s.message_sid, s.segment,
        coalesce(m.receipt, s.receipt) AS receipt
    FROM message_segments AS s
    LEFT JOIN marked AS m USING (message_sid, segment)
    LEFT JOIN best USING (message_sid, segment)
    WHERE s.message_sid IN (SELECT message_sid FROM best)
"""


@dataclass(frozen=True, slots=True)
class MessageFilters:
    """Filters of a list of messages; None filters nothing."""

    to: str | None = None
    from_: str | None = None
    date_sent: TimeRange = ANY_TIME


@dataclass(frozen=True, slots=True)
class Receipt:
    """A delivery receipt of one segment.

    Attributes:
        smsc_ids: the ids that the centre may mean, likeliest first.
        state: what to keep of it, or None for one that says nothing final.
    """

    smsc: str
    smsc_ids: Sequence[str]
    state: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """The segment that a receipt is about.

    Attributes:
        rank: the index of the id that matched.
        only: whether none of the other ids would have matched something too.
    """

    message_sid: str
    segment: int
    rank: int
    only: bool


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """A segment that a centre took, and the state of its last receipt, if one came."""

    smsc: str
    smsc_id: str
    message_sid: str
    segment: int
    receipt: str | None


class Messages:
    """The repository of messages."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._create = GroupCommit(database, _CREATE)

    async def create_message(self, message: MessageRecord) -> None:
        """Commit an outbound message together with the outbox row that has it sent.

        Messages made at the same time share a transaction.
        """
        await self._create.add(message)

    async def insert_inbound(self, message: MessageRecord) -> None:
        """Commit a received message together with the outbox row that has its webhook asked.

        `claim_batch` gives the job out; its end is reported by `Outbox.done_for(Topic.MESSAGES, [sid])`. The same
        path as `create_message`, whose batches it shares; the direction tells the two apart.
        """
        await self._create.add(message)

    async def fetch(self, account_sid: str, sid: str) -> MessageRecord | None:
        """A message of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM messages WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(MessageRecord, row)

    async def fetch_batch(self, sids: Sequence[str]) -> dict[str, MessageRecord]:
        """Messages by SID, whosever they are."""
        rows = await self._database.fetch(f"SELECT {_ALL} FROM messages WHERE sid = ANY($1)", list(sids))
        return {record.sid: record for record in loads(MessageRecord, rows)}

    async def list_page(
        self, account_sid: str, filters: MessageFilters, page: Page
    ) -> PageResult[MessageRecord]:
        """Messages of an account, newest first.

        `date_sent` has no index of its own (a status change would have to write it): it is close enough to
        `date_created` for that to bound the search.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("to", filters.to)
        conditions.equal("from", filters.from_)
        sent = filters.date_sent
        conditions.within("date_sent", sent)
        since = None if sent.since is None else sent.since - _LONGEST_WAIT
        until = None if sent.until is None else sent.until + timedelta(hours=1)
        conditions.within("date_created", TimeRange(since, until))
        return await list_page(self._database, "messages", MessageRecord, conditions, page)

    async def announced(self, ids: Sequence[int]) -> list[MessageRecord]:
        """The messages of those of these jobs, by their ids in the outbox, that are young and were never claimed.

        A job is committed as if it were claimed for `HOLD`, for whom the bus tells of it: it tells one consumer,
        and another only when that one has been silent for longer than a job is young. So nothing is written
        before the message is sent. The consumer must `keep` what takes it longer than a moment.
        """
        return loads(MessageRecord, await self._database.fetch(_ANNOUNCED, list(ids), sorted(WAITING)))

    async def claim_batch(self, sids: Sequence[str], hold: timedelta = HOLD) -> list[MessageRecord]:
        """Claim the jobs of those of `sids` that nobody holds: outbound ones become `sending`.

        Outbound messages are to be sent, inbound ones (`direction`) are webhook jobs. A claim ends with a
        transition out of `sending` (or `Outbox.done_for`), or after `hold`, when the job may be claimed
        again: a consumer that dies between the centre's answer and its transition sends such a message twice.
        What is recorded (`segments_of`) says which segments the centre has. Only who was told of a job may claim
        it while it is young, see `announced`; a sweeper finds it when its first hold is over.

        A repeat after a lost connection finds the jobs held; they are claimed again when the hold is over.
        """
        waiting = sorted(WAITING)
        return loads(MessageRecord, await self._database.fetch(_CLAIM, list(sids), hold, waiting))

    async def keep(self, sids: Sequence[str], hold: timedelta = HOLD) -> None:
        """Hold jobs for longer, such as messages that wait for their turn: those that are `queued` are `sending`."""
        await self._database.execute(_KEEP, list(sids), hold)

    async def transition_batch(self, moves: Sequence[MessageTransition]) -> set[str]:
        """Make moves of different messages in one statement, and return the SIDs of those that were made.

        The others were not in one of `from_statuses`, or terminal already: nothing is written for them.
        """
        attempts = 0

        async def attempt(connection: Connection) -> set[str]:
            nonlocal attempts
            attempts += 1
            moved = await move(connection, moves)
            return moved if attempts == 1 else await _made_before(connection, moves) | moved

        moved = await self._database.run(attempt)
        if told := [
            WorkNotice(Topic.CALLBACKS, 0, made.sid) for made in moves if made.callbacks and made.sid in moved
        ]:
            self._database.announce(told)
        return moved

    async def record_segments(self, messages: Sequence[tuple[str, str, Sequence[str | None]]]) -> None:
        """Note the ids a centre gave messages' segments, when that is not part of a transition.

        For each message its SID, the centre, and the ids in order, None where there is none.
        """
        await self._database.transact(lambda c: _insert_segments(c, messages))

    async def segments_of(self, sids: Collection[str]) -> dict[str, list[SegmentRecord]]:
        """The segments that a centre took of those of the messages that have any, in order."""
        rows = await self._database.fetch(
            f"SELECT {columns(SegmentRecord)} FROM message_segments WHERE message_sid = ANY($1) "
            "ORDER BY message_sid, segment",
            list(sids),
        )
        found: dict[str, list[SegmentRecord]] = {}
        for segment in loads(SegmentRecord, rows):
            found.setdefault(segment.message_sid, []).append(segment)
        return found

    async def record_receipts(
        self, receipts: Sequence[Receipt]
    ) -> tuple[list[Match | None], dict[str, list[SegmentRecord]]]:
        """Note delivery receipts, in one statement.

        Each is about the newest message that the first of its ids that is known belongs to. Returns for each
        receipt what it is about (None when it may have overtaken the commit of the ids: try it again), and
        every segment of each message concerned, by message SID and in order, so that the caller can tell
        whether a message is delivered as a whole.
        """
        rows = [
            (number, rank, receipt.smsc, smsc_id, receipt.state)
            for number, receipt in enumerate(receipts)
            for rank, smsc_id in enumerate(receipt.smsc_ids)
        ]
        matches: list[Match | None] = [None] * len(receipts)
        messages: dict[str, dict[int, SegmentRecord]] = {}
        for row in await self._database.fetch(_RECEIPTS, *transpose(rows, 5)):
            segment = SegmentRecord(*row[3:])
            messages.setdefault(segment.message_sid, {})[segment.segment] = segment
            if row[0] is not None:
                matches[row[0]] = Match(segment.message_sid, segment.segment, row[1], row[2])
        return matches, {
            sid: [segment for _, segment in sorted(segments.items())] for sid, segments in messages.items()
        }

    async def redact(self, account_sid: str, sid: str) -> MessageRecord | None:
        """Empty the body of a message, and what timelines quote of it, for ever; None if there is none."""

        async def redact(connection: Connection) -> MessageRecord | None:
            row = await connection.fetchrow(
                "UPDATE messages SET body = '', date_updated = now() "
                f"WHERE sid = $1 AND account_sid = $2 RETURNING {_ALL}",
                sid,
                account_sid,
            )
            if row is None:
                return None
            record = load(MessageRecord, row)
            await erase(connection, sid, deleted=False, origin=record.request.get(ORIGIN))
            return record

        return await self._database.transact(redact)

    async def delete(self, account_sid: str, sid: str) -> DeleteOutcome:
        """Delete a message that has left, arrived or failed, with its segments, its timeline and its job."""

        async def delete(connection: Connection) -> DeleteOutcome:
            row = await connection.fetchrow(
                "SELECT status, request FROM messages WHERE sid = $1 AND account_sid = $2 FOR UPDATE",
                sid,
                account_sid,
            )
            if row is None:
                return DeleteOutcome.NOT_FOUND
            if row["status"] in WAITING:
                return DeleteOutcome.LIVE
            await connection.execute("DELETE FROM messages WHERE sid = $1", sid)
            await connection.execute("DELETE FROM message_segments WHERE message_sid = $1", sid)
            await connection.execute(
                "DELETE FROM outbox WHERE resource_sid = $1 AND topic = $2", sid, Topic.MESSAGES
            )
            await erase(connection, sid, deleted=True, origin=row["request"].get(ORIGIN))
            return DeleteOutcome.DELETED

        return await self._database.transact(delete)


async def _made_before(connection: Connection, moves: Sequence[MessageTransition]) -> set[str]:
    """The messages that an attempt before this one has moved, whose commit was not heard of."""
    wanted = {made.sid: made.status for made in moves}
    rows = await connection.fetch("SELECT sid, status FROM messages WHERE sid = ANY($1)", list(wanted))
    return {sid for sid, status in rows if status == wanted[sid]}


async def _insert_segments(
    connection: Connection, messages: Sequence[tuple[str, str, Sequence[str | None]]]
) -> None:
    rows = [row for message in messages for row in segment_rows(*message)]
    if rows:
        await connection.execute(_SEGMENTS, *transpose(rows, 4))
