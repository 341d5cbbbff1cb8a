"""What a call does once it may: it runs its TwiML, dials others, and ends.

A part of `offhook.calls.call`, which says what happens when. The interpreter's effects that concern the call are
carried out here, and one of them may be its end, at which the interpreter is heard once more.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from offhook.calls import dial, effects, events, meeting, referring, transfer
from offhook.calls.effects import Wanted
from offhook.calls.events import EndedBy
from offhook.calls.outcome import REJECT_RESPONSE, REJECT_STATUS
from offhook.calls.place import Conferring, Dialled, In, Queued, Ringing, Taking
from offhook.calls.state import (
    DIAL_LIMIT_TIMER,
    LIMIT_TIMER,
    Call,
    Step,
    accept,
    change,
    final_response,
    leg_end,
)
from offhook.calls.status import CallStatus, billable_seconds
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml import interpreter
from offhook.twiml.entry import Purpose

RING_TIMER = "ring"
PLAYOUT_TIMER = "playout"
TWIML_TIMER = "twiml-"

PLAYOUT_SECONDS = 0.2
"""How long a far end may take to play what it has received. At a BYE telephones throw away what waits in their
jitter buffers, which hold 40 to 200 ms: without this time the last syllable of a prompt would not be heard."""

_STILL_DONE_AFTER_THE_END = (
    twiml.Fetch,
    twiml.StopRecording,
    twiml.Notify,
    twiml.Trace,
    twiml.SendMessage,
    twiml.EndDial,
    twiml.EndEnqueue,
    twiml.EndRefer,
)


def run(call: Call, now: float) -> Step:
    """Begin the call's TwiML. A dialled call without a whisper joins at once; one with it, when it has heard it."""
    facts = replace(call.facts, answered=call.is_answered)
    if call.parent is None:
        if call.entry is None:
            return call, ()
        execution, wanted = interpreter.start(call.entry, facts)
        return _absorb(replace(call, execution=execution), wanted, now)
    call = replace(call, execution=interpreter.idle(facts))
    if call.entry is None:
        return call, _joins(call)
    return interpret(call, heard.Pushed(Purpose.WHISPER, call.entry), now)


def _joins(call: Call) -> tuple[Wanted, ...]:
    if call.parent is None:
        return ()
    return (effects.Tell(call.parent.call_sid, events.ChildJoined(call.parent.child, call.sid)),)


def interpret(call: Call, event: heard.Event, now: float) -> Step:
    """Give the interpreter an event, and see to what it wants."""
    if call.execution is None:
        return call, ()
    execution, wanted = interpreter.step(call.execution, event)
    played_at = now if isinstance(event, heard.Played) else call.played_at
    return _absorb(replace(call, execution=execution, played_at=played_at), wanted, now)


def _absorb(call: Call, wanted: Iterable[twiml.Effect], now: float) -> Step:
    """Carry out the interpreter's effects that concern the call, and pass the others on."""
    done: list[Wanted] = []
    for effect in wanted:
        if call.is_over and not isinstance(effect, _STILL_DONE_AFTER_THE_END):
            continue
        call, more = _absorb_one(call, effect, now)
        done.extend(more)
    return call, tuple(done)


def _absorb_one(call: Call, effect: twiml.Effect, now: float) -> Step:
    match effect:
        case twiml.Answer():
            return accept(call, now)
        case twiml.Decline():
            response, reason = REJECT_RESPONSE[effect.reason]
            refused = effects.RefuseLeg(response, reason)
            return end(call, REJECT_STATUS[effect.reason], EndedBy.TWIML, now, refused)
        case twiml.HangUp():
            return _leave(call, effect, now)
        case twiml.Join():
            return met(meeting.join(call), now) if _is_queued(call) else (call, _joins(call))
        case twiml.StartTimer():
            return call, (effects.SetTimer(f"{TWIML_TIMER}{effect.timer}", effect.seconds),)
        case twiml.StopTimer():
            return call, (effects.ClearTimer(f"{TWIML_TIMER}{effect.timer}"),)
        case twiml.Dial():
            return _dial(call, effect)
        case twiml.EndDial():
            return _end_dial(call, effect, now)
        case twiml.Confer():
            return met(meeting.confer(call, effect), now)
        case twiml.Take():
            return met(meeting.take(call, effect, now), now)
        case twiml.Enqueue():
            return met(meeting.enqueue(call, effect, now), now)
        case twiml.LeaveQueue():
            return met(meeting.leave_queue(call, now), now)
        case twiml.EndEnqueue():
            return met(meeting.end_enqueue(call, now), now)
        case twiml.Refer():
            return met(referring.refer(call, effect), now)
        case twiml.EndRefer():
            return met(referring.abandon(call), now)
        case twiml.Announced(failed, url):
            room = call.place.room if isinstance(call.place, In) else ""
            return call, (effects.TellRoom(room, failed, url),) if room else ()
        case _:
            return call, (effect,)


def _leave(call: Call, effect: twiml.HangUp, now: float) -> Step:
    """Hang up as the TwiML wants, but not while the far end still hears what was played last."""
    call = replace(call, leaving=effect)
    rest = 0.0 if call.played_at is None else call.played_at + PLAYOUT_SECONDS - now
    return hang_up(call, now) if rest <= 0 else (call, (effects.SetTimer(PLAYOUT_TIMER, rest),))


def hang_up(call: Call, now: float) -> Step:
    """Its TwiML is over, and the far end has heard it."""
    code = call.leaving.code if call.leaving is not None else None
    by = EndedBy.TWIML if code is None else EndedBy.TWIML_FAILED
    rings = call.early and not call.is_answered
    status = CallStatus.CANCELED if rings else CallStatus.COMPLETED
    return end(call, status, by, now, leg_end(call), code)


def _dial(call: Call, request: twiml.Dial) -> Step:
    """Open the room, enter it, and ring."""
    room = f"{call.sid}-{request.dial}"
    dialling, placed = dial.begin(request, room, call.next_child)
    call = replace(call, place=Ringing(dialling), next_child=call.next_child + len(request.targets))
    opened = (effects.OpenRoom(room, dial.recording(request)), _enter(dialling))
    return call, (*opened, *placed)


def _enter(dialling: dial.Dialling) -> effects.Enter:
    return effects.Enter(dialling.room, hears_star=dialling.request.hangup_on_star)


def rung(call: Call, result: dial.Result, done: tuple[Wanted, ...], now: float) -> Step:
    """Ring on, or be in the room with whoever joined, or leave it because nobody did."""
    place = call.place
    assert isinstance(place, Ringing)
    dialling = place.dialling
    match result:
        case dial.Dialling():
            return replace(call, place=Ringing(result)), done
        case dial.Joined(child):
            call, accepted = accept(call, now)
            dialled = Dialled(dialling.request, child, joined=True)
            limit = effects.SetTimer(DIAL_LIMIT_TIMER, dialling.request.time_limit)
            return replace(call, place=In(dialling.room, dialled)), (*accepted, *done, limit)
        case dial.Unanswered(status, child):
            dialled = Dialled(dialling.request, child, status)
            call = replace(call, place=In(dialling.room, dialled))
            return call, (*done, effects.Leave(dialling.room))


def _end_dial(call: Call, effect: twiml.EndDial, now: float) -> Step:
    """The verb wants its dial ended."""
    match call.place:
        case Ringing(dialling) if dialling.request.dial == effect.dial:
            return rung(call, *dial.abandon(dialling, CallStatus.CANCELED), now)
        case In(_, Dialled(request)) if request.dial == effect.dial:
            return leave(call)
        case In(_, Conferring(request) | Taking(request)) if request.dial == effect.dial:
            return met(meeting.leave(call), now)
    return call, ()


def met(meeting_step: meeting.Met, now: float) -> Step:
    """See to what a meeting has come to: what is to be done, then what the interpreter makes of it."""
    call, done, told = meeting_step
    for event in told:
        call, more = interpret(call, event, now)
        done += more
    return call, done


def _is_queued(call: Call) -> bool:
    return isinstance(call.place, In) and isinstance(call.place.because, Queued)


def leave(call: Call) -> Step:
    """Leave the room, and wait for what it has come to."""
    place = call.place
    assert isinstance(place, In)
    return call, (effects.ClearTimer(DIAL_LIMIT_TIMER), effects.Leave(place.room))


def end(
    call: Call,
    status: CallStatus,
    by: EndedBy,
    now: float,
    leg: effects.LegEnd | None = None,
    code: int | None = None,
) -> Step:
    """The one way a call ends: its leg, its rooms, its status, and the interpreter's last wishes.

    `code` is the error that ends it, if its TwiML has failed.
    """
    if call.is_over:
        return call, ()
    duration = billable_seconds(call.answered_at, now)
    response = final_response(call, status, leg)
    call, changed = change(replace(call, duration=duration, response=response), status)
    failed = (("code", str(code)),) if code is not None else ()
    done: list[Wanted] = [effects.Note("ended", (("by", by.value), *failed))]
    done += [effects.ClearTimer(RING_TIMER), effects.ClearTimer(LIMIT_TIMER)]
    call, last = interpret(call, heard.HungUp(), now)
    done.extend(last)
    if isinstance(call.place, In) and call.place.because is None:
        done.append(effects.Leave(call.place.room))
    call, told, _ = transfer.given_up(call)
    done.extend(told)
    if leg is not None:
        done.append(leg)
    done.extend(changed)
    if (parent := call.parent) is not None:
        ended = events.ChildEnded(parent.child, status, call.sip_call_id, call.response, by, code)
        done.append(effects.Tell(parent.call_sid, ended))
    return call, tuple(done)
