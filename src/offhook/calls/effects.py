"""What a call wants done; `offhook.voice` does it.

Effects of the TwiML interpreter that need nothing of the call's own state (`Fetch`, `Speak`,
`StartRecording`…) are passed on unchanged. These are the call's own; `Wanted` is both.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.events import CallEvent
from offhook.calls.status import CallbackEvent, CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml.effects import DialTarget, Pairs, StatusCallback, Track
from offhook.twiml.entry import Method


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
class ReferLeg:
    """Ask the far end to call `uri` instead (REFER)."""

    uri: str


@dataclass(frozen=True, slots=True)
class AnswerRefer:
    """Answer the far end's REFER: 202 accepts it."""

    response: int


@dataclass(frozen=True, slots=True)
class NotifyReferrer:
    """Tell the far end what its REFER has come to (NOTIFY)."""

    response: int


@dataclass(frozen=True, slots=True)
class FetchTransfer:
    """Ask the application where this call, which is transferred, goes on. Answered by `TransferFetched`."""

    url: str
    method: Method
    params: Pairs


@dataclass(frozen=True, slots=True)
class ConnectPartners:
    """Connect whoever this call is with and whoever the call `replaces` is with, and end these two calls.

    `ReferDecided` follows.
    """

    replaces: str


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
class DropChild:
    """Keep a dialled call that has no SID yet from being placed."""

    child: int


@dataclass(frozen=True, slots=True)
class RoomRecording:
    """How a room is to be recorded (``<Dial record>``); `from_ringing`: from its first member on."""

    channels: int
    trim: bool
    from_ringing: bool
    callback: StatusCallback | None
    track: Track = "both"


@dataclass(frozen=True, slots=True)
class RecordLeg:
    """Record what this call says and hears in a conference (``<Dial record>``); `LegRecorded` tells what was kept."""

    dial: int
    request: twiml.RecordCall


@dataclass(frozen=True, slots=True)
class StopRecordingLeg:
    """End that recording."""

    dial: int


@dataclass(frozen=True, slots=True)
class OpenRoom:
    """Make the room in which this call and one that it dials will meet."""

    room: str
    recording: RoomRecording | None


@dataclass(frozen=True, slots=True)
class Enter:
    """Let this call into a room, or change the terms on which it is there (`offhook.calls.rooms.events.Member`)."""

    room: str
    end_on_exit: bool = True
    hears_star: bool = False


@dataclass(frozen=True, slots=True)
class EnterConference:
    """Let this call into a conference, which begins to be if it is not there, or (`sid`) into that one alone."""

    room: str
    request: twiml.Confer
    sid: str | None = None


@dataclass(frozen=True, slots=True)
class EnterQueue:
    """Let this call wait in a queue, which is made if it is not there."""

    room: str
    request: twiml.Enqueue
    again: bool = False
    """It has waited before, since `entered_at`, and is the first."""
    entered_at: float = 0.0


@dataclass(frozen=True, slots=True)
class TakeFromQueue:
    """Come for the first call in a queue; `again`: it has waited before. One that does not exist says `TurnedAway`."""

    room: str
    request: twiml.Take
    bridge: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class TellRoom:
    """Tell the room that the announcement at `url` has been heard, or what kept it from being made."""

    room: str
    failed: str | None = None
    url: str = ""


@dataclass(frozen=True, slots=True)
class TellAnswered:
    """Tell the conference, which has heard this call's early media, that it is answered."""

    room: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Take this call out of a room; `redirected`: it goes on with TwiML of its own."""

    room: str
    redirected: bool = False


@dataclass(frozen=True, slots=True)
class PlayRingback:
    """Let the caller hear the ringing tone of a country (ISO 3166-1, lower case) until `StopRingback`."""

    tone: str


@dataclass(frozen=True, slots=True)
class StopRingback:
    """End the ringing tone."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Give an event to another call. One that has ended is not told."""

    call_sid: str
    event: CallEvent


@dataclass(frozen=True, slots=True)
class Note:
    """Write what has been decided, and why, into the call's timeline."""

    name: str
    detail: Pairs = ()


CallEffect = (
    PlaceLeg
    | Ring
    | AcceptLeg
    | RefuseLeg
    | CancelLeg
    | EndLeg
    | ReferLeg
    | AnswerRefer
    | NotifyReferrer
    | FetchTransfer
    | ConnectPartners
    | Changed
    | SetTimer
    | ClearTimer
    | PlaceChild
    | DropChild
    | RecordLeg
    | StopRecordingLeg
    | OpenRoom
    | Enter
    | EnterConference
    | EnterQueue
    | TakeFromQueue
    | TellRoom
    | TellAnswered
    | Leave
    | PlayRingback
    | StopRingback
    | Tell
    | Note
)

LegEnd = RefuseLeg | CancelLeg | EndLeg

PassedOn = (
    twiml.Fetch
    | twiml.Play
    | twiml.StopPlay
    | twiml.StartRecording
    | twiml.StopRecording
    | twiml.RecordCall
    | twiml.Echo
    | twiml.EndEcho
    | twiml.SendMessage
    | twiml.Notify
    | twiml.Trace
)
"""Effects of the TwiML interpreter that need nothing of the call's own state."""

Wanted = CallEffect | PassedOn
"""All that a step of a call can ask for."""
