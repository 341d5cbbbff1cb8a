"""A call as it stands, and the small moves that need nothing of what it runs or whom it is with."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from offhook.calls import effects, events
from offhook.calls.effects import Wanted
from offhook.calls.place import ALONE, Place
from offhook.calls.status import CALLBACK_EVENT, TERMINAL, CallStatus, Direction, can_move
from offhook.twiml import interpreter
from offhook.twiml.effects import HangUp, Pairs
from offhook.twiml.entry import CallFacts, Entry

LIMIT_TIMER = "limit"
DIAL_LIMIT_TIMER = "dial-limit"


class Parent(Struct, frozen=True):
    """The call that dialled this one, and the number it knows this one by."""

    call_sid: str
    child: int


class Referring(Struct, frozen=True):
    """A ``<Refer>`` under way: the response to its REFER, and the last that the far end has told of."""

    refer: int
    response: int | None = None
    notified: int | None = None


class Transfer(Struct, frozen=True):
    """The call `by` transfers this one, and its application is being asked.

    `keeps`: the two stay together if it has no answer. `left`: they are together no more.
    """

    by: str
    keeps: bool
    left: bool = False


class Call(Struct, frozen=True):
    """A call as it stands.

    `entry` is the TwiML it runs when answered; that of a dialled call is its whisper, and it may have none.
    """

    sid: str
    direction: Direction
    facts: CallFacts
    entry: Entry | None
    ring_timeout: float = 60.0
    time_limit: float = 14400.0
    parent: Parent | None = None
    status: CallStatus = CallStatus.QUEUED
    answered_at: float | None = None
    duration: int = 0
    execution: interpreter.State | None = None
    early: bool = False
    """Whether it runs its TwiML, and so enters its conference, as soon as it has early media."""
    conference: str | None = None
    """The SID of the only conference that it may enter, until it gets other TwiML."""
    place: Place = ALONE
    next_child: int = 1
    sip_call_id: str | None = None
    sip_headers: Pairs = ()
    """The ``X-`` headers of the far end's answer."""
    reached: bool = False
    """Whether anybody has reacted to the INVITE."""
    response: int | None = None
    """The SIP final response that the call came to."""
    played_at: float | None = None
    """When the last octet of what was played last had been sent."""
    referring: Referring | None = None
    transfer: Transfer | None = None
    transfers: bool = False
    """Whether it has asked to transfer whoever it is with, and has had no other TwiML since."""
    leaving: HangUp | None = None
    """Its TwiML is over, and it hangs up as soon as the far end has heard all of it."""

    @property
    def is_over(self) -> bool:
        """Whether the call has its terminal status."""
        return self.status in TERMINAL

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None


Step = tuple[Call, tuple[Wanted, ...]]


def refusal(call: Call, event: events.HangUpRequested | events.RedirectRequested) -> str | None:
    """Why a call does not do what it is asked to; None when it does."""
    if call.is_over:
        return "The call is not in progress."
    match event:
        case events.HangUpRequested(cancel_only=True) if call.is_answered:
            return "The call is in progress. Only a queued or ringing call is canceled."
        case events.RedirectRequested() if not call.is_answered:
            return "The call is not in progress. Cannot redirect."
    return None


def mark_answered(call: Call, now: float) -> Step:
    call = replace(call, answered_at=now, response=200)
    call, changed = change(call, CallStatus.IN_PROGRESS)
    return call, (*changed, effects.SetTimer(LIMIT_TIMER, call.time_limit))


def accept(call: Call, now: float) -> Step:
    """Answer an inbound call, once."""
    if call.is_answered or call.direction is not Direction.INBOUND:
        return call, ()
    call, answered = mark_answered(call, now)
    return call, (effects.AcceptLeg(), *answered)


def leg_end(call: Call) -> effects.LegEnd:
    """How the leg of a live call is ended from our side."""
    if call.is_answered:
        return effects.EndLeg()
    if call.direction is Direction.INBOUND:
        return effects.RefuseLeg(480, "Temporarily Unavailable")
    return effects.CancelLeg()


def final_response(call: Call, status: CallStatus, leg: effects.LegEnd | None) -> int | None:
    """The response that settled the call: ours to a caller, the far end's, or 487 when an INVITE was cancelled."""
    if isinstance(leg, effects.RefuseLeg):
        return leg.response
    cancelled = call.response is None and status in (CallStatus.CANCELED, CallStatus.NO_ANSWER)
    return 487 if cancelled else call.response


def change(call: Call, status: CallStatus) -> Step:
    """Move to `status` if the graph allows it, with the status callback that goes with it."""
    if not can_move(call.status, status):
        return call, ()
    over = status in TERMINAL
    changed = effects.Changed(
        status, CALLBACK_EVENT[status], call.duration if over else None, call.response if over else None
    )
    return replace(call, status=status), (changed,)
