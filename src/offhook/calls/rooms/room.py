"""Any room: what it may be, and its one step function.

`step(room, event, now)` takes what happened and returns the room as it then is and what is to be done. A room has a
name and never points to a call: it says `Tell(call_sid, event)`, and a call says that it enters and leaves.
"""

from __future__ import annotations

from offhook.calls.effects import Tell
from offhook.calls.events import LeftQueue, RoomEnded, TurnedAway
from offhook.calls.rooms import bridge, conference, queue
from offhook.calls.rooms.bridge import Bridge, BridgeEffect, BridgeEvent
from offhook.calls.rooms.conference import (
    COMPLETED,
    Conference,
    ConferenceEffect,
    ConferenceEvent,
    ParticipantEntered,
)
from offhook.calls.rooms.events import Entered
from offhook.calls.rooms.queue import (
    NO_SUCH_QUEUE,
    Enqueued,
    Queue,
    QueueEffect,
    QueueEvent,
    Taking,
)

Room = Bridge | Conference | Queue
RoomEvent = BridgeEvent | ConferenceEvent | QueueEvent
RoomEffect = BridgeEffect | ConferenceEffect | QueueEffect
Step = tuple[Room, tuple[RoomEffect, ...]]


def step(room: Room, event: RoomEvent, now: float) -> Step:
    """What `event` makes of a room; one that is meant for another kind of room changes nothing."""
    if isinstance(room, Bridge) and isinstance(event, BridgeEvent):
        return bridge.step(room, event, now)
    if isinstance(room, Conference) and isinstance(event, ConferenceEvent):
        return conference.step(room, event, now)
    if isinstance(room, Queue) and isinstance(event, QueueEvent):
        return queue.step(room, event, now)
    return room, ()


def calls_in(room: Room) -> tuple[str, ...]:
    """Those in a room, whatever brought them there."""
    match room:
        case Bridge(members=members):
            return tuple(one.call_sid for one in members)
        case Conference(participants=participants):
            return tuple(one.call_sid for one in participants)
        case Queue(members=waiting, takers=takers):
            return *(one.call_sid for one in waiting), *(one.call_sid for one in takers)


def turned_away(sid: str, event: RoomEvent) -> tuple[RoomEffect, ...]:
    """What `event` leads to where there is no such room any more: who comes too late is told."""
    match event:
        case Entered(member):
            return (Tell(member.call_sid, RoomEnded(sid, 0)),)
        case ParticipantEntered(participant):
            return (Tell(participant.call_sid, TurnedAway(sid, COMPLETED)),)
        case Enqueued(call_sid):
            return (Tell(call_sid, LeftQueue(sid, "system-error")),)
        case Taking(taker):
            return (Tell(taker.call_sid, TurnedAway(sid, NO_SUCH_QUEUE)),)
    return ()
