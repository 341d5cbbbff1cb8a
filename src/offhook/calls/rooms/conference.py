"""A conference: who is in it, who hears whom, what waits, and what its status callback is told.

Whom each hears (`Mix`) and what music it has follow from the state alone: a step changes the state, and what is
different afterwards is asked for. The callback is that of the first participant, and its events are numbered without
gaps. Which document is run for a participant is said by `Tell(call, Pushed(purpose, entry))`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import Recorded, RoomEnded, RoomPopped, RoomPushed, TurnedAway
from offhook.calls.rooms.effects import (
    Announce,
    Beep,
    Mix,
    Record,
    Report,
    StopRecording,
    Unmix,
)
from offhook.calls.rooms.events import (
    Announced,
    AnnouncementOver,
    EndRequested,
    Kicked,
    Left,
    Modified,
    RecordingComplete,
    Spoke,
)
from offhook.calls.status import billable_seconds
from offhook.twiml.effects import Pairs, StatusCallback
from offhook.twiml.entry import Entry, Purpose

FULL: Final = 16020
LABEL_IN_USE: Final = 16025
COACHED_ON_HOLD: Final = 16027
COACHED_NOT_PRESENT: Final = 16028

_GROUPS: Final = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "participant-speech-start": "speaker",
    "participant-speech-stop": "speaker",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}
"""By what word of statusCallbackEvent each event is asked for."""


class ConferenceStatus(StrEnum):
    """The status of a Conference resource."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


class ReasonEnded(StrEnum):
    """Why a conference has ended, as the Conference resource and its callback say."""

    API = "conference-ended-via-api"
    MODERATOR_LEFT = "participant-with-end-conference-on-exit-left"
    MODERATOR_KICKED = "participant-with-end-conference-on-exit-kicked"
    LAST_KICKED = "last-participant-kicked"
    LAST_LEFT = "last-participant-left"


class ReasonLeft(StrEnum):
    """Why a participant has left (ReasonParticipantLeft)."""

    HUNG_UP = "participant_hung_up"
    UPDATED = "participant_updated_via_api"
    ENDED_BY_MODERATOR = "moderator_ended_conference"
    ENDED_BY_API = "conference_ended_via_api"


@dataclass(frozen=True, slots=True)
class Participant:
    """A call in a conference. `coaches` is the SID of the only call that hears it; `wait` None is silence."""

    call_sid: str
    label: str | None = None
    muted: bool = False
    hold: bool = False
    hold_entry: Entry | None = None
    coaches: str | None = None
    start_on_enter: bool = True
    end_on_exit: bool = False
    beep_on_enter: bool = True
    beep_on_exit: bool = True
    wait: Entry | None = None

    @property
    def params(self) -> Pairs:
        """What its events say of it."""
        known = (
            ("CallSid", self.call_sid),
            ("ParticipantLabel", self.label),
            ("Muted", _word(self.muted)),
            ("Hold", _word(self.hold)),
            ("Coaching", _word(self.coaches is not None)),
            ("CallSidToCoach", self.coaches),
            ("EndConferenceOnExit", _word(self.end_on_exit)),
            ("StartConferenceOnEnter", _word(self.start_on_enter)),
        )
        return tuple((name, value) for name, value in known if value is not None)


@dataclass(frozen=True, slots=True)
class ParticipantEntered:
    """A call comes into a conference."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class Conference:
    """A conference as it stands. What it is told to whom and how it is recorded is the first participant's wish."""

    sid: str
    account_sid: str
    friendly_name: str
    callback: StatusCallback | None = None
    most: int = 250
    request: RoomRecording | None = None
    participants: tuple[Participant, ...] = ()
    status: ConferenceStatus = ConferenceStatus.INIT
    started_at: float | None = None
    ended_at: float | None = None
    reason: ReasonEnded | None = None
    ended_by: Participant | None = None
    sequence: int = 0
    recording: bool = False
    recorded: Recorded | None = None

    @property
    def name(self) -> str:
        """What calls know it by, within their account."""
        return conference_name(self.friendly_name)

    @property
    def closed(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.status is ConferenceStatus.COMPLETED and not self.recording

    def find(self, call_sid: str) -> Participant | None:
        """The participant that a call is."""
        return next((one for one in self.participants if one.call_sid == call_sid), None)


ConferenceEvent = (
    ParticipantEntered
    | Left
    | Kicked
    | Modified
    | Announced
    | AnnouncementOver
    | Spoke
    | EndRequested
    | RecordingComplete
)
ConferenceEffect = Mix | Unmix | Beep | Announce | Record | StopRecording | Report | Tell
Step = tuple[Conference, tuple[ConferenceEffect, ...]]


def conference_name(friendly_name: str) -> str:
    """The room's name in calls, places and what they tell each other."""
    return f"conference/{friendly_name}"


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
            return _entered(room, entering, now)
        case RecordingComplete(recorded):
            return replace(room, recording=False, recorded=recorded or room.recorded), ()
        case EndRequested():
            return _end(room, ReasonEnded.API, None, ReasonLeft.ENDED_BY_API, now)
        case Announced(None, entry):
            return room, (Announce(entry),) if room.participants else ()
        case AnnouncementOver(None, failed):
            return _announced(room, None, failed)
    one = room.find(event.call_sid or "")
    return _of_participant(room, one, event, now) if one is not None else (room, ())


def _of_participant(
    room: Conference,
    one: Participant,
    event: Left | Kicked | Modified | Announced | AnnouncementOver | Spoke,
    now: float,
) -> Step:
    match event:
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
        case AnnouncementOver(_, failed):
            return _announced(room, one, failed)
        case Spoke(_, speaking):
            return _report(room, f"participant-speech-{'start' if speaking else 'stop'}", one.params)


def _entered(room: Conference, one: Participant, now: float) -> Step:
    if (code := _turned_away(room, one)) is not None:
        told = Tell(one.call_sid, TurnedAway(room.name, code))
        # One that has never had anybody in it is not waited for.
        status = room.status if room.participants else ConferenceStatus.COMPLETED
        return replace(room, status=status), (told,)
    room = replace(room, participants=(*room.participants, one))
    room, done = _report(room, "participant-join", one.params)
    if room.status is ConferenceStatus.IN_PROGRESS:
        beeps = one.beep_on_enter and len(room.participants) > 1
        return room, (*done, Beep(entering=True)) if beeps else done
    if len(room.participants) < 2 or not any(other.start_on_enter for other in room.participants):
        return room, done
    room = replace(room, status=ConferenceStatus.IN_PROGRESS, started_at=now)
    room, started = _report(room, "conference-start")
    done += started
    if one.beep_on_enter:
        done += (Beep(entering=True),)
    if (request := room.request) is not None:
        room = replace(room, recording=True)
        done += (Record(None, request),)
    return room, done


def _turned_away(room: Conference, one: Participant) -> int | None:
    """Why a call is not let in, as a notification's code."""
    if room.status is ConferenceStatus.COMPLETED or len(room.participants) >= room.most:
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
    room = replace(room, participants=tuple(other for other in room.participants if other is not one))
    room, done = _report(room, "participant-leave", _leaving(one, reason, status))
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
        room, more = _report(room, "participant-leave", _leaving(one, left, "in-progress"))
        told += (*more, Tell(one.call_sid, RoomEnded(room.name, _seconds(room, now))))
    if room.recording:
        told += (StopRecording(None),)
    params: Pairs = (("ReasonConferenceEnded", reason.value), ("Reason", _sentence(reason, by)))
    if by is not None:
        params += (("CallSidEndingConference", by.call_sid),)
        if by.label is not None:
            params += (("ParticipantLabelEndingConference", by.label),)
    room, ended = _report(room, "conference-end", params)
    return room, told + ended


def _modified(room: Conference, one: Participant, event: Modified) -> Step:
    after = replace(
        one,
        muted=one.muted if event.muted is None else event.muted,
        hold=one.hold if event.hold is None else event.hold,
        hold_entry=one.hold_entry if event.hold is None else event.hold_entry,
        coaches=one.coaches if event.coaches is None else event.coaches or None,
        end_on_exit=one.end_on_exit if event.end_on_exit is None else event.end_on_exit,
        beep_on_exit=one.beep_on_exit if event.beep_on_exit is None else event.beep_on_exit,
        wait=event.wait or one.wait,
    )
    room = replace(room, participants=tuple(after if other is one else other for other in room.participants))
    done: tuple[ConferenceEffect, ...] = ()
    for name in _changes(one, after):
        room, more = _report(room, name, after.params)
        done += more
    return room, done


def _changes(before: Participant, after: Participant) -> Iterator[str]:
    """The events that tell of a change."""
    if before.muted != after.muted:
        yield "participant-mute" if after.muted else "participant-unmute"
    if before.hold != after.hold:
        yield "participant-hold" if after.hold else "participant-unhold"
    rest = (before.coaches, before.end_on_exit, before.beep_on_exit)
    if rest != (after.coaches, after.end_on_exit, after.beep_on_exit):
        yield "participant-modify"


def _announced(room: Conference, one: Participant | None, failed: str | None) -> Step:
    params = one.params if one is not None else ()
    if failed is not None:
        return _report(room, "announcement-fail", (*params, ("ReasonAnnouncementFailed", failed)))
    return _report(room, "announcement-end", params)


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
    return Mix(one.call_sid, present and not one.muted, present, one.coaches)


def _music(room: Conference, one: Participant) -> tuple[Purpose, Entry | None] | None:
    """What a participant who is not in the conversation hears; a document of None is silence."""
    if one.hold:
        return Purpose.HOLD, one.hold_entry
    if room.status is ConferenceStatus.INIT:
        return Purpose.WAIT, one.wait
    return None


# The callback


def _report(room: Conference, event: str, params: Pairs = ()) -> Step:
    """Tell the callback, if it wants to know."""
    if room.callback is None or _GROUPS[event] not in room.callback.events:
        return room, ()
    room = replace(room, sequence=room.sequence + 1)
    return room, (Report(event, room.sequence, params),)


def _leaving(one: Participant, reason: ReasonLeft, status: str) -> Pairs:
    return (*one.params, ("ParticipantCallStatus", status), ("ReasonParticipantLeft", reason.value))


def _sentence(reason: ReasonEnded, by: Participant | None) -> str:
    match reason:
        case ReasonEnded.API:
            return "Conference ended via API"
        case ReasonEnded.MODERATOR_LEFT | ReasonEnded.MODERATOR_KICKED:
            gone = "was kicked" if reason is ReasonEnded.MODERATOR_KICKED else "left"
            name = f"{by.label or by.call_sid} " if by is not None else ""
            return f"Participant {name}with endConferenceOnExit=true {gone}"
        case ReasonEnded.LAST_KICKED:
            return "The last participant was kicked"
        case ReasonEnded.LAST_LEFT:
            return "Last participant left conference"


def _seconds(room: Conference, now: float) -> int:
    return billable_seconds(room.started_at, now)


def _word(flag: bool) -> str:
    return "true" if flag else "false"
