"""What can happen to a call, as `offhook.calls.call.step` takes it.

Events of the TwiML interpreter (`offhook.twiml.events`) are given to a call as they are; these are the rest:
what its SIP leg did, what the calls it dials did, what the API asked for, and timers.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from offhook.calls.status import CallStatus
from offhook.twiml.effects import Confer, OnRefer, Pairs
from offhook.twiml.entry import Entry, Purpose, Retrieved
from offhook.twiml.events import QueueResult


class FailureSource(StrEnum):
    """Who ended an attempt to call."""

    REMOTE = "remote"
    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    LOCAL = "local"


class Began(Struct, frozen=True):
    """The call exists: place its leg (outbound) or see to its TwiML (inbound)."""


class LegPlaced(Struct, frozen=True):
    """The INVITE of an outbound call is out, under this Call-ID."""

    sip_call_id: str


class LegTrying(Struct, frozen=True):
    """Somebody works on our INVITE, and nothing more is known yet."""


class LegRinging(Struct, frozen=True):
    """The far end rings. `early_media`: it already sends audio (a provisional response with SDP)."""

    early_media: bool = False


class LegAnswered(Struct, frozen=True):
    """The far end answered an outbound call. `sip_headers`: the ``X-`` headers of its answer."""

    sip_headers: Pairs = ()


class LegFailed(Struct, frozen=True):
    """The leg could not be set up: a final response of 300 or more, a timeout, or our own failure."""

    response: int
    reason: str
    source: FailureSource = FailureSource.REMOTE


class LegEnded(Struct, frozen=True):
    """The far end hung up (BYE), or cancelled before the answer."""


class LegReferAnswered(Struct, frozen=True):
    """The far end has answered our REFER with this final response."""

    response: int


class LegNotified(Struct, frozen=True):
    """The far end tells what became of our REFER: a response to its INVITE, if it says one. `over`: that was all."""

    response: int | None
    over: bool


class LegReferred(Struct, frozen=True):
    """The far end transfers whoever it talks to: its REFER names `target`, or `replaces`, a call of this account."""

    target: str
    replaces: str | None = None


class ChildReferred(Struct, frozen=True):
    """A call dialled by this one, `call_sid`, transfers this one to `target`."""

    child: int
    call_sid: str
    target: str


class TransferAsked(Struct, frozen=True):
    """The call `by`, which this one is with in `room`, transfers it to `target`: its application is to be asked."""

    by: str
    on_refer: OnRefer
    target: str
    room: str


class TransferFetched(Struct, frozen=True):
    """What the application has answered to that."""

    entry: Retrieved


class ReferDecided(Struct, frozen=True):
    """The REFER of this call is accepted (202) or refused."""

    response: int


class ReferCameTo(Struct, frozen=True):
    """What the transfer that this call has asked for has come to."""

    response: int


class HandedOver(Struct, frozen=True):
    """Whoever this call was with is with somebody else: it leaves, and ends.

    `blind`: it has asked for that a while ago. One that has other TwiML since goes on.
    """

    blind: bool = False


class Partner(Struct, frozen=True):
    """Whom a call is with after a transfer. `child`: the number under which it dialled this call, if it dials."""

    call_sid: str
    sip_call_id: str | None
    child: int | None


class Rejoined(Struct, frozen=True):
    """In the bridge where this call is and stays, it will be with another call."""

    partner: Partner


class Moved(Struct, frozen=True):
    """This call goes over to another bridge, where it will be with another call."""

    room: str
    partner: Partner


class Seated(Struct, frozen=True):
    """This call takes the place of another one in a conference, on the same terms."""

    room: str
    request: Confer


class MediaLost(Struct, frozen=True):
    """No audio has come from the far end for too long (`silent`), or the media worker is gone."""

    reason: str
    silent: bool = False


class NotNegotiated(Struct, frozen=True):
    """The two ends cannot agree on how to exchange audio, or never did. The far end has been, or is to be, told."""

    reason: str


class ChildPlaced(Struct, frozen=True):
    """A call dialled by this one exists, under this SID; `to` is whom it calls."""

    child: int
    call_sid: str
    to: str


class ChildRinging(Struct, frozen=True):
    """A call dialled by this one rings."""

    child: int
    early_media: bool = False


class ChildAnswered(Struct, frozen=True):
    """A call dialled by this one was answered. It may have a whisper to hear before it joins."""

    child: int
    sip_call_id: str | None = None
    sip_headers: Pairs = ()


class ChildJoined(Struct, frozen=True):
    """A call dialled by this one is ready to enter the room."""

    child: int
    call_sid: str


class ChildEnded(Struct, frozen=True):
    """A call dialled by this one is over, or does something else now, or could not even be placed.

    `code` is the error that its whisper has come to, if that is what ended it.
    """

    child: int
    status: CallStatus
    sip_call_id: str | None = None
    sip_response: int | None = None
    by: EndedBy | None = None
    code: int | None = None


class Admitted(Struct, frozen=True):
    """The call that dialled this one lets it into the room; `early`: only its early media is heard there."""

    room: str
    early: bool = False


class Recorded(Struct, frozen=True):
    """A recording that was kept. `duration` in seconds."""

    sid: str
    url: str
    duration: int


class LegRecorded(Struct, frozen=True):
    """The recording of this call in a conference is complete; None was kept if it was empty or has failed."""

    dial: int
    recorded: Recorded | None


class RoomEnded(Struct, frozen=True):
    """The room that this call was in has ended.

    `seconds` is how long two talked in it. `redirected`: it ended because a call was given TwiML of its own.
    """

    room: str
    seconds: int
    redirected: bool = False
    recorded: Recorded | None = None


class TurnedAway(Struct, frozen=True):
    """The room does not let this call in; `code` is a notification's."""

    room: str
    code: int


class RoomPushed(Struct, frozen=True):
    """The room has this call run a document above its own: a wait, music on hold, an announcement."""

    room: str
    purpose: Purpose
    entry: Entry


class RoomPopped(Struct, frozen=True):
    """The room has this call end that document."""

    room: str
    purpose: Purpose


class InQueue(Struct, frozen=True):
    """The queue has taken this call in; `sid` is the Queue's."""

    room: str
    sid: str


class Called(Struct, frozen=True):
    """This call, which waits in a queue, is the next: it hears the document, if any, and enters the bridge.

    `taker` is the call that came for it, `waited` the seconds it was in the queue.
    """

    room: str
    taker: str
    bridge: str
    entry: Entry | None
    waited: int


class Served(Struct, frozen=True):
    """The queue has given this call, which came for somebody, the call `member`, which says so itself: it comes.

    `MemberJoined` or `MemberGone` follows.
    """

    bridge: str
    member: str


class MemberJoined(Struct, frozen=True):
    """Whom the queue has given this call has entered its bridge."""

    bridge: str
    member: str


class MemberGone(Struct, frozen=True):
    """Whom the queue has given this call for this bridge has gone before they met."""

    bridge: str


class LeftQueue(Struct, frozen=True):
    """The queue does not have this call any more, or has never taken it in."""

    room: str
    result: QueueResult


class EndedBy(StrEnum):
    """Who or what ends a call, as its timeline says."""

    FAR_END = "the other party"
    TWIML = "its TwiML"
    TWIML_FAILED = "its TwiML, which has failed"
    DIAL = "the call that dialled it"
    REST = "the REST API"
    RING_TIMEOUT = "Timeout: nobody answered"
    SILENCE = "a trunk or phone that does not answer at all"
    TIME_LIMIT = "TimeLimit"
    NO_AUDIO = "no audio"
    NOT_NEGOTIATED = "no agreement on how to exchange audio"
    NO_INSTRUCTIONS = "nothing to run"
    TRANSFER = "a transfer"
    PLATFORM = "the platform, which stops"
    FAULT = "a fault of the platform"


class HangUpRequested(Struct, frozen=True):
    """The API, the call that dialled this one, or the platform wants it ended."""

    by: EndedBy
    cancel_only: bool = False
    """``Status=canceled``: only while it is not answered."""
    unanswered: CallStatus = CallStatus.CANCELED
    """The status it ends with if nobody has answered it."""


class RedirectRequested(Struct, frozen=True):
    """The API gives a live call new TwiML (``Url`` or ``Twiml`` of an update)."""

    entry: Entry


class TimerExpired(Struct, frozen=True):
    """A timer set by `offhook.calls.effects.SetTimer` went off."""

    key: str


CallEvent = (
    Began
    | LegPlaced
    | LegTrying
    | LegRinging
    | LegAnswered
    | LegFailed
    | LegEnded
    | MediaLost
    | NotNegotiated
    | ChildPlaced
    | ChildRinging
    | ChildAnswered
    | ChildJoined
    | ChildEnded
    | Admitted
    | LegRecorded
    | RoomEnded
    | TurnedAway
    | RoomPushed
    | RoomPopped
    | InQueue
    | Called
    | Served
    | MemberJoined
    | MemberGone
    | LeftQueue
    | LegReferAnswered
    | LegNotified
    | LegReferred
    | ChildReferred
    | TransferAsked
    | TransferFetched
    | ReferDecided
    | ReferCameTo
    | HandedOver
    | Rejoined
    | Moved
    | Seated
    | HangUpRequested
    | RedirectRequested
    | TimerExpired
)
