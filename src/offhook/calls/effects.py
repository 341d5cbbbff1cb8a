"""What a call wants done; `offhook.voice` does it.

Effects of the TwiML interpreter that need nothing of the call's own state (`Fetch`, `Speak`,
`StartRecording`…) are passed on unchanged. These are the call's own; `Wanted` is both.
"""

from __future__ import annotations

from msgspec import Struct

from offhook.calls.events import CallEvent
from offhook.calls.status import CallbackEvent, CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml.effects import DialTarget, Pairs, StatusCallback, Track
from offhook.twiml.entry import Method


class PlaceLeg(Struct, frozen=True):
    """Send the INVITE of an outbound call."""


class Ring(Struct, frozen=True):
    """Tell an inbound caller that it rings (180)."""


class AcceptLeg(Struct, frozen=True):
    """Answer an inbound call (200)."""


class RefuseLeg(Struct, frozen=True):
    """Refuse an inbound call with a final SIP response."""

    response: int
    reason: str


class CancelLeg(Struct, frozen=True):
    """Give up an outbound call that is not answered (CANCEL)."""


class EndLeg(Struct, frozen=True):
    """Hang up an answered call (BYE)."""


class ReferLeg(Struct, frozen=True):
    """Ask the far end to call `uri` instead (REFER)."""

    uri: str


class AnswerRefer(Struct, frozen=True):
    """Answer the far end's REFER: 202 accepts it."""

    response: int


class NotifyReferrer(Struct, frozen=True):
    """Tell the far end what its REFER has come to (NOTIFY)."""

    response: int


class FetchTransfer(Struct, frozen=True):
    """Ask the application where this call, which is transferred, goes on. Answered by `TransferFetched`."""

    url: str
    method: Method
    params: Pairs


class ConnectPartners(Struct, frozen=True):
    """Connect whoever this call is with and whoever the call `replaces` is with, and end these two calls.

    `ReferDecided` follows.
    """

    replaces: str


class Changed(Struct, frozen=True):
    """The call has a new status: commit it, with the status callback that goes with it."""

    status: CallStatus
    event: CallbackEvent
    duration: int | None = None
    response: int | None = None
    """The SIP final response, once the call is over."""


class SetTimer(Struct, frozen=True):
    """Give `TimerExpired(key)` after `seconds`; a timer of the same key is replaced."""

    key: str
    seconds: float


class ClearTimer(Struct, frozen=True):
    """Forget a timer; one that is not set is ignored."""

    key: str


class PlaceChild(Struct, frozen=True):
    """Call `target` on behalf of this call (``<Dial>``)."""

    child: int
    target: DialTarget
    caller_id: str
    timeout: float
    check_caller_id: bool
    """Whether the account has yet to be shown to own the caller id."""


class DropChild(Struct, frozen=True):
    """Keep a dialled call that has no SID yet from being placed."""

    child: int


class RoomRecording(Struct, frozen=True):
    """How a room is to be recorded (``<Dial record>``); `from_ringing`: from its first member on."""

    channels: int
    trim: bool
    from_ringing: bool
    callback: StatusCallback | None
    track: Track = "both"


class RecordLeg(Struct, frozen=True):
    """Record what this call says and hears in a conference (``<Dial record>``); `LegRecorded` tells what was kept."""

    dial: int
    request: twiml.RecordCall


class StopRecordingLeg(Struct, frozen=True):
    """End that recording."""

    dial: int


class OpenRoom(Struct, frozen=True):
    """Make the room in which this call and one that it dials will meet."""

    room: str
    recording: RoomRecording | None


class Enter(Struct, frozen=True):
    """Let this call into a room, or change the terms on which it is there (`offhook.calls.rooms.events.Member`)."""

    room: str
    end_on_exit: bool = True
    hears_star: bool = False


class EnterConference(Struct, frozen=True):
    """Let this call into a conference, which begins to be if it is not there, or (`sid`) into that one alone."""

    room: str
    request: twiml.Confer
    sid: str | None = None


class EnterQueue(Struct, frozen=True):
    """Let this call wait in a queue, which is made if it is not there."""

    room: str
    request: twiml.Enqueue
    again: bool = False
    """It has waited before, since `entered_at`, and is the first."""
    entered_at: float = 0.0


class TakeFromQueue(Struct, frozen=True):
    """Come for the first call in a queue; `again`: it has waited before. One that does not exist says `TurnedAway`."""

    room: str
    request: twiml.Take
    bridge: str
    again: bool = False


class TellRoom(Struct, frozen=True):
    """Tell the room that the announcement at `url` has been heard, or what kept it from being made."""

    room: str
    failed: str | None = None
    url: str = ""


class TellAnswered(Struct, frozen=True):
    """Tell the conference, which has heard this call's early media, that it is answered."""

    room: str


class Leave(Struct, frozen=True):
    """Take this call out of a room; `redirected`: it goes on with TwiML of its own."""

    room: str
    redirected: bool = False


class PlayRingback(Struct, frozen=True):
    """Let the caller hear the ringing tone of a country (ISO 3166-1, lower case) until `StopRingback`."""

    tone: str


class StopRingback(Struct, frozen=True):
    """End the ringing tone."""


class Tell(Struct, frozen=True):
    """Give an event to another call. One that has ended is not told."""

    call_sid: str
    event: CallEvent


class Note(Struct, frozen=True):
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
