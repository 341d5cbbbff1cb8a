"""What happens in a room: calls come and go, the API asks, a recording is complete."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.events import Recorded
from offhook.twiml.entry import Entry


@dataclass(frozen=True, slots=True)
class Member:
    """A call in a bridge.

    `end_on_exit`: the room ends when it leaves; one whose early media is heard may come and go.
    `hears_star`: a ``*`` in its audio is to be heard too, not only as an RTP event.
    """

    call_sid: str
    end_on_exit: bool = True
    hears_star: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """A call came into a bridge, or is a member on other terms now."""

    member: Member


@dataclass(frozen=True, slots=True)
class Left:
    """A call has gone; `redirected`: to TwiML of its own. `status` is the call's, for whoever is told."""

    call_sid: str
    redirected: bool = False
    status: str = "in-progress"


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that has come into a conference with its early media is answered."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class RecordingComplete:
    """The room's recording is over; None when nothing was kept."""

    recorded: Recorded | None


@dataclass(frozen=True, slots=True)
class Modified:
    """The API changes a participant; what is None stays as it is.

    `hold` with None for `hold_entry` is silence. An empty `coaches` is nobody.
    """

    call_sid: str
    muted: bool | None = None
    hold: bool | None = None
    hold_entry: Entry | None = None
    coaches: str | None = None
    end_on_exit: bool | None = None
    beep_on_exit: bool | None = None
    wait: Entry | None = None


@dataclass(frozen=True, slots=True)
class Kicked:
    """The API removes a participant."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Announced:
    """The API wants an announcement made, to one participant or (None) to all."""

    call_sid: str | None
    entry: Entry


@dataclass(frozen=True, slots=True)
class AnnouncementOver:
    """An announcement has been heard, or could not be made; `call_sid` as in `Announced`, `url` its document's."""

    call_sid: str | None
    failed: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class Spoke:
    """A participant begins to speak, or is silent again."""

    call_sid: str
    speaking: bool


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The API ends the room."""
