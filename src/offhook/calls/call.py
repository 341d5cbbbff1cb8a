"""One call: its leg, its status, the TwiML it runs and whom it is with, as one pure step function.

`step(call, event, now)` takes what happened and returns the call as it then is and what is to be done, in order.
The TwiML interpreter (`offhook.twiml.interpreter`) runs inside; how ``<Dial>`` rings is in `offhook.calls.dial`, what
a call does in conferences and queues in `offhook.calls.meeting`, what happens in a room in `offhook.calls.rooms`. A
call that has ended stays to see its last requests through: the action of a recording or a dial that the hang-up cut
short.

`now` is seconds of a monotonic clock. Rows, SIP messages and audio are the business of `offhook.voice`.
"""

from __future__ import annotations

from typing import assert_never

from msgspec.structs import replace

from offhook.calls import dial, effects, events, meeting, referring, running, transfer
from offhook.calls.effects import Wanted
from offhook.calls.events import EndedBy
from offhook.calls.outcome import status_of_failure
from offhook.calls.place import ALONE, Conferring, Dialled, In, Ringing, Taking
from offhook.calls.running import RING_TIMER, TWIML_TIMER
from offhook.calls.state import (
    DIAL_LIMIT_TIMER,
    Call,
    Parent,
    Step,
    change,
    leg_end,
    mark_answered,
    refusal,
)
from offhook.calls.status import CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import Entry

__all__ = ["Call", "Parent", "Step", "refusal", "step"]

NO_AUDIO = 32014
BAD_SDP = 32102
UNREACHABLE = 32011
NOT_ACCEPTABLE = effects.RefuseLeg(488, "Not Acceptable Here")


def step(call: Call, event: events.CallEvent | heard.Event, now: float) -> Step:
    """What `event` makes of `call`. Events that come too late for the call are ignored."""
    match event:
        case events.Began():
            return _begin(call, now)
        case (
            events.ChildPlaced()
            | events.ChildRinging()
            | events.ChildAnswered()
            | events.ChildJoined()
            | events.ChildEnded()
        ):
            return _child(call, event, now)
        case events.RoomEnded():
            return _room_ended(call, event, now)
        case (
            events.LegRecorded()
            | events.TurnedAway()
            | events.RoomPushed()
            | events.RoomPopped()
            | events.InQueue()
            | events.Called()
            | events.Served()
            | events.MemberJoined()
            | events.MemberGone()
            | events.LeftQueue()
        ):
            return running.met(meeting.step(call, event, now), now)
        case (
            events.LegReferred()
            | events.ChildReferred()
            | events.TransferAsked()
            | events.TransferFetched()
            | events.ReferDecided()
            | events.ReferCameTo()
            | events.HandedOver()
            | events.Rejoined()
            | events.Moved()
            | events.Seated()
        ):
            return _transfer(call, event, now)
        case events.LegReferAnswered() | events.LegNotified():
            return running.met(referring.step(call, event), now)
        case heard.DigitPressed("*") if _ends_on_star(call):
            call, left = _dial_ended(call, "*", now)
            call, more = running.interpret(call, event, now)
            return call, left + more
        case (
            events.LegPlaced()
            | events.LegTrying()
            | events.LegRinging()
            | events.LegAnswered()
            | events.LegFailed()
            | events.LegEnded()
            | events.MediaLost()
            | events.NotNegotiated()
            | events.Admitted()
            | events.HangUpRequested()
            | events.RedirectRequested()
            | events.TimerExpired()
        ):
            return (call, ()) if call.is_over else _live(call, event, now)
        case _:
            return running.interpret(call, event, now)


_LiveEvent = (
    events.LegPlaced
    | events.LegTrying
    | events.LegRinging
    | events.LegAnswered
    | events.LegFailed
    | events.LegEnded
    | events.MediaLost
    | events.NotNegotiated
    | events.Admitted
    | events.HangUpRequested
    | events.RedirectRequested
    | events.TimerExpired
)


def _live(call: Call, event: _LiveEvent, now: float) -> Step:
    """What can only happen to a call that is not over."""
    match event:
        case events.LegPlaced():
            return replace(call, sip_call_id=event.sip_call_id), ()
        case events.LegTrying():
            return replace(call, reached=True), ()
        case events.LegRinging():
            return _ringing(replace(call, reached=True), event, now)
        case events.LegAnswered():
            return _answered(call, event, now)
        case events.LegFailed():
            return _failed(call, event, now)
        case events.LegEnded():
            status = CallStatus.COMPLETED if call.is_answered else CallStatus.CANCELED
            return running.end(call, status, EndedBy.FAR_END, now)
        case events.MediaLost():
            return _media_lost(call, event, now)
        case events.NotNegotiated():
            return _not_negotiated(call, event, now)
        case events.Admitted():
            return _admitted(call, event)
        case events.HangUpRequested():
            return _hang_up_requested(call, event, now)
        case events.RedirectRequested():
            return _redirected(call, event, now)
        case events.TimerExpired():
            return _timer(call, event.key, now)
        case _:
            assert_never(event)


def _begin(call: Call, now: float) -> Step:
    """Place an outbound call; let an inbound one ring while its TwiML is fetched."""
    if call.direction is Direction.INBOUND:
        call, changed = change(call, CallStatus.RINGING)
        call, begun = running.run(call, now)
        return call, (effects.Ring(), *changed, *begun)
    call, changed = change(call, CallStatus.INITIATED)
    return call, (effects.SetTimer(RING_TIMER, call.ring_timeout), *changed, effects.PlaceLeg())


def _ringing(call: Call, event: events.LegRinging, now: float) -> Step:
    """The far end rings. What it is heard to say, the conference of a participant that was dialled for it hears."""
    if call.is_answered:
        return call, ()
    call, changed = change(call, CallStatus.RINGING)
    if (parent := call.parent) is not None:
        changed += (effects.Tell(parent.call_sid, events.ChildRinging(parent.child, event.early_media)),)
    if event.early_media and call.early and call.execution is None:
        call, begun = running.run(call, now)
        changed += begun
    return call, changed


def _answered(call: Call, event: events.LegAnswered, now: float) -> Step:
    """The far end picked up an outbound call."""
    if call.is_answered:
        return call, ()
    call, changed = mark_answered(replace(call, sip_headers=event.sip_headers), now)
    done: tuple[Wanted, ...] = (effects.ClearTimer(RING_TIMER), *changed)
    if (parent := call.parent) is not None:
        told = events.ChildAnswered(parent.child, call.sip_call_id, event.sip_headers)
        done += (effects.Tell(parent.call_sid, told),)
    if call.early and call.execution is not None:
        return call, (*done, effects.TellAnswered(call.place.room)) if isinstance(call.place, In) else done
    if isinstance(call.place, In) and call.entry is not None:
        # Its early media was heard. What it says to its whisper is not for the caller.
        done += (effects.Leave(call.place.room),)
        call = replace(call, place=ALONE)
    call, begun = running.run(call, now)
    return call, done + begun


def _admitted(call: Call, event: events.Admitted) -> Step:
    """Enter the room. One that has TwiML of its own by then does not come any more."""
    if call.parent is None:
        return call, ()
    entered = effects.Enter(event.room, end_on_exit=not event.early)
    return replace(call, place=In(event.room)), (entered,)


def _failed(call: Call, event: events.LegFailed, now: float) -> Step:
    unreached = event.source is not events.FailureSource.REMOTE
    call = replace(call, response=event.response)
    status = status_of_failure(event.response, timed_out=unreached)
    call, done = running.end(call, status, EndedBy.SILENCE if unreached else EndedBy.FAR_END, now)
    if event.source is events.FailureSource.LOCAL or not unreached:
        return call, done
    reason = event.reason or "The far end cannot be reached."
    return call, (twiml.Notify(UNREACHABLE, f"{reason} ({event.source})", ""), *done)


def _ring_timeout(call: Call, now: float) -> Step:
    """Nobody answered in time: a phone that rings is left, a far end that has said nothing at all is a failure."""
    if call.reached:
        return running.end(call, CallStatus.NO_ANSWER, EndedBy.RING_TIMEOUT, now, leg_end(call))
    call, done = running.end(call, CallStatus.FAILED, EndedBy.SILENCE, now, leg_end(call))
    return call, (twiml.Notify(UNREACHABLE, "Nobody has answered the INVITE, not even with 100.", ""), *done)


def _media_lost(call: Call, event: events.MediaLost, now: float) -> Step:
    """No audio: an answered call is ended, with the reason on record. While it rings, silence is not a fault."""
    if event.silent and not call.is_answered:
        return call, ()
    status = CallStatus.COMPLETED if call.is_answered else CallStatus.FAILED
    call, done = running.end(call, status, EndedBy.NO_AUDIO, now, leg_end(call))
    return call, (twiml.Notify(NO_AUDIO, event.reason, ""), *done)


def _not_negotiated(call: Call, event: events.NotNegotiated, now: float) -> Step:
    """The two ends cannot exchange audio: the call has failed, even one that was answered."""
    leg = leg_end(call)
    if isinstance(leg, effects.RefuseLeg):
        leg = NOT_ACCEPTABLE
    elif not call.is_answered:
        call = replace(call, response=NOT_ACCEPTABLE.response)
    call, done = running.end(call, CallStatus.FAILED, EndedBy.NOT_NEGOTIATED, now, leg)
    return call, (twiml.Notify(BAD_SDP, event.reason, ""), *done)


def _hang_up_requested(call: Call, event: events.HangUpRequested, now: float) -> Step:
    if refusal(call, event) is not None:
        return call, ()
    if event.by is EndedBy.DIAL and call.parent is None:
        return call, ()
    if not call.is_answered and event.unanswered is CallStatus.NO_ANSWER:
        return _ring_timeout(call, now)
    status = CallStatus.COMPLETED if call.is_answered else event.unanswered
    return running.end(call, status, event.by, now, leg_end(call))


_TransferEvent = (
    events.LegReferred
    | events.ChildReferred
    | events.TransferAsked
    | events.TransferFetched
    | events.ReferDecided
    | events.ReferCameTo
    | events.HandedOver
    | events.Rejoined
    | events.Moved
    | events.Seated
)


def _transfer(call: Call, event: _TransferEvent, now: float) -> Step:
    """Somebody transfers this call, or it transfers somebody."""
    match event:
        case events.ChildReferred():
            return running.met(transfer.child_referred(call, event), now)
        case events.TransferAsked():
            return running.met(transfer.asked(call, event), now)
        case _ if call.is_over:
            return call, ()
        case events.LegReferred():
            return running.met(transfer.referred(call, event), now)
        case events.TransferFetched():
            return _transferred(call, event, now)
        case events.ReferDecided():
            return running.met(transfer.decided(call, event), now)
        case events.ReferCameTo():
            return running.met(transfer.came_to(call, event), now)
        case events.HandedOver(blind=True) if not call.transfers:
            return call, ()
        case events.HandedOver():
            call, left = running.met(transfer.handed_over(call), now)
            call, ended = running.end(call, CallStatus.COMPLETED, EndedBy.TRANSFER, now, leg_end(call))
            return call, left + ended
        case events.Rejoined():
            return running.met(transfer.rejoined(call, event), now)
        case events.Moved():
            return running.met(transfer.moved(call, event), now)
        case events.Seated():
            return running.met(transfer.seated(call, event), now)
        case _:
            assert_never(event)


def _transferred(call: Call, event: events.TransferFetched, now: float) -> Step:
    """The application has said where the call goes on, or has not."""
    asked = call.transfer
    if asked is None:
        return call, ()
    call = replace(call, transfer=None)
    stays = transfer.stays(asked, event)
    if stays is not None:
        return call, stays
    call, given = _given(call, event.entry, EndedBy.TRANSFER, now)
    return call, (*transfer.goes(asked, event), *given)


def _redirected(call: Call, event: events.RedirectRequested, now: float) -> Step:
    """New TwiML for a live call."""
    if refusal(call, event) is not None:
        return call, ()
    call, told, _ = transfer.given_up(call)
    call, given = _given(call, event.entry, EndedBy.REST, now)
    return call, told + given


def _given(call: Call, entry: Entry, by: EndedBy, now: float) -> Step:
    """The call goes on with this TwiML. A dialled call leaves the room, and the call that dialled it."""
    done: tuple[Wanted, ...] = (effects.Note("redirected", (("by", by.value),)),)
    if call.leaving is not None:
        done += (effects.ClearTimer(running.PLAYOUT_TIMER),)
        call = replace(call, leaving=None)
    call = replace(call, transfers=False)
    if isinstance(call.place, In) and call.place.because is None:
        done += (effects.Leave(call.place.room, redirected=True),)
        call = replace(call, place=ALONE)
    if (parent := call.parent) is not None:
        gone = events.ChildEnded(parent.child, CallStatus.COMPLETED, call.sip_call_id, call.response, by)
        done += (effects.Tell(parent.call_sid, gone),)
        call = replace(call, parent=None, place=ALONE)
    call, left, after = meeting.redirected(replace(call, conference=None), now)
    call, begun = running.interpret(call, heard.Redirected(entry, after), now)
    return call, (*done, *left, *begun)


def _timer(call: Call, key: str, now: float) -> Step:
    if key.startswith(TWIML_TIMER):
        return running.interpret(call, heard.TimerFired(int(key.removeprefix(TWIML_TIMER))), now)
    match key:
        case "ring" if not call.is_answered:
            return _ring_timeout(call, now)
        case "limit":
            return running.end(call, CallStatus.COMPLETED, EndedBy.TIME_LIMIT, now, leg_end(call))
        case dial.RING_TIMER if isinstance(call.place, Ringing):
            return running.rung(call, *dial.ring_timeout(call.place.dialling), now)
        case dial.RING_TIMER:
            return running.met(meeting.give_up(call, "no-answer"), now)
        case "dial-limit" if isinstance(call.place, In):
            return _dial_ended(call, "timeLimit", now)
        case running.PLAYOUT_TIMER if call.leaving is not None:
            return running.hang_up(call, now)
    return call, ()


def _child(call: Call, event: dial.ChildEvent, now: float) -> Step:
    """What a dialled call did. One that is ready when nobody waits for it any more is hung up."""
    noted: tuple[Wanted, ...] = (dial.note(event),)
    if isinstance(call.place, Ringing) and any(
        child.number == event.child for child in call.place.dialling.children
    ):
        call, done = running.rung(call, *dial.step(call.place.dialling, event), now)
        return call, noted + done
    if isinstance(event, events.ChildEnded) and _is_with(call, event.child):
        call, left = running.leave(call)
        return call, noted + left
    if isinstance(event, events.ChildPlaced | events.ChildJoined):
        late = events.HangUpRequested(EndedBy.DIAL)
        return call, (*noted, effects.Tell(event.call_sid, late))
    return call, noted


def _dial_ended(call: Call, by: str, now: float) -> Step:
    """The call leaves the room, while it and whom it is with are still there."""
    dialled = isinstance(call.place, In) and isinstance(call.place.because, Dialled)
    call, left = running.leave(call) if dialled else running.met(meeting.leave(call), now)
    return call, (effects.Note("dial ended", (("by", by),)), *left)


def _ends_on_star(call: Call) -> bool:
    """Whether ``*`` of the caller ends its dial."""
    match call.place:
        case In(_, Dialled(request, joined=True) | Conferring(request) | Taking(request, joined=True)):
            return request.hangup_on_star
    return False


def _is_with(call: Call, child: int) -> bool:
    """Whether this dialled call was let into the room, which it may not have reached."""
    match call.place:
        case In(_, Dialled(joined=True) as dialled):
            return dialled.child.number == child
    return False


def _room_ended(call: Call, event: events.RoomEnded, now: float) -> Step:
    """The room has ended: a ``<Dial>`` is done; a dialled call, which has nothing else to do, ends.

    One that is being transferred waits for what its application says to that.
    """
    match call.place:
        case In(event.room) if call.transfer is not None and not call.is_over:
            left = replace(call, place=ALONE, transfer=replace(call.transfer, left=True))
            return left, (effects.ClearTimer(DIAL_LIMIT_TIMER),)
        case In(event.room, None) if not call.is_over:
            status = CallStatus.COMPLETED if call.is_answered else CallStatus.CANCELED
            return running.end(replace(call, place=ALONE), status, EndedBy.DIAL, now, leg_end(call))
        case In(event.room, Dialled() as dialled):
            done = dialled.done(event.seconds, redirected=event.redirected, recorded=event.recorded)
            call, more = running.interpret(replace(call, place=ALONE), done, now)
            return call, (effects.ClearTimer(DIAL_LIMIT_TIMER), *more)
    return running.met(meeting.room_ended(call, event, now), now)
