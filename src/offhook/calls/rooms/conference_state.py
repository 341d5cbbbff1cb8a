"""A conference as it stands, and what its status callback is told of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import Recorded
from offhook.calls.rooms.effects import Announce, Beep, Mix, Record, Report, StopRecording, Unmix
from offhook.calls.rooms.participant import Participant
from offhook.twiml.effects import Pairs, StatusCallback

SPEAKER: Final = "speaker"
"""By this word of statusCallbackEvent it is asked who speaks."""
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
    "participant-speech-start": SPEAKER,
    "participant-speech-stop": SPEAKER,
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


@dataclass(frozen=True, slots=True)
class Conference:
    """A conference as it stands. What it is told to whom and how it is recorded is the first participant's wish.

    `speaking`: of which calls that is told. `speech_due`: when there may be more of it, at an even rate.
    """

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
    speaking: frozenset[str] = frozenset()
    speech_due: float = 0.0
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

    def tells(self, group: str) -> bool:
        """Whether its callback wants the events of this word of statusCallbackEvent."""
        return self.callback is not None and group in self.callback.events

    def find(self, call_sid: str) -> Participant | None:
        """The participant that a call is."""
        return next((one for one in self.participants if one.call_sid == call_sid), None)


ConferenceEffect = Mix | Unmix | Beep | Announce | Record | StopRecording | Report | Tell
Step = tuple[Conference, tuple[ConferenceEffect, ...]]


def conference_name(friendly_name: str) -> str:
    """The room's name in calls, places and what they tell each other."""
    return f"conference/{friendly_name}"


def is_about_speech(event: str) -> bool:
    """Whether an event says who speaks: there is no end of these."""
    return _GROUPS[event] == SPEAKER


def report(room: Conference, event: str, params: Pairs = ()) -> Step:
    """Say what has happened; it has a number if the callback wants to know."""
    if not room.tells(_GROUPS[event]):
        return room, (Report(event, None, params),)
    room = replace(room, sequence=room.sequence + 1)
    return room, (Report(event, room.sequence, params),)


def ending(reason: ReasonEnded, by: Participant | None) -> Pairs:
    """What the end of a conference says: why, and who has ended it."""
    params: Pairs = (("ReasonConferenceEnded", reason.value), ("Reason", _sentence(reason, by)))
    if by is not None:
        params += (("CallSidEndingConference", by.call_sid),)
        if by.label is not None:
            params += (("ParticipantLabelEndingConference", by.label),)
    return params


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
