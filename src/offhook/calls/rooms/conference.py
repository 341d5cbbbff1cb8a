"""A conference: who is in it, who hears whom, what waits, and what its status callback is told.

Whom each hears (`Mix`) and what music it has follow from the state alone: a step changes the state, and what is
different afterwards is asked for. The callback is that of the first participant, and its events are numbered without
gaps. Which document is run for a participant is said by `Tell(call, Pushed(purpose, entry))`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from offhook.calls.effects import Tell
from offhook.calls.events import RoomEnded, RoomPopped, RoomPushed, TurnedAway
from offhook.calls.rooms.conference_state import (
    Conference,
    ConferenceEffect,
    ConferenceStatus,
    ReasonEnded,
    Step,
    conference_name,
    ending,
    report,
)
from offhook.calls.rooms.effects import (
    Announce,
    Beep,
    Mix,
    Record,
    StopRecording,
    Unmix,
)
from offhook.calls.rooms.events import (
    Announced,
    AnnouncementOver,
    Answered,
    EndRequested,
    Kicked,
    Left,
    Modified,
    RecordingComplete,
    Spoke,
)
from offhook.calls.rooms.participant import Participant, ReasonLeft, changes
from offhook.calls.status import billable_seconds
from offhook.twiml.effects import Pairs
from offhook.twiml.entry import Entry, Purpose

__all__ = [
    "COMPLETED",
    "Conference",
    "ConferenceEffect",
    "ConferenceEvent",
    "ConferenceStatus",
    "ParticipantEntered",
    "ReasonEnded",
    "conference_name",
    "refusal",
    "step",
]

FULL: Final = 16020
COMPLETED: Final = 16022
LABEL_IN_USE: Final = 16025
COACHED_ON_HOLD: Final = 16027
COACHED_NOT_PRESENT: Final = 16028

SPEECH_AT_ONCE: Final = 50
"""So many participants of a conference may begin to speak at once and be told of;"""
SPEECH_INTERVAL: Final = 0.2
"""after that, one in so many seconds."""


@dataclass(frozen=True, slots=True)
class ParticipantEntered:
    """A call comes into a conference."""

    participant: Participant


ConferenceEvent = (
    ParticipantEntered
    | Answered
    | Left
    | Kicked
    | Modified
    | Announced
    | AnnouncementOver
    | Spoke
    | EndRequested
    | RecordingComplete
)


def refusal(room: Conference, event: Modified | Kicked | Announced | EndRequested) -> int | None:
    """The code of the error that the API answers with; None when the conference does what it is asked to."""
    if isinstance(event, Modified) and event.coaches:
        return _cannot_coach(room, event.coaches, event.call_sid)
    return None


def step(room: Conference, event: ConferenceEvent, now: float) -> Step:
    """What `event` makes of a conference. Events about a call that is not in it change nothing."""
    after, done = _stepped(room, event, now)
    return after, (*done, *_followed(room, after))


def _stepped(room: Conference, event: ConferenceEvent, now: float) -> Step:
    match event:
        case ParticipantEntered(entering):
            return _entered(room, entering, now) if room.find(entering.call_sid) is None else (room, ())
        case RecordingComplete(recorded):
            return replace(room, recording=False, recorded=recorded or room.recorded), ()
        case EndRequested() if room.status is ConferenceStatus.INIT and not room.participants:
            # Nobody has ever been in it: there is nothing to tell.
            return replace(room, status=ConferenceStatus.COMPLETED, ended_at=now), ()
        case EndRequested():
            return _end(room, ReasonEnded.API, None, ReasonLeft.ENDED_BY_API, now)
        case Announced(None, entry):
            return room, (Announce(entry),) if room.participants else ()
        case AnnouncementOver(None):
            return _announced(room, (), event) if room.participants else (room, ())
    one = room.find(event.call_sid or "")
    return _of_participant(room, one, event, now) if one is not None else (room, ())


def _of_participant(
    room: Conference,
    one: Participant,
    event: Answered | Left | Kicked | Modified | Announced | AnnouncementOver | Spoke,
    now: float,
) -> Step:
    match event:
        case Answered():
            return _put(room, one, replace(one, rings=False)), ()
        case Left(_, redirected, status):
            reason = ReasonLeft.UPDATED if redirected else ReasonLeft.HUNG_UP
            return _left(room, one, reason, status, now)
        case Kicked():
            room, left = _left(room, one, ReasonLeft.UPDATED, "in-progress", now, kicked=True)
            return room, (Tell(one.call_sid, RoomEnded(room.name, _seconds(room, now))), *left)
        case Modified():
            return _modified(room, one, event)
        case Announced(_, entry):
            return room, (Tell(one.call_sid, RoomPushed(room.name, Purpose.ANNOUNCEMENT, entry)),)
        case AnnouncementOver():
            return _announced(room, one.params, event)
        case Spoke(_, True):
            return _speaks(room, one, now)
        case Spoke():
            return _silent(room, one)


def _entered(room: Conference, one: Participant, now: float) -> Step:
    if (code := _turned_away(room, one)) is not None:
        told = Tell(one.call_sid, TurnedAway(room.name, code))
        # One that has never had anybody in it is not waited for.
        status = room.status if room.participants else ConferenceStatus.COMPLETED
        return replace(room, status=status), (told,)
    room = replace(room, participants=(*room.participants, one))
    room, done = report(room, "participant-join", one.params)
    if room.status is ConferenceStatus.IN_PROGRESS:
        beeps = one.beep_on_enter and len(room.participants) > 1
        return room, (*done, Beep(entering=True)) if beeps else done
    if len(room.participants) < 2 or not any(other.start_on_enter for other in room.participants):
        return room, done
    room = replace(room, status=ConferenceStatus.IN_PROGRESS, started_at=now)
    room, started = report(room, "conference-start")
    done += started
    if one.beep_on_enter:
        done += (Beep(entering=True),)
    if (request := room.request) is not None:
        room = replace(room, recording=True)
        done += (Record(None, request),)
    return room, done


def _turned_away(room: Conference, one: Participant) -> int | None:
    """Why a call is not let in, as a notification's code."""
    if room.status is ConferenceStatus.COMPLETED:
        return COMPLETED
    if len(room.participants) >= room.most:
        return FULL
    if one.label is not None and any(other.label == one.label for other in room.participants):
        return LABEL_IN_USE
    return _cannot_coach(room, one.coaches, one.call_sid) if one.coaches else None


def _cannot_coach(room: Conference, coached: str, coach: str) -> int | None:
    found = room.find(coached)
    if found is None or coached == coach:
        return COACHED_NOT_PRESENT
    return COACHED_ON_HOLD if found.hold else None


def _left(
    room: Conference, one: Participant, reason: ReasonLeft, status: str, now: float, *, kicked: bool = False
) -> Step:
    """A participant has gone; the conference goes on unless that was the last one, or one that ends it."""
    room, done = _silent(room, one)
    room = replace(room, participants=tuple(other for other in room.participants if other is not one))
    room, gone = report(room, "participant-leave", one.leaving(reason, status))
    done += gone
    if one.end_on_exit:
        ended = ReasonEnded.MODERATOR_KICKED if kicked else ReasonEnded.MODERATOR_LEFT
        room, more = _end(room, ended, one, ReasonLeft.ENDED_BY_MODERATOR, now)
        return room, done + more
    if not room.participants:
        room, more = _end(
            room, ReasonEnded.LAST_KICKED if kicked else ReasonEnded.LAST_LEFT, one, reason, now
        )
        return room, done + more
    if one.beep_on_exit and room.status is ConferenceStatus.IN_PROGRESS:
        done += (Beep(entering=False),)
    return room, done


def _end(room: Conference, reason: ReasonEnded, by: Participant | None, left: ReasonLeft, now: float) -> Step:
    """Everybody leaves, and is told so."""
    if room.status is ConferenceStatus.COMPLETED:
        return room, ()
    everybody = room.participants
    room = replace(
        room,
        participants=(),
        status=ConferenceStatus.COMPLETED,
        ended_at=now,
        reason=reason,
        ended_by=by,
    )
    told: tuple[ConferenceEffect, ...] = ()
    for one in everybody:
        room, silent = _silent(room, one)
        room, gone = report(room, "participant-leave", one.leaving(left, "in-progress"))
        told += (*silent, *gone, Tell(one.call_sid, RoomEnded(room.name, _seconds(room, now))))
    if room.recording:
        told += (StopRecording(None),)
    room, ended = report(room, "conference-end", ending(reason, by))
    return room, told + ended


def _put(room: Conference, one: Participant, after: Participant) -> Conference:
    """A participant is not as it was."""
    return replace(room, participants=tuple(after if other is one else other for other in room.participants))


def _modified(room: Conference, one: Participant, event: Modified) -> Step:
    after = one.modified(event)
    room = _put(room, one, after)
    done: tuple[ConferenceEffect, ...] = ()
    if not _is_heard(room, after):
        room, done = _silent(room, one)
    for name in changes(one, after):
        room, more = report(room, name, after.params)
        done += more
    return room, done


# Who speaks


def _speaks(room: Conference, one: Participant, now: float) -> Step:
    """A participant that all hear begins to speak. Of more who do so at once than may be told of, nothing is said."""
    limit = (SPEECH_AT_ONCE - 1) * SPEECH_INTERVAL
    if one.call_sid in room.speaking or not _is_heard(room, one) or room.speech_due - now > limit:
        return room, ()
    due = max(room.speech_due, now) + SPEECH_INTERVAL
    room = replace(room, speaking=room.speaking | {one.call_sid}, speech_due=due)
    return report(room, "participant-speech-start", one.params)


def _silent(room: Conference, one: Participant) -> Step:
    """A participant does not speak: that is told of whoever was told to, also when it is muted, held, or gone."""
    if one.call_sid not in room.speaking:
        return room, ()
    room = replace(room, speaking=room.speaking - {one.call_sid})
    return report(room, "participant-speech-stop", one.params)


def _is_heard(room: Conference, one: Participant) -> bool:
    """Whether all others hear a participant speak: who coaches speaks to one alone, and ringing is no speech."""
    return _mix(room, one).heard and one.coaches is None and not one.rings


def _announced(room: Conference, to: Pairs, event: AnnouncementOver) -> Step:
    params = (*to, ("AnnounceUrl", event.url)) if event.url else to
    if event.failed is not None:
        return report(room, "announcement-fail", (*params, ("ReasonAnnouncementFailed", event.failed)))
    return report(room, "announcement-end", params)


# What follows from the state


def _followed(before: Conference, after: Conference) -> Iterator[ConferenceEffect]:
    """Whom each is to hear, and what music it has, where that is not what it was."""
    for one in before.participants:
        if after.find(one.call_sid) is None:
            yield Unmix(one.call_sid)
    for one in after.participants:
        earlier = before.find(one.call_sid)
        mix, music = _mix(after, one), _music(after, one)
        had = _music(before, earlier) if earlier is not None else None
        if had != music and had is not None:
            yield Tell(one.call_sid, RoomPopped(after.name, had[0]))
        if earlier is None or _mix(before, earlier) != mix:
            yield mix
        if had != music and music is not None and music[1] is not None:
            yield Tell(one.call_sid, RoomPushed(after.name, music[0], music[1]))


def _mix(room: Conference, one: Participant) -> Mix:
    present = room.status is ConferenceStatus.IN_PROGRESS and not one.hold
    # Who coaches somebody who has gone is heard by nobody, rather than by all.
    listened_to = one.coaches is None or room.find(one.coaches) is not None
    heard = present and not one.muted and listened_to
    return Mix(one.call_sid, heard, present, one.coaches, one.jitter_buffer)


def _music(room: Conference, one: Participant) -> tuple[Purpose, Entry | None] | None:
    """What a participant who is not in the conversation hears; a document of None is silence."""
    if one.hold:
        return Purpose.HOLD, one.hold_entry
    if room.status is ConferenceStatus.INIT:
        return Purpose.WAIT, one.wait
    return None


def _seconds(room: Conference, now: float) -> int:
    return billable_seconds(room.started_at, now)
