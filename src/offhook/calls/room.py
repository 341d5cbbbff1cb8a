"""A room: calls that hear each other, as one pure step function.

`step(room, event, now)` takes who came and went and returns the room as it then is and what is to be done. A
room knows its members by their SIDs and tells them things; it never reaches into a call. A bridge, which is
what ``<Dial>`` makes, is a room of two that ends when one of the two leaves. Mixing and relaying are media's
business.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import Recorded, RoomEnded
from offhook.calls.status import billable_seconds


class RoomKind(Enum):
    """What a room is for, which decides when it ends."""

    BRIDGE = "two calls that ``<Dial>`` connects"


class RecordingState(Enum):
    """How far the recording of a room is."""

    NONE = "not asked for"
    WANTED = "begins when the two talk"
    RUNNING = "under way"
    DONE = "complete"


@dataclass(frozen=True, slots=True)
class Member:
    """A call in a room.

    `end_on_exit`: the room ends when it leaves; one whose early media is heard may come and go.
    `hears_star`: a ``*`` in its audio is to be heard too, not only as an RTP event.
    """

    call_sid: str
    end_on_exit: bool = True
    hears_star: bool = False


@dataclass(frozen=True, slots=True)
class Room:
    """A room as it stands. `opener` is the call that is told last, when everything about the room is known."""

    sid: str
    kind: RoomKind
    opener: str
    members: tuple[Member, ...] = ()
    request: RoomRecording | None = None
    recording: RecordingState = RecordingState.NONE
    recorded: Recorded | None = None
    talking_since: float | None = None
    ended_at: float | None = None
    redirected: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Entered:
    """A call came in, or is a member on other terms now."""

    member: Member


@dataclass(frozen=True, slots=True)
class Left:
    """A call has gone; `redirected`: to TwiML of its own."""

    call_sid: str
    redirected: bool = False


@dataclass(frozen=True, slots=True)
class RecordingComplete:
    """The room's recording is over; None when nothing was kept."""

    recorded: Recorded | None


RoomEvent = Entered | Left | RecordingComplete


@dataclass(frozen=True, slots=True)
class Connect:
    """Let two calls hear each other. `detect_star`: look for ``*`` in the audio of the first."""

    call_sid: str
    other: str
    detect_star: bool


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Let a call hear nobody."""

    call_sid: str


@dataclass(frozen=True, slots=True)
class Record:
    """Record what a call says and hears; `RecordingComplete` follows."""

    call_sid: str
    request: RoomRecording


@dataclass(frozen=True, slots=True)
class StopRecording:
    """End it; `RecordingComplete` still follows."""

    call_sid: str


RoomEffect = Connect | Disconnect | Record | StopRecording | Tell
Step = tuple[Room, tuple[RoomEffect, ...]]


def open_room(sid: str, kind: RoomKind, opener: str, request: RoomRecording | None) -> Room:
    """An empty room. Its recording begins with the first member, or when two talk."""
    wanted = RecordingState.WANTED if request is not None else RecordingState.NONE
    return Room(sid, kind, opener, request=request, recording=wanted)


def step(room: Room, event: RoomEvent, now: float) -> Step:
    """What `event` makes of a room. A room that has ended takes nobody in any more."""
    match event:
        case Entered(member) if room.ended_at is not None:
            return room, () if member.call_sid == room.opener else turned_away(room.sid, event)
        case Entered(member):
            return _entered(room, member, now)
        case Left(call_sid, redirected):
            return _left(room, call_sid, redirected, now)
        case RecordingComplete() if room.recording is not RecordingState.RUNNING:
            return room, ()
        case RecordingComplete(recorded):
            room = replace(room, recording=RecordingState.DONE, recorded=recorded)
            return _close(room) if room.ended_at is not None else (room, ())


def turned_away(sid: str, event: RoomEvent) -> tuple[RoomEffect, ...]:
    """What `event` leads to in a room that has ended, or is not there any more: who comes too late is told."""
    match event:
        case Entered(member):
            return (Tell(member.call_sid, RoomEnded(sid, 0)),)
    return ()


def _entered(room: Room, member: Member, now: float) -> Step:
    others = tuple(other for other in room.members if other.call_sid != member.call_sid)
    opener_first = (member, *others) if member.call_sid == room.opener else (*others, member)
    room = replace(room, members=opener_first)
    talking = sum(one.end_on_exit for one in room.members) >= 2
    if talking and room.talking_since is None:
        room = replace(room, talking_since=now)
    done: tuple[RoomEffect, ...] = ()
    if len(room.members) == 2:
        first, second = room.members
        done = (Connect(first.call_sid, second.call_sid, first.hears_star),)
    request = room.request
    if request is not None and room.recording is RecordingState.WANTED and (talking or request.from_ringing):
        room = replace(room, recording=RecordingState.RUNNING)
        done += (Record(room.opener, request),)
    return room, done


def _left(room: Room, call_sid: str, redirected: bool, now: float) -> Step:
    gone = next((member for member in room.members if member.call_sid == call_sid), None)
    if gone is None:
        return room, ()
    done: tuple[RoomEffect, ...] = (Disconnect(call_sid),) if len(room.members) == 2 else ()
    room = replace(room, members=tuple(member for member in room.members if member is not gone))
    if not gone.end_on_exit or room.ended_at is not None:
        return room, done
    room = replace(room, ended_at=now, redirected=redirected)
    guests = tuple(member.call_sid for member in room.members if member.call_sid != room.opener)
    done += tuple(Tell(guest, _ended(room)) for guest in guests)
    if room.recording is RecordingState.RUNNING:
        return room, (*done, StopRecording(room.opener))
    room, closed = _close(room)
    return room, done + closed


def _close(room: Room) -> Step:
    """Everything about the room is known: its opener is told."""
    room = replace(room, members=(), closed=True)
    return room, (Tell(room.opener, _ended(room)),)


def _ended(room: Room) -> RoomEnded:
    seconds = billable_seconds(room.talking_since, room.ended_at or 0.0)
    return RoomEnded(room.sid, seconds, room.redirected, room.recorded)
