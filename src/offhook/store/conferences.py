"""Conferences and who is in them. The node that keeps the room writes what has happened in it; others only read.

A conference is known by its name until it is completed, and then only by its SID. Whoever wants to be in one asks for
the name (`open`): a node that does takes the room if nobody has it. The node numbers its changes (`revision`), so that
one that is repeated, or that a node makes which has lost the room, writes nothing and tells nobody.

The row of a participant is there while its call is in the conference, or is on its way to it. One whose call is
over is not shown, whether it has been removed yet or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from offhook.store import outbox
from offhook.store.batcher import Batcher
from offhook.store.database import POISON, Connection, Database
from offhook.store.leases import ALIVE
from offhook.store.paging import ANY_TIME, Conditions, Page, PageResult, TimeRange, list_page
from offhook.store.records import (
    LIVE_CALL,
    CallbackDraft,
    ConferenceRecord,
    ParticipantRecord,
    Topic,
    WorkNotice,
)
from offhook.store.sql import column_names, columns, load, loads, transpose, unnest, values

_ALL: Final = columns(ConferenceRecord)
_NAMES: Final = column_names(ConferenceRecord)
_PARTICIPANT: Final = columns(ParticipantRecord)
_PARTICIPANT_NAMES: Final = column_names(ParticipantRecord)
_PARTICIPANT_KEY: Final = frozenset({"conference_sid", "call_sid", "account_sid", "date_created"})

_PACE: Final = 0.02
"""Seconds between statements that change conferences: those in them do not wait for it."""

_UNWANTED: Final = "interval '1 minute'"
"""After this a conference that was asked for by the API, and participants whose calls never came, are given up."""

_OPEN: Final = f"""
    INSERT INTO conferences AS c ({_ALL})
    SELECT {_ALL} FROM {unnest(ConferenceRecord, _NAMES)} ORDER BY account_sid, friendly_name
    ON CONFLICT (account_sid, friendly_name) WHERE status <> 'completed' DO UPDATE SET
        node = coalesce(c.node, excluded.node),
        lease = coalesce(c.lease, excluded.lease),
        callback = CASE WHEN c.node IS NULL THEN excluded.callback ELSE c.callback END
    RETURNING {columns(ConferenceRecord, "c")}, c.lease IS NULL OR EXISTS ({ALIVE} c.lease) AS alive
"""

_CHANGES: Final = """
    unnest($1::text[], $2::bigint[], $3::text[], $4::integer[], $5::text[], $6::text[])
        AS i(sid, revision, status, sequence, reason, call_sid)
"""

_CHANGE: Final = f"""
    WITH locked AS (SELECT sid FROM conferences WHERE sid = ANY($1) ORDER BY sid FOR UPDATE),
    changed AS (
        UPDATE conferences AS c SET
            revision = i.revision,
            status = i.status,
            sequence = i.sequence,
            reason_conference_ended = i.reason,
            call_sid_ending_conference = i.call_sid,
            date_updated = now()
        FROM {_CHANGES} JOIN locked USING (sid)
        WHERE c.sid = i.sid AND c.revision < i.revision AND c.status <> 'completed'
        RETURNING c.sid, c.status),
    told AS (
        INSERT INTO outbox (resource_sid, topic, payload)
        SELECT sid, '{Topic.CALLBACKS.value}', payload
        FROM unnest($7::text[], $8::jsonb[]) WITH ORDINALITY AS drafts(sid, payload, position)
            JOIN changed USING (sid)
        ORDER BY position),
    gone AS (
        DELETE FROM conference_participants AS p USING changed
        WHERE p.conference_sid = changed.sid AND (
            changed.status = 'completed'
            OR (p.conference_sid, p.call_sid) IN (SELECT * FROM unnest($9::text[], $10::text[])))),
    present AS (
        INSERT INTO conference_participants ({_PARTICIPANT})
        SELECT {columns(ParticipantRecord, "input")}
        FROM {unnest(ParticipantRecord, _PARTICIPANT_NAMES, 11)} JOIN changed ON changed.sid = conference_sid
        WHERE changed.status <> 'completed'
        ON CONFLICT (conference_sid, call_sid) DO UPDATE SET
            {", ".join(f"{name} = excluded.{name}" for name in _PARTICIPANT_NAMES if name not in _PARTICIPANT_KEY)})
    SELECT sid FROM changed
"""

_MADE_BEFORE: Final = f"""
    SELECT c.sid FROM conferences AS c JOIN {_CHANGES} USING (sid)
    WHERE c.revision = i.revision AND c.status = i.status
"""
"""What an attempt before this one has changed, whose commit was not heard of."""

_SHOWN_STATUS: Final = """
    CASE WHEN p.status = 'queued' THEN
        CASE calls.status
            WHEN 'initiated' THEN 'connecting' WHEN 'ringing' THEN 'ringing' WHEN 'in-progress' THEN 'connected'
            ELSE p.status END
        ELSE p.status END AS status
"""

_SHOWN: Final = f"""(
    SELECT {", ".join(_SHOWN_STATUS if name == "status" else f"p.{name}" for name in _PARTICIPANT_NAMES)}
    FROM conference_participants AS p JOIN calls ON calls.sid = p.call_sid AND calls.{LIVE_CALL}
) AS participants"""

_ORPHANS: Final = f"""
    SELECT {columns(ConferenceRecord, "c")} FROM conferences AS c
    WHERE c.status <> 'completed' AND CASE
        WHEN c.lease IS NOT NULL THEN NOT EXISTS ({ALIVE} c.lease)
        ELSE c.date_created < now() - {_UNWANTED} AND NOT EXISTS (
            SELECT FROM conference_participants AS p JOIN calls ON calls.sid = p.call_sid AND calls.{LIVE_CALL}
            WHERE p.conference_sid = c.sid) END
    LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class ConferenceFilters:
    """Filters of a list of conferences; None filters nothing."""

    status: str | None = None
    friendly_name: str | None = None
    date_created: TimeRange = ANY_TIME
    date_updated: TimeRange = ANY_TIME


@dataclass(frozen=True, slots=True)
class ParticipantFilters:
    """Filters of a list of participants; None filters nothing."""

    muted: bool | None = None
    hold: bool | None = None
    coaching: bool | None = None


@dataclass(frozen=True, slots=True)
class ConferenceChange:
    """What has become of a conference since its revision before, and who is told of it.

    Attributes:
        revision: one more than that of the change before; the first is 1.
        sequence: the number of the last callback until now.
        present: participants who came, or are different now.
        gone: calls that have left. Of a completed conference all have.
        callbacks: to be sent, in this order; they have their `SequenceNumber`.
    """

    sid: str
    revision: int
    status: str
    sequence: int = 0
    reason_conference_ended: str | None = None
    call_sid_ending_conference: str | None = None
    present: Sequence[ParticipantRecord] = ()
    gone: Sequence[str] = ()
    callbacks: Sequence[CallbackDraft] = ()


class Conferences:
    """The repository of conferences and their participants."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: Batcher[ConferenceRecord, ConferenceRecord | None] = Batcher(
            self._open_batch, key=lambda wanted: (wanted.account_sid, wanted.friendly_name), poison=POISON
        )
        self._change: Batcher[ConferenceChange, bool] = Batcher(
            self.change_batch, size=200, key=lambda change: change.sid, pace=_PACE, poison=POISON
        )

    async def open(self, wanted: ConferenceRecord) -> ConferenceRecord | None:
        """The account's conference of the name that is not completed: `wanted`, if there was none.

        One that no node keeps gets `wanted`'s node, lease and callback. None when the lease of its node has ended:
        the janitor completes it within seconds, so ask again. Safe to repeat.
        """
        return await self._open.add(wanted)

    async def change(self, change: ConferenceChange) -> bool:
        """Write a change together with its callbacks, in one transaction.

        Changes made at the same time share it; those of one conference are made in the order of the calls of this
        method. False, and nothing is written, when the conference is completed or has that revision already.
        """
        return await self._change.add(change)

    async def change_batch(self, changes: Sequence[ConferenceChange]) -> list[bool]:
        """Make changes of different conferences in one statement; the results are in the order of `changes`."""
        arguments = _arguments(changes)
        attempts = 0

        async def attempt(connection: Connection) -> set[str]:
            nonlocal attempts
            attempts += 1
            made = {row[0] for row in await connection.fetch(_CHANGE, *arguments)}
            if attempts > 1:
                made |= {row[0] for row in await connection.fetch(_MADE_BEFORE, *arguments[:6])}
            return made

        made = await self._database.run(attempt)
        told = [change.sid for change in changes if change.callbacks and change.sid in made]
        if told:
            self._database.announce([WorkNotice(Topic.CALLBACKS, 0, sid) for sid in told])
        return [change.sid in made for change in changes]

    async def expect(self, participant: ParticipantRecord) -> None:
        """Add one whose call is about to be dialled; it is shown once the call is there. Safe to repeat."""
        row = values(participant)
        marks = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        await self._database.execute(
            f"INSERT INTO conference_participants ({_PARTICIPANT}) VALUES ({marks}) "
            "ON CONFLICT (conference_sid, call_sid) DO NOTHING",
            *row,
        )

    async def fetch(self, account_sid: str, sid: str) -> ConferenceRecord | None:
        """A conference of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM conferences WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(ConferenceRecord, row)

    async def list_page(
        self, account_sid: str, filters: ConferenceFilters, page: Page
    ) -> PageResult[ConferenceRecord]:
        """Conferences of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("status", filters.status)
        conditions.equal("friendly_name", filters.friendly_name)
        conditions.within("date_created", filters.date_created)
        conditions.within("date_updated", filters.date_updated)
        return await list_page(self._database, "conferences", ConferenceRecord, conditions, page)

    async def participant(self, conference_sid: str, call: str) -> ParticipantRecord | None:
        """The participant with this call's SID, or else with this label, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_PARTICIPANT} FROM {_SHOWN} WHERE conference_sid = $1 AND (call_sid = $2 OR label = $2) "
            "ORDER BY call_sid = $2 DESC LIMIT 1",
            conference_sid,
            call,
        )
        return None if row is None else load(ParticipantRecord, row)

    async def participants_page(
        self, conference_sid: str, filters: ParticipantFilters, page: Page
    ) -> PageResult[ParticipantRecord]:
        """Those in a conference and on their way to it, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("conference_sid", conference_sid)
        conditions.equal("muted", filters.muted)
        conditions.equal("hold", filters.hold)
        conditions.equal("coaching", filters.coaching)
        return await list_page(self._database, _SHOWN, ParticipantRecord, conditions, page, key="call_sid")

    async def participants(self, conference_sids: Sequence[str]) -> list[ParticipantRecord]:
        """All rows of participants of these conferences, the oldest first, with the status that is written."""
        rows = await self._database.fetch(
            f"SELECT {_PARTICIPANT} FROM conference_participants WHERE conference_sid = ANY($1) "
            "ORDER BY date_created, call_sid",
            list(conference_sids),
        )
        return loads(ParticipantRecord, rows)

    async def orphans(self, limit: int = 200) -> list[ConferenceRecord]:
        """Conferences whose node's lease has ended, and those that the API asked for and nobody came to."""
        return loads(ConferenceRecord, await self._database.fetch(_ORPHANS, limit))

    async def sweep(self) -> int:
        """Remove participants whose calls have been over for a while; returns how many."""
        return await self._database.execute(
            f"DELETE FROM conference_participants AS p WHERE date_updated < now() - {_UNWANTED} AND NOT EXISTS "
            f"(SELECT FROM calls WHERE calls.sid = p.call_sid AND calls.{LIVE_CALL})"
        )

    async def _open_batch(self, wanted: Sequence[ConferenceRecord]) -> Sequence[ConferenceRecord | None]:
        rows = await self._database.fetch(_OPEN, *transpose([values(one) for one in wanted], len(_NAMES)))
        found = {
            (record.account_sid, record.friendly_name): record if alive else None
            for record, alive in ((load(ConferenceRecord, row[:-1]), row[-1]) for row in rows)
        }
        return [found[one.account_sid, one.friendly_name] for one in wanted]


def _arguments(changes: Sequence[ConferenceChange]) -> list[list[Any]]:
    """What the statement takes: changes, callbacks, those who have gone, those who are present."""
    rows = [
        (
            change.sid,
            change.revision,
            str(change.status),
            change.sequence,
            change.reason_conference_ended,
            change.call_sid_ending_conference,
        )
        for change in changes
    ]
    drafts = [(change.sid, outbox.payload(draft)) for change in changes for draft in change.callbacks]
    gone = [(change.sid, call_sid) for change in changes for call_sid in change.gone]
    present = {
        (one.conference_sid, one.call_sid): values(one)
        for change in changes
        for one in change.present
        if one.call_sid not in change.gone
    }
    return [
        *transpose(rows, 6),
        *transpose(drafts, 2),
        *transpose(gone, 2),
        *transpose(list(present.values()), len(_PARTICIPANT_NAMES)),
    ]
