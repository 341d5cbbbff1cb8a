"""A bridge: two calls that hear each other, which is what ``<Dial>`` makes. It ends when one of the two leaves.

A room knows its members by their SIDs and tells them things; it never reaches into a call. Mixing and relaying are
media's business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import Recorded, RoomEnded
from offhook.calls.rooms.effects import Connect, Disconnect, Record, StopRecording
from offhook.calls.rooms.events import Entered, Left, Member, RecordingComplete
from offhook.calls.status import billable_seconds


class RecordingState(Enum):
    """How far the recording of a room is."""

    NONE = "not asked for"
    WANTED = "begins when the two talk"
    RUNNING = "under way"
    DONE = "complete"


@dataclass(frozen=True, slots=True)
class Bridge:
    """A bridge as it stands. `opener` is the call that is told last, when everything about the room is known."""

    sid: str
    opener: str
    members: tuple[Member, ...] = ()
    request: RoomRecording | None = None
    recording: RecordingState = RecordingState.NONE
    recorded: Recorded | None = None
    talking_since: float | None = None
    ended_at: float | None = None
    redirected: bool = False
    closed: bool = False


BridgeEvent = Entered | Left | RecordingComplete
BridgeEffect = Connect | Disconnect | Record | StopRecording | Tell
Step = tuple[Bridge, tuple[BridgeEffect, ...]]


def open_bridge(sid: str, opener: str, request: RoomRecording | None) -> Bridge:
    """An empty bridge. Its recording begins with the first member, or when two talk."""
    wanted = RecordingState.WANTED if request is not None else RecordingState.NONE
    return Bridge(sid, opener, request=request, recording=wanted)


def step(room: Bridge, event: BridgeEvent, now: float) -> Step:
    """What `event` makes of a room. A room that has ended takes nobody in any more."""
    match event:
        case Entered(member) if room.ended_at is not None:
            return room, () if member.call_sid == room.opener else (
                Tell(member.call_sid, RoomEnded(room.sid, 0)),
            )
        case Entered(member):
            return _entered(room, member, now)
        case Left(call_sid, redirected, _):
            return _left(room, call_sid, redirected, now)
        case RecordingComplete() if room.recording is not RecordingState.RUNNING:
            return room, ()
        case RecordingComplete(recorded):
            room = replace(room, recording=RecordingState.DONE, recorded=recorded)
            return _close(room) if room.ended_at is not None else (room, ())


def _entered(room: Bridge, member: Member, now: float) -> Step:
    others = tuple(other for other in room.members if other.call_sid != member.call_sid)
    opener_first = (member, *others) if member.call_sid == room.opener else (*others, member)
    room = replace(room, members=opener_first)
    talking = sum(one.end_on_exit for one in room.members) >= 2
    if talking and room.talking_since is None:
        room = replace(room, talking_since=now)
    done: tuple[BridgeEffect, ...] = ()
    if len(room.members) == 2:
        first, second = room.members
        done = (Connect(first.call_sid, second.call_sid, first.hears_star),)
    request = room.request
    if request is not None and room.recording is RecordingState.WANTED and (talking or request.from_ringing):
        room = replace(room, recording=RecordingState.RUNNING)
        done += (Record(room.opener, request),)
    return room, done


def _left(room: Bridge, call_sid: str, redirected: bool, now: float) -> Step:
    gone = next((member for member in room.members if member.call_sid == call_sid), None)
    if gone is None:
        return room, ()
    done: tuple[BridgeEffect, ...] = (Disconnect(call_sid),) if len(room.members) == 2 else ()
    room = replace(room, members=tuple(member for member in room.members if member is not gone))
    if len(room.members) == 2 and room.ended_at is None:
        # Whoever takes its place by a transfer has come before it has gone.
        first, second = room.members
        parted = Disconnect(first.call_sid), Disconnect(second.call_sid)
        done = parted if gone.end_on_exit else (Connect(first.call_sid, second.call_sid, first.hears_star),)
    if not gone.end_on_exit or room.ended_at is not None:
        return room, done
    room = replace(room, ended_at=now, redirected=redirected)
    # The one that ends it may be a guest with a verb of its own, which a transfer has brought here.
    guests = tuple(one.call_sid for one in (*room.members, gone) if one.call_sid != room.opener)
    done += tuple(Tell(guest, _ended(room)) for guest in guests)
    if room.recording is RecordingState.RUNNING:
        return room, (*done, StopRecording(room.opener))
    room, closed = _close(room)
    return room, done + closed


def _close(room: Bridge) -> Step:
    """Everything about the room is known: its opener is told."""
    room = replace(room, members=(), closed=True)
    return room, (Tell(room.opener, _ended(room)),)


def _ended(room: Bridge) -> RoomEnded:
    seconds = billable_seconds(room.talking_since, room.ended_at or 0.0)
    return RoomEnded(room.sid, seconds, room.redirected, room.recorded)
