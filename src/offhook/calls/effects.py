"""What a call wants done; `offhook.voice` does it.

Effects of the TwiML interpreter that need nothing of the call's own state (`Fetch`, `Speak`,
`StartRecording`…) pass through unchanged. These are the call's own.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.status import CallbackEvent, CallStatus
from offhook.twiml.effects import DialTarget, StatusCallback


@dataclass(frozen=True, slots=True)
class PlaceLeg:
    """Send the INVITE of an outbound call."""


@dataclass(frozen=True, slots=True)
class Ring:
    """Tell an inbound caller that it rings (180)."""


@dataclass(frozen=True, slots=True)
class AcceptLeg:
    """Answer an inbound call (200)."""


@dataclass(frozen=True, slots=True)
class RefuseLeg:
    """Refuse an inbound call with a final SIP response."""

    response: int
    reason: str


@dataclass(frozen=True, slots=True)
class CancelLeg:
    """Give up an outbound call that is not answered (CANCEL)."""


@dataclass(frozen=True, slots=True)
class EndLeg:
    """Hang up an answered call (BYE)."""


@dataclass(frozen=True, slots=True)
class Changed:
    """The call has a new status: commit it, with the status callback that goes with it."""

    status: CallStatus
    event: CallbackEvent
    duration: int | None = None
    response: int | None = None
    """The SIP final response, once the call is over."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Give `TimerExpired(key)` after `seconds`; a timer of the same key is replaced."""

    key: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ClearTimer:
    """Forget a timer; one that is not set is ignored."""

    key: str


@dataclass(frozen=True, slots=True)
class PlaceChild:
    """Call `target` on behalf of this call (``<Dial>``)."""

    child: int
    target: DialTarget
    caller_id: str
    timeout: float
    check_caller_id: bool
    """Whether the account has yet to be shown to own the caller id."""


@dataclass(frozen=True, slots=True)
class EndChild:
    """End a dialled call, or give it up while it rings: its status is then `unanswered`."""

    child: int
    unanswered: CallStatus = CallStatus.CANCELED


@dataclass(frozen=True, slots=True)
class Connect:
    """Let this call and a dialled one hear each other. `detect_star`: hear ``*`` in-band too."""

    child: int
    detect_star: bool = False


@dataclass(frozen=True, slots=True)
class Disconnect:
    """End the bridge of this call."""


@dataclass(frozen=True, slots=True)
class PlayRingback:
    """Let the caller hear the ringing tone of a country (ISO 3166-1, lower case) until `StopRingback`."""

    tone: str


@dataclass(frozen=True, slots=True)
class StopRingback:
    """End the ringing tone."""


@dataclass(frozen=True, slots=True)
class RecordBridge:
    """Record this call for ``<Dial record>`` until `StopBridgeRecording`."""

    recording: int
    channels: int
    trim: bool
    callback: StatusCallback | None


@dataclass(frozen=True, slots=True)
class StopBridgeRecording:
    """End the recording; `offhook.twiml.events.RecordingDone` follows."""

    recording: int


@dataclass(frozen=True, slots=True)
class TellParent:
    """Give an event to the call that dialled this one."""

    event: object


CallEffect = (
    PlaceLeg
    | Ring
    | AcceptLeg
    | RefuseLeg
    | CancelLeg
    | EndLeg
    | Changed
    | SetTimer
    | ClearTimer
    | PlaceChild
    | EndChild
    | Connect
    | Disconnect
    | PlayRingback
    | StopRingback
    | RecordBridge
    | StopBridgeRecording
    | TellParent
)
