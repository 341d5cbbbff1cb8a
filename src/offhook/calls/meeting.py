"""A call in a conference, in a queue, or come for somebody in one: what it does there, and how that ends.

A part of `offhook.calls.call`, as `offhook.calls.dial` is. Rooms tell a call what happens (`offhook.calls.rooms`); a
call enters and leaves them by effects. Whoever is taken out of a queue hears the taker's document, then enters the
bridge that the taker has opened. If one of the two has gone by then, the other waits on: the taker as first of its
kind, the caller as first in the queue. A step says last what the call's interpreter is to be told.

What was told before the call left a room, and comes when it is there again or in another, changes nothing; where it
may have been about the present stay, the call leaves the room too, so that it is a member nowhere but where it thinks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from offhook.calls import dial, effects, events
from offhook.calls.effects import Wanted
from offhook.calls.place import ALONE, Conferring, Departed, In, Queued, Taking
from offhook.calls.rooms.conference import conference_name
from offhook.calls.rooms.queue import NO_SUCH_QUEUE, queue_name
from offhook.calls.state import DIAL_LIMIT_TIMER, Call, accept
from offhook.errors import NOTIFICATIONS
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import Purpose
from offhook.twiml.events import QueueResult

QUEUE_FULL: Final = 14207
LEAST_REST: Final = 1.0
"""Seconds that a call waits at least, when whoever was on the way to it has gone."""

Event = (
    events.LegRecorded
    | events.TurnedAway
    | events.RoomPushed
    | events.RoomPopped
    | events.InQueue
    | events.Called
    | events.Served
    | events.MemberJoined
    | events.MemberGone
    | events.LeftQueue
)

_ENOUGH: Final = effects.ClearTimer(dial.RING_TIMER)

Met = tuple[Call, tuple[Wanted, ...], tuple[heard.Event, ...]]
"""The call, what is to be done, and what its interpreter is told after that, in order."""


# Entering


def confer(call: Call, request: twiml.Confer) -> Met:
    """Enter a conference: it waits there until it starts."""
    room = conference_name(request.name)
    limit = effects.SetTimer(DIAL_LIMIT_TIMER, request.time_limit)
    call = replace(call, place=In(room, Conferring(request, recording=request.leg is not None)))
    entered = effects.EnterConference(room, request, call.conference)
    recorded = (effects.RecordLeg(request.dial, request.leg),) if request.leg is not None else ()
    return call, (entered, *recorded, limit), ()


def enqueue(call: Call, request: twiml.Enqueue, now: float) -> Met:
    """Enter a queue."""
    room = queue_name(request.queue)
    call = replace(call, place=In(room, Queued(request, entered_at=now)))
    return call, (effects.EnterQueue(room, request),), ()


def take(call: Call, request: twiml.Take, now: float) -> Met:
    """Open a bridge, and come for the first who waits."""
    bridge = f"{call.sid}-{request.dial}"
    call = replace(call, place=In(bridge, Taking(request, bridge, request.timeout, now)))
    done = (
        effects.OpenRoom(bridge, dial.recording(request)),
        effects.Enter(bridge, hears_star=request.hangup_on_star),
        effects.PlayRingback(request.ring_tone),
        effects.SetTimer(dial.RING_TIMER, request.timeout),
        effects.TakeFromQueue(queue_name(request.queue), request, bridge),
    )
    return call, done, ()


# What rooms tell


def step(call: Call, event: Event, now: float) -> Met:
    """What a room, or whom it has brought together with this call, has told."""
    place = call.place
    because = place.because if isinstance(place, In) else None
    match event:
        case events.RoomPushed(room, purpose, entry) if _is_in(call, room):
            return call, (), (heard.Pushed(purpose, entry),)
        case events.RoomPopped(room, purpose) if _is_in(call, room):
            return call, (), (heard.Popped(purpose),)
        case events.LegRecorded():
            return _leg_recorded(call, event)
        case events.TurnedAway():
            return _turned_away(call, event)
        case events.InQueue(room, sid) if isinstance(because, Queued) and _is_in(call, room):
            noted = effects.Note("queued", (("queue", because.request.queue), ("sid", sid)))
            return _placed(call, replace(because, queue_sid=sid)), (noted,), ()
        case events.Called():
            return _called(call, event)
        case events.LeftQueue(room, result) if isinstance(because, Queued) and _is_in(call, room):
            return _left_queue(call, because, result, now)
        case events.Served() | events.MemberJoined() | events.MemberGone():
            if isinstance(because, Taking) and because.bridge == event.bridge and not because.left:
                return _of_member(call, because, event, now)
            return call, missed(event), ()
    return call, (), ()


def missed(event: events.CallEvent) -> tuple[effects.Tell, ...]:
    """What an event leads to where the call is not there any more, or is gone: who counts on it is told."""
    match event:
        case events.Called(_, taker, bridge):
            return (effects.Tell(taker, events.MemberGone(bridge)),)
        case events.Served(bridge, member):
            return (effects.Tell(member, events.RoomEnded(bridge, 0)),)
    return ()


def others_in(event: events.CallEvent) -> tuple[str, ...]:
    """The calls that an event names, which whoever is told may tell something."""
    match event:
        case events.Called(_, call_sid) | events.Served(_, call_sid) | events.MemberJoined(_, call_sid):
            return (call_sid,)
    return ()


def room_lost(call: Call, room: str) -> events.CallEvent | None:
    """What is told a call that was in a room, or came for somebody in it, whose node has died with it."""
    match call.place:
        case In(_, Queued(taker=None)) if call.place.room == room:
            return events.LeftQueue(room, "system-error")
        case In(_, Queued(joined=True)) if call.place.room == room:
            return events.RoomEnded(room, 1)
        case In(_, Taking(member=None, left=False) as taking) if room == queue_name(taking.request.queue):
            return events.TurnedAway(room, NO_SUCH_QUEUE)
        case In(_, Conferring() | None) if call.place.room == room:
            return events.RoomEnded(room, 0)
    return None


def other_lost(call: Call, gone: Collection[str]) -> events.CallEvent | None:
    """What is told a call that was about to meet one of these in a bridge here, whose node has died with them."""
    match call.place:
        case In(_, Taking(member=str(member), joined=False, left=False) as taking) if member in gone:
            return events.MemberGone(taking.bridge)
        case In(_, Queued(taker=str(taker), bridge=str(bridge), joined=False)) if taker in gone:
            return events.RoomEnded(bridge, 0)
    return None


def still_enters(
    call: Call, effect: effects.EnterConference | effects.EnterQueue | effects.TakeFromQueue
) -> bool:
    """Whether a call that has asked for a room is to enter it, once that has been found."""
    match call.place:
        case In(_, Conferring(request) | Queued(request) | Taking(request, left=False)) if not call.is_over:
            return request == effect.request
        case In(effect.room, None) if not call.is_over:
            return True  # A call that was dialled, to which a place was passed on.
    return False


def _turned_away(call: Call, event: events.TurnedAway) -> Met:
    match call.place:
        case In(event.room, Conferring() as conferring):
            notified = twiml.Notify(event.code, NOTIFICATIONS[event.code].title, "")
            done = (notified, *_stood_out(event.room, conferring))
            return replace(call, place=ALONE), done, (conferring.refused(),)
        case In(_, Taking(left=False) as taking) if event.room == queue_name(taking.request.queue):
            return give_up(call, "failed")
        case In(event.room, None) if not call.is_over:
            return call, (effects.Tell(call.sid, events.RoomEnded(event.room, 0)),), ()
    return call, (), ()


def _called(call: Call, event: events.Called) -> Met:
    """Somebody has come for this call: it hears what it is to hear before, then joins.

    One that the queue has not said to have taken in is called for a wait that is over.
    """
    match call.place:
        case In(event.room, Queued(queue_sid=str(), taker=None) as queued) if not _is_leaving(call):
            called = replace(queued, waited=event.waited, taker=event.taker, bridge=event.bridge)
        case _:
            return call, missed(event), ()
    call = _placed(call, called)
    noted = effects.Note("taken out", (("by", event.taker), ("waited", str(event.waited))))
    coming = effects.Tell(event.taker, events.Served(event.bridge, call.sid))
    over = heard.Popped(Purpose.QUEUE)
    if event.entry is not None:
        return call, (noted, coming), (over, heard.Pushed(Purpose.HANDOVER, event.entry))
    call, joined, _ = join(call)
    return call, (noted, coming, *joined), (over,)


def join(call: Call) -> Met:
    """The call that was taken out of its queue is ready: it enters the bridge."""
    match call.place:
        case In(_, Queued(taker=str(taker), bridge=str(bridge), joined=False) as queued):
            call = replace(call, place=In(bridge, replace(queued, joined=True)))
            told = effects.Tell(taker, events.MemberJoined(bridge, call.sid))
            return call, (effects.Enter(bridge), told, effects.Note("bridged", (("with", taker),))), ()
    return call, (), ()


def _of_member(
    call: Call, taking: Taking, event: events.Served | events.MemberJoined | events.MemberGone, now: float
) -> Met:
    """What the call that the queue has given this one does."""
    match event:
        case events.Served(_, member):
            rest = taking.rest - (now - taking.since)
            noted = effects.Note("takes out", (("call", member),))
            return _placed(call, replace(taking, member=member, rest=rest)), (_ENOUGH, noted), ()
        case events.MemberJoined(_, member):
            return _joined(call, replace(taking, member=member, joined=True), now)
        case events.MemberGone():
            return _take_again(call, taking, now)


def _joined(call: Call, taking: Taking, now: float) -> Met:
    """The two have met."""
    call, accepted = accept(_placed(call, taking), now)
    limit = effects.SetTimer(DIAL_LIMIT_TIMER, taking.request.time_limit)
    noted = effects.Note("bridged", (("with", taking.member or ""),))
    return call, (_ENOUGH, effects.StopRingback(), *accepted, noted, limit), ()


def _take_again(call: Call, taking: Taking, now: float) -> Met:
    """Whom the queue had given has gone: wait for the next, before all others who do."""
    request = taking.request
    done: tuple[Wanted, ...] = ()
    if taking.member is not None:
        taking = replace(taking, member=None, rest=max(taking.rest, LEAST_REST), since=now)
        gone = effects.Note("waits for another", (("queue", request.queue),))
        done = (gone, effects.SetTimer(dial.RING_TIMER, taking.rest))
    again = effects.TakeFromQueue(queue_name(request.queue), request, taking.bridge, again=True)
    return _placed(call, taking), (*done, again), ()


def room_ended(call: Call, event: events.RoomEnded, now: float) -> Met:
    """The conference has ended or thrown the call out, or the bridge with whom it has met is over."""
    match call.place:
        case In(event.room, Conferring() as conferring):
            return depart(call, event.room, conferring)
        case In(event.room, Queued() as queued) if event.seconds:
            return _dequeued(call, queued, "bridged", now)
        case In(_, Queued(bridge=event.room) as queued):
            # Whoever came for it has gone: it waits on, as the first.
            room = queue_name(queued.request.queue)
            waiting = replace(queued, waited=None, taker=None, bridge=None, joined=False)
            entered = effects.EnterQueue(room, queued.request, again=True, entered_at=queued.entered_at)
            gone = effects.Note("waits on", (("gone", queued.taker or ""),))
            return replace(call, place=In(room, waiting)), (gone, entered), (heard.Popped(Purpose.HANDOVER),)
        case In(event.room, Taking() as taking):
            status = "completed" if taking.joined else taking.status
            told = taking.done(status, event.seconds, event.recorded)
            return replace(call, place=ALONE), (effects.ClearTimer(DIAL_LIMIT_TIMER),), (told,)
    return call, (), ()


# Leaving


def leave(call: Call) -> Met:
    """Leave the room, because the verb, the other party's star or the time limit wants it."""
    match call.place:
        case In(room, Conferring() as conferring):
            return depart(call, room, conferring)
        case In(_, Taking()):
            return give_up(call, "canceled")
    return call, (), ()


def depart(call: Call, room: str, conferring: Conferring) -> Met:
    """Leave a conference. The verb is told at once, or when the recording of the call there is complete."""
    done = _stood_out(room, conferring)
    if conferring.recording:
        return replace(call, place=Departed(conferring)), done, ()
    return replace(call, place=ALONE), done, (conferring.done(),)


def _stood_out(room: str, conferring: Conferring, *, redirected: bool = False) -> tuple[Wanted, ...]:
    """What leaving a conference takes."""
    left = (effects.ClearTimer(DIAL_LIMIT_TIMER), effects.Leave(room, redirected=redirected))
    return (*left, effects.StopRecordingLeg(conferring.request.dial)) if conferring.recording else left


def _leg_recorded(call: Call, event: events.LegRecorded) -> Met:
    """The recording in a conference is complete: because the call has left, or before that, if it became too long."""
    match call.place:
        case Departed(conferring) if conferring.request.dial == event.dial:
            told = replace(conferring, recorded=event.recorded).done()
            return replace(call, place=ALONE), (), (told,)
        case In(_, Conferring(request) as conferring) if request.dial == event.dial:
            return _placed(call, replace(conferring, recording=False, recorded=event.recorded)), (), ()
    return call, (), ()


def give_up(call: Call, status: heard.DialStatus) -> Met:
    """Leave the queue as one who came for somebody, and the bridge; what that has come to is told by the bridge."""
    match call.place:
        case In(_, Taking(left=False) as taking):
            waits: tuple[Wanted, ...] = ()
            if not taking.joined:
                waits = (_ENOUGH, effects.StopRingback(), effects.Leave(queue_name(taking.request.queue)))
                if taking.member is not None:
                    waits += (effects.Tell(taking.member, events.RoomEnded(taking.bridge, 0)),)
            call = _placed(call, replace(taking, status=status, left=True))
            return call, (*waits, effects.ClearTimer(DIAL_LIMIT_TIMER), effects.Leave(taking.bridge)), ()
    return call, (), ()


def leave_queue(call: Call, now: float) -> Met:
    """``<Leave>``: a call that somebody has come for by then goes with them."""
    match call.place:
        case In(room, Queued(taker=None) as queued):
            done = (effects.Leave(room), _over(queued, "leave"))
            return replace(call, place=ALONE), done, (queued.done("leave", now),)
    return call, (), ()


def end_enqueue(call: Call, now: float) -> Met:
    """The caller is gone, or does something else: leave the queue, or whoever it is with."""
    match call.place:
        case In(room, Queued() as queued):
            result = departure(queued, redirected=not call.is_over)
            done = (effects.Leave(room), *_stood_up(queued), _over(queued, result))
            return replace(call, place=ALONE), done, (queued.done(result, now),)
    return call, (), ()


def redirected(call: Call, now: float) -> tuple[Call, tuple[Wanted, ...], heard.EnqueueDone | None]:
    """The API gives the call TwiML of its own: what its wait has come to by that, if it waited, is said last."""
    match call.place:
        case In(room, Queued() as queued):
            result = departure(queued, redirected=True)
            done = (effects.Leave(room, redirected=True), *_stood_up(queued), _over(queued, result))
            return replace(call, place=ALONE), done, queued.done(result, now)
        case In(room, Conferring() as conferring):
            return replace(call, place=ALONE), _stood_out(room, conferring, redirected=True), None
        case Departed():
            return replace(call, place=ALONE), (), None
    return call, (), None


def departure(queued: Queued, *, redirected: bool) -> QueueResult:
    """What has become of a wait that the call itself ends."""
    if redirected:
        return "redirected-from-bridged" if queued.joined else "redirected"
    if queued.joined:
        return "bridged"
    return "bridging-in-process" if queued.taker is not None else "hangup"


def _stood_up(queued: Queued) -> tuple[Wanted, ...]:
    if queued.taker is None or queued.bridge is None or queued.joined:
        return ()
    return (effects.Tell(queued.taker, events.MemberGone(queued.bridge)),)


def _left_queue(call: Call, queued: Queued, result: QueueResult, now: float) -> Met:
    room = queue_name(queued.request.queue)
    done: tuple[Wanted, ...] = (effects.Leave(room),)
    if result == "queue-full":
        done += (twiml.Notify(QUEUE_FULL, f"As many calls as may wait in {queued.request.queue!r} do", ""),)
    call, left, told = _dequeued(call, queued, result, now)
    return call, done + left, told


def _dequeued(call: Call, queued: Queued, result: QueueResult, now: float) -> Met:
    return replace(call, place=ALONE), (_over(queued, result),), (queued.done(result, now),)


def _over(queued: Queued, result: QueueResult) -> effects.Note:
    """What a wait has come to, for the timeline."""
    return effects.Note("left the queue", (("queue", queued.request.queue), ("result", result)))


def _is_in(call: Call, room: str) -> bool:
    return isinstance(call.place, In) and call.place.room == room and not call.is_over


def _is_leaving(call: Call) -> bool:
    return call.is_over or call.leaving is not None


def _placed(call: Call, because: Conferring | Queued | Taking) -> Call:
    """The call, still where it is, for what is known of it now."""
    assert isinstance(call.place, In)
    return replace(call, place=In(call.place.room, because))
