"""A queue: calls that wait in order, and those that come for the first of them.

A call that is taken out is told by whom (`Called`), hears the taker's document, if there is one, and enters the bridge
that the taker has opened; the queue has forgotten both by then. Takers who find nobody wait, in order too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from offhook.calls.effects import Tell
from offhook.calls.events import Called, InQueue, LeftQueue, RedirectRequested, RoomPushed, TurnedAway
from offhook.calls.rooms.events import EndRequested, Left
from offhook.twiml.effects import Pairs
from offhook.twiml.entry import Entry, Purpose

MOST: Final = 1000
"""Calls that may wait in a queue, unless it is said otherwise."""
NO_SUCH_QUEUE: Final = 0
"""The code of `TurnedAway` by which a queue that does not exist says so; it is no notification."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call in the queue; `since` is a monotonic time, `wait` None is silence."""

    call_sid: str
    since: float
    wait: Entry | None


@dataclass(frozen=True, slots=True)
class Taker:
    """A call that waits for somebody to come: the `bridge` it has opened, and what the other is to hear before."""

    call_sid: str
    bridge: str
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """A call comes to wait."""

    call_sid: str
    wait: Entry | None
    most: int | None = None
    """`maxQueueSize`; None leaves it at the queue's own."""
    entered_at: float | None = None
    """When it has waited before: since then, and it is the first again."""


@dataclass(frozen=True, slots=True)
class Taking:
    """A call comes for the first of those who wait (``<Dial><Queue>``). `again`: it was there before all others."""

    taker: Taker
    again: bool = False


@dataclass(frozen=True, slots=True)
class Dequeued:
    """The API takes a call out, or (None) the first: it goes on with this document."""

    call_sid: str | None
    entry: Entry


@dataclass(frozen=True, slots=True)
class Resized:
    """The API gives the queue another size."""

    most: int


@dataclass(frozen=True, slots=True)
class Remade:
    """The queue was deleted while somebody came for those in it, and there is another of its name, which this is."""

    sid: str
    most: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it stands."""

    sid: str
    account_sid: str
    friendly_name: str
    most: int = MOST
    members: tuple[Waiting, ...] = ()
    takers: tuple[Taker, ...] = ()

    @property
    def name(self) -> str:
        """What calls know it by, within their account."""
        return queue_name(self.friendly_name)

    @property
    def closed(self) -> bool:
        """Whether nobody is in it; its row stays."""
        return not self.members and not self.takers

    def find(self, call_sid: str | None) -> Waiting | None:
        """The call that waits here, or (None) the first."""
        return next((one for one in self.members if call_sid in (None, one.call_sid)), None)

    def facts(self, call_sid: str, now: float) -> Pairs:
        """What the documents of a call that waits are told."""
        times = [now - one.since for one in self.members]
        for position, one in enumerate(self.members, 1):
            if one.call_sid == call_sid:
                known = (
                    ("QueueSid", self.sid),
                    ("QueuePosition", position),
                    ("QueueTime", int(now - one.since)),
                    ("AvgQueueTime", int(sum(times) / len(times))),
                    ("CurrentQueueSize", len(times)),
                )
                return tuple((name, str(value)) for name, value in known)
        return (("QueueSid", self.sid),)


QueueEvent = Enqueued | Taking | Dequeued | Resized | Remade | Left | EndRequested
QueueEffect = Tell
Step = tuple[Queue, tuple[QueueEffect, ...]]


def queue_name(friendly_name: str) -> str:
    """The room's name in calls, places and what they tell each other."""
    return f"queue/{friendly_name}"


def step(room: Queue, event: QueueEvent, now: float) -> Step:
    """What `event` makes of a queue."""
    match event:
        case Enqueued():
            return _enqueued(room, event, now)
        case Taking(taker, again):
            others = tuple(one for one in room.takers if one.call_sid != taker.call_sid)
            takers = (taker, *others) if again else (*others, taker)
            return _serve(replace(room, takers=takers), now)
        case Dequeued(call_sid, entry):
            return _dequeued(room, room.find(call_sid), entry)
        case Resized(most):
            return replace(room, most=most), ()
        case Remade(sid, most):
            return replace(room, sid=sid, most=most), ()
        case Left(call_sid):
            members = tuple(one for one in room.members if one.call_sid != call_sid)
            takers = tuple(one for one in room.takers if one.call_sid != call_sid)
            return replace(room, members=members, takers=takers), ()
        case EndRequested():
            waited = tuple(Tell(one.call_sid, LeftQueue(room.name, "system-error")) for one in room.members)
            came = tuple(Tell(one.call_sid, TurnedAway(room.name, NO_SUCH_QUEUE)) for one in room.takers)
            return replace(room, members=(), takers=()), waited + came


def _dequeued(room: Queue, member: Waiting | None, entry: Entry) -> Step:
    if member is None:
        return room, ()
    others = tuple(one for one in room.members if one is not member)
    return replace(room, members=others), (Tell(member.call_sid, RedirectRequested(entry)),)


def _enqueued(room: Queue, event: Enqueued, now: float) -> Step:
    others = tuple(one for one in room.members if one.call_sid != event.call_sid)
    room = replace(room, members=others, most=event.most or room.most)
    if len(room.members) >= room.most and event.entered_at is None:
        return room, (Tell(event.call_sid, LeftQueue(room.name, "queue-full")),)
    since = event.entered_at if event.entered_at is not None else now
    waiting = Waiting(event.call_sid, since, event.wait)
    room = replace(room, members=(*others, waiting) if event.entered_at is None else (waiting, *others))
    waits: tuple[QueueEffect, ...] = (Tell(event.call_sid, InQueue(room.name, room.sid)),)
    if event.wait is not None and not room.takers:
        waits += (Tell(event.call_sid, RoomPushed(room.name, Purpose.QUEUE, event.wait)),)
    room, served = _serve(room, now)
    return room, waits + served


def _serve(room: Queue, now: float) -> Step:
    """Bring the first taker and the first who waits together, for as long as there are both."""
    done: tuple[QueueEffect, ...] = ()
    while room.members and room.takers:
        first, taker = room.members[0], room.takers[0]
        room = replace(room, members=room.members[1:], takers=room.takers[1:])
        waited = int(now - first.since)
        called = Called(room.name, taker.call_sid, taker.bridge, taker.entry, waited)
        done += (Tell(first.call_sid, called),)
    return room, done
