"""One call: its leg, its status, the TwiML it runs and the calls it dials, as one pure step function.

`step(call, event, now)` takes what happened and returns the call as it then is and what is to be done, in
order. The TwiML interpreter (`offhook.twiml.interpreter`) runs inside; ``<Dial>`` is in `offhook.calls.dial`.
A call that has ended stays to see its last requests through: the action of a recording or a dial that the
hang-up cut short.

`now` is seconds of a monotonic clock. Rows, SIP messages and audio are the business of `offhook.voice`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import get_args

from offhook.calls import dial as dialling_
from offhook.calls import effects, events
from offhook.calls.outcome import REJECT_RESPONSE, REJECT_STATUS, status_of_failure
from offhook.calls.status import (
    CALLBACK_EVENT,
    TERMINAL,
    CallStatus,
    Direction,
    billable_seconds,
    can_move,
)
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml import interpreter
from offhook.twiml.entry import CallFacts, Entry

RING_TIMER = "ring"
LIMIT_TIMER = "limit"
TWIML_TIMER = "twiml-"

_STILL_DONE_AFTER_THE_END = (
    twiml.Fetch,
    twiml.StopRecording,
    twiml.Notify,
    twiml.Trace,
    twiml.SendMessage,
)


_HEARD = get_args(heard.Event)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it stands. `entry` is the TwiML it runs when answered; a dialled call may have none."""

    sid: str
    direction: Direction
    facts: CallFacts
    entry: Entry | None
    ring_timeout: float = 60.0
    time_limit: float = 14400.0
    status: CallStatus = CallStatus.QUEUED
    answered_at: float | None = None
    duration: int = 0
    execution: interpreter.State | None = None
    dialling: dialling_.Dialling | None = None
    next_child: int = 1
    response: int | None = None
    """The SIP final response that the call came to."""

    @property
    def is_over(self) -> bool:
        """Whether the call has its terminal status."""
        return self.status in TERMINAL

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None


Step = tuple[Call, tuple[object, ...]]


def step(call: Call, event: object, now: float) -> Step:
    """What `event` makes of `call`. Events that come too late for the call are ignored."""
    match event:
        case events.Began():
            return _begin(call, now)
        case events.ChildPlaced() | events.ChildRinging() | events.ChildAnswered() | events.ChildEnded():
            return _child(call, event, now)
        case events.BridgeRecorded():
            return _child(call, event, now)
        case heard.DigitPressed("*") if call.dialling and call.dialling.ends_on_star:
            return _after_dial(call, dialling_.finish(call.dialling, CallStatus.COMPLETED, now), now)
        case _ if isinstance(event, _HEARD):
            return _interpret(call, event, now)
        case _ if call.is_over:
            return call, ()
        case events.LegRinging():
            return _ringing(call, event)
        case events.LegAnswered():
            return _answered(call, now)
        case events.LegFailed():
            return _failed(call, event, now)
        case events.LegEnded():
            return _end(call, CallStatus.COMPLETED if call.is_answered else CallStatus.CANCELED, now)
        case events.MediaLost():
            return _media_lost(call, event, now)
        case events.HangUpRequested():
            return _hang_up_requested(call, event, now)
        case events.RedirectRequested():
            return _redirected(call, event, now)
        case events.TimerExpired():
            return _timer(call, event.key, now)
        case _:
            raise TypeError(f"not an event of a call: {event!r}")


def _begin(call: Call, now: float) -> Step:
    """Place an outbound call; let an inbound one ring while its TwiML is fetched."""
    if call.direction is Direction.INBOUND:
        call, changed = _change(call, CallStatus.RINGING)
        call, run = _run(call, now)
        return call, (effects.Ring(), *changed, *run)
    call, changed = _change(call, CallStatus.INITIATED)
    return call, (effects.SetTimer(RING_TIMER, call.ring_timeout), *changed, effects.PlaceLeg())


def _ringing(call: Call, event: events.LegRinging) -> Step:
    call, changed = _change(call, CallStatus.RINGING)
    if call.direction is Direction.OUTBOUND_DIAL:
        changed += (effects.TellParent(events.ChildRinging(0, event.early_media)),)
    return call, changed


def _answered(call: Call, now: float) -> Step:
    """The far end picked up an outbound call."""
    if call.is_answered:
        return call, ()
    call, answered = _mark_answered(call, now)
    answered = (effects.ClearTimer(RING_TIMER), *answered)
    if call.entry is None:
        return call, (*answered, effects.TellParent(events.ChildAnswered(0, call.sid)))
    call, run = _run(call, now)
    return call, answered + run


def _mark_answered(call: Call, now: float) -> Step:
    call = replace(call, answered_at=now, response=200)
    call, changed = _change(call, CallStatus.IN_PROGRESS)
    return call, (*changed, effects.SetTimer(LIMIT_TIMER, call.time_limit))


def _failed(call: Call, event: events.LegFailed, now: float) -> Step:
    unreached = event.source is not events.FailureSource.REMOTE
    call = replace(call, response=event.response)
    return _end(call, status_of_failure(event.response, timed_out=unreached), now)


def _media_lost(call: Call, event: events.MediaLost, now: float) -> Step:
    """No audio: an answered call is ended, with the reason on record."""
    call, done = _end(
        call, CallStatus.COMPLETED if call.is_answered else CallStatus.FAILED, now, _leg_end(call)
    )
    return call, (twiml.Notify(32014, event.reason, ""), *done)


def _hang_up_requested(call: Call, event: events.HangUpRequested, now: float) -> Step:
    if call.is_answered:
        return (call, ()) if event.cancel_only else _end(call, CallStatus.COMPLETED, now, effects.EndLeg())
    return _end(call, event.unanswered, now, _leg_end(call))


def _redirected(call: Call, event: events.RedirectRequested, now: float) -> Step:
    """New TwiML for a live call. A dialled call leaves the call that dialled it."""
    if call.execution is not None:
        return _interpret(call, heard.Redirected(event.entry), now)
    facts = replace(call.facts, whisper=False)
    call, run = _run(replace(call, entry=event.entry, facts=facts), now)
    ended = events.ChildEnded(0, call.sid, CallStatus.COMPLETED, billable_seconds(call.answered_at, now))
    return call, (effects.Disconnect(), effects.TellParent(ended), *run)


def _timer(call: Call, key: str, now: float) -> Step:
    if key.startswith(TWIML_TIMER):
        return _interpret(call, heard.TimerFired(int(key.removeprefix(TWIML_TIMER))), now)
    match key:
        case "ring" if not call.is_answered:
            return _end(call, CallStatus.NO_ANSWER, now, _leg_end(call))
        case "limit":
            return _end(call, CallStatus.COMPLETED, now, _leg_end(call))
        case dialling_.RING_TIMER if call.dialling:
            return _after_dial(call, dialling_.ring_timeout(call.dialling, now), now)
        case dialling_.LIMIT_TIMER if call.dialling:
            return _after_dial(call, dialling_.finish(call.dialling, CallStatus.COMPLETED, now), now)
    return call, ()


# TwiML


def _run(call: Call, now: float) -> Step:
    """Begin the call's TwiML, if it has any."""
    if call.entry is None:
        return call, ()
    facts = replace(call.facts, answered=call.is_answered)
    execution, wanted = interpreter.start(call.entry, facts)
    return _absorb(replace(call, execution=execution), wanted, now)


def _interpret(call: Call, event: heard.Event, now: float) -> Step:
    """Give the interpreter an event, and see to what it wants."""
    if call.execution is None:
        return call, ()
    execution, wanted = interpreter.step(call.execution, event)
    return _absorb(replace(call, execution=execution), wanted, now)


def _absorb(call: Call, wanted: Iterable[twiml.Effect], now: float) -> Step:
    """Carry out the interpreter's effects that concern the call, and pass the others on."""
    done: list[object] = []
    for effect in wanted:
        if call.is_over and not isinstance(effect, _STILL_DONE_AFTER_THE_END):
            continue
        call, more = _absorb_one(call, effect, now)
        done.extend(more)
    return call, tuple(done)


def _absorb_one(call: Call, effect: twiml.Effect, now: float) -> Step:
    match effect:
        case twiml.Answer():
            return _accept(call, now)
        case twiml.Decline():
            response, reason = REJECT_RESPONSE[effect.reason]
            return _end(call, REJECT_STATUS[effect.reason], now, effects.RefuseLeg(response, reason))
        case twiml.HangUp():
            return _end(call, CallStatus.COMPLETED, now, _leg_end(call))
        case twiml.Join():
            return call, (effects.TellParent(events.ChildAnswered(0, call.sid)),)
        case twiml.StartTimer():
            return call, (effects.SetTimer(f"{TWIML_TIMER}{effect.timer}", effect.seconds),)
        case twiml.StopTimer():
            return call, (effects.ClearTimer(f"{TWIML_TIMER}{effect.timer}"),)
        case twiml.Dial():
            dialling, done = dialling_.begin(effect, call.next_child)
            call = replace(call, next_child=call.next_child + len(effect.targets))
            return replace(call, dialling=dialling), done
        case twiml.EndDial() if call.dialling:
            return _after_dial(call, dialling_.finish(call.dialling, CallStatus.COMPLETED, now), now)
        case twiml.EndDial():
            return call, ()
        case _:
            return call, (effect,)


def _accept(call: Call, now: float) -> Step:
    """Answer an inbound call, once."""
    if call.is_answered or call.direction is not Direction.INBOUND:
        return call, ()
    call, answered = _mark_answered(call, now)
    return call, (effects.AcceptLeg(), *answered)


# Dialled calls


def _child(
    call: Call,
    event: events.ChildPlaced
    | events.ChildRinging
    | events.ChildAnswered
    | events.ChildEnded
    | events.BridgeRecorded,
    now: float,
) -> Step:
    """What a dialled call did."""
    dialling = call.dialling
    if dialling is None:
        late = isinstance(event, events.ChildAnswered)
        return call, (effects.EndChild(event.child),) if late else ()
    accepted: tuple[object, ...] = ()
    result: dialling_.Step
    match event:
        case events.ChildPlaced():
            result = dialling_.child_placed(dialling, event), ()
        case events.ChildRinging():
            result = dialling_.child_ringing(dialling, event)
        case events.ChildAnswered():
            call, accepted = _accept(call, now)
            result = dialling_.child_answered(dialling, event, now)
        case events.ChildEnded():
            result = dialling_.child_ended(dialling, event, now)
        case events.BridgeRecorded():
            result = dialling_.recorded(dialling, event), ()
    call, done = _after_dial(call, result, now)
    return call, accepted + done


def _after_dial(call: Call, result: dialling_.Step, now: float) -> Step:
    """Keep the dial as it is now, or tell the interpreter that it is done."""
    dialling, done = result
    if not dialling_.is_done(dialling):
        return replace(call, dialling=dialling), done
    call = replace(call, dialling=None)
    call, more = _interpret(call, dialling_.result(dialling), now)
    return call, (*done, *more)


# The end


def _leg_end(call: Call) -> object:
    """How the leg of a live call is ended from our side."""
    if call.is_answered:
        return effects.EndLeg()
    if call.direction is Direction.INBOUND:
        return effects.RefuseLeg(480, "Temporarily Unavailable")
    return effects.CancelLeg()


def _end(call: Call, status: CallStatus, now: float, leg: object | None = None) -> Step:
    """The one way a call ends: its leg, its dialled calls, its status, and the interpreter's last wishes."""
    if call.is_over:
        return call, ()
    duration = billable_seconds(call.answered_at, now)
    response = _final_response(call, status, leg)
    call, changed = _change(replace(call, duration=duration, response=response), status)
    done: list[object] = [effects.ClearTimer(RING_TIMER), effects.ClearTimer(LIMIT_TIMER)]
    call, last = _interpret(call, heard.HungUp(), now)
    done.extend(last)
    if call.dialling:
        call, hung_up = _after_dial(call, _abandon(call.dialling, now), now)
        done.extend(hung_up)
    if leg is not None:
        done.append(leg)
    done.extend(changed)
    if call.direction is Direction.OUTBOUND_DIAL:
        ended = events.ChildEnded(0, call.sid, status, duration, sip_response=call.response)
        done.append(effects.TellParent(ended))
    return call, tuple(done)


def _final_response(call: Call, status: CallStatus, leg: object | None) -> int | None:
    """The response that settled the call: ours to a caller, the far end's, or 487 when an INVITE was cancelled."""
    if isinstance(leg, effects.RefuseLeg):
        return leg.response
    cancelled = call.response is None and status in (CallStatus.CANCELED, CallStatus.NO_ANSWER)
    return 487 if cancelled else call.response


def _abandon(dialling: dialling_.Dialling, now: float) -> dialling_.Step:
    """The caller is gone: a bridged dial is completed, a ringing one cancelled."""
    status = CallStatus.COMPLETED if dialling.bridged is not None else CallStatus.CANCELED
    return dialling_.finish(dialling, status, now)


def _change(call: Call, status: CallStatus) -> Step:
    """Move to `status` if the graph allows it, with the status callback that goes with it."""
    if not can_move(call.status, status):
        return call, ()
    over = status in TERMINAL
    changed = effects.Changed(
        status, CALLBACK_EVENT[status], call.duration if over else None, call.response if over else None
    )
    return replace(call, status=status), (changed,)
