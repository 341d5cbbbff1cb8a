"""Ends the conferences whose voice node is gone, as if everybody in them had left.

Their participants' calls are ended by `orphans`; here the conference gets its last status and its callbacks, numbered
on from those that were sent, in one transaction. One that the API asked for and nobody came to ends too, without
any. Should the node be alive after all, the store lets only one of the two end it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

import msgspec

from offhook.calls.rooms import conference
from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import Conference, ConferenceStatus, ReasonEnded
from offhook.calls.rooms.effects import Report
from offhook.calls.rooms.events import Left
from offhook.calls.rooms.participant import Participant
from offhook.clock import utcnow
from offhook.store.conferences import ConferenceChange
from offhook.store.records import CallbackDraft, ConferenceRecord, ParticipantRecord
from offhook.store.store import Store
from offhook.twiml.effects import StatusCallback

logger = logging.getLogger(__name__)


async def end_conferences(store: Store, limit: int = 200) -> int:
    """End up to `limit` conferences that no node keeps any more, and return how many."""
    orphans = await store.conferences.orphans(limit)
    if not orphans:
        return 0
    present: dict[str, list[ParticipantRecord]] = {}
    for one in await store.conferences.participants([record.sid for record in orphans]):
        if one.status == "connected":
            present.setdefault(one.conference_sid, []).append(one)
    now = utcnow()
    changes = [ending(record, present.get(record.sid, ()), now) for record in orphans]
    ended = sum(await store.conferences.change_batch(changes))
    logger.warning("ended %d conferences whose voice node is gone, or to which nobody came", ended)
    return ended


def ending(record: ConferenceRecord, present: Sequence[ParticipantRecord], at: datetime) -> ConferenceChange:
    """How an orphaned conference ends: those who are in it leave one after the other. Pure."""
    room = _room(record, present)
    reports: list[Report] = []
    for one in room.participants:
        room, done = conference.step(room, Left(one.call_sid, status="completed"), at.timestamp())
        reports += [effect for effect in done if isinstance(effect, Report)]
    callbacks = [conference_callback(room, report, at) for report in reports]
    return ConferenceChange(
        record.sid,
        record.revision + 1,
        ConferenceStatus.COMPLETED,
        sequence=room.sequence,
        reason_conference_ended=room.reason or ReasonEnded.LAST_LEFT,
        call_sid_ending_conference=room.ended_by.call_sid if room.ended_by is not None else None,
        callbacks=[
            CallbackDraft.of_conference(record.account_sid, callback) for callback in callbacks if callback
        ],
    )


def _room(record: ConferenceRecord, present: Sequence[ParticipantRecord]) -> Conference:
    callback = msgspec.convert(record.callback, StatusCallback) if record.callback is not None else None
    return Conference(
        record.sid,
        record.account_sid,
        record.friendly_name,
        callback,
        participants=tuple(_participant(one) for one in present),
        status=ConferenceStatus(record.status),
        sequence=record.sequence,
    )


def _participant(record: ParticipantRecord) -> Participant:
    return Participant(
        record.call_sid,
        record.label,
        record.muted,
        record.hold,
        coaches=record.call_sid_to_coach,
        start_on_enter=record.start_conference_on_enter,
        end_on_exit=record.end_conference_on_exit,
    )
