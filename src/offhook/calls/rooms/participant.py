"""A participant of a conference: how it is there, what changes that, and what its events say of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from offhook.calls.rooms.events import Modified
from offhook.twiml.effects import JitterBuffer, Pairs
from offhook.twiml.entry import Entry


class ReasonLeft(StrEnum):
    """Why a participant has left (ReasonParticipantLeft)."""

    HUNG_UP = "participant_hung_up"
    UPDATED = "participant_updated_via_api"
    ENDED_BY_MODERATOR = "moderator_ended_conference"
    ENDED_BY_API = "conference_ended_via_api"


@dataclass(frozen=True, slots=True)
class Participant:
    """A call in a conference. `coaches` is the SID of the only call that hears it; `wait` None is silence.

    `rings`: it is not answered yet, and heard by its early media.
    """

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
    rings: bool = False
    jitter_buffer: JitterBuffer = "large"

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

    def leaving(self, reason: ReasonLeft, status: str) -> Pairs:
        """What is said of it when it leaves; `status` is its call's."""
        return (*self.params, ("ParticipantCallStatus", status), ("ReasonParticipantLeft", reason.value))

    def modified(self, event: Modified) -> Participant:
        """It, as the API wants it."""
        return replace(
            self,
            muted=self.muted if event.muted is None else event.muted,
            hold=self.hold if event.hold is None else event.hold,
            hold_entry=self.hold_entry if event.hold is None else event.hold_entry,
            coaches=self.coaches if event.coaches is None else event.coaches or None,
            end_on_exit=self.end_on_exit if event.end_on_exit is None else event.end_on_exit,
            beep_on_exit=self.beep_on_exit if event.beep_on_exit is None else event.beep_on_exit,
            wait=event.wait or self.wait,
        )


def changes(before: Participant, after: Participant) -> Iterator[str]:
    """The events that tell of a change."""
    if before.muted != after.muted:
        yield "participant-mute" if after.muted else "participant-unmute"
    if before.hold != after.hold:
        yield "participant-hold" if after.hold else "participant-unhold"
    rest = (before.coaches, before.end_on_exit, before.beep_on_exit)
    if rest != (after.coaches, after.end_on_exit, after.beep_on_exit):
        yield "participant-modify"


def _word(flag: bool) -> str:
    return "true" if flag else "false"
