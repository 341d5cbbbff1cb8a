"""The rooms of a node: the shell around `offhook.calls.rooms`.

A room is known by its name within its account. Bridges are carried out here; a conference has a `Mixed` beside it,
which mixes, records, announces and keeps its rows, and a queue a `QueueRows`. Calls may also be in rooms of other
nodes (`offhook.voice.neighbours`), where each has a seat: what it does there is said to the room's node.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import Protocol

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.rooms import effects, events
from offhook.calls.rooms.bridge import open_bridge
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.queue import Queue
from offhook.calls.rooms.room import Room, RoomEffect, RoomEvent, calls_in, step, turned_away
from offhook.clock import monotonic
from offhook.twiml.effects import Pairs
from offhook.voice.guest import Guest
from offhook.voice.leg import Leg
from offhook.voice.switchboard import Switchboard

logger = logging.getLogger(__name__)

Key = tuple[str, str]
"""An account's SID, and a room's name in it."""

MixEffect = (
    effects.Mix
    | effects.Unmix
    | effects.Beep
    | effects.Announce
    | effects.Record
    | effects.StopRecording
    | effects.Report
)


class Kept(Protocol):
    """What stands beside a room that has rows."""

    def do(self, effect: MixEffect) -> None:
        """Carry out what a conference wants."""

    def changed(self, before: Room, after: Room) -> None:
        """Write what is different."""

    async def settled(self) -> None:
        """Return when all that has changed is written."""

    def close(self) -> None:
        """The room is closed."""


class Keeper(Protocol):
    """A node that keeps rooms which calls here are in."""

    def take(self, account: str, name: str, event: RoomEvent) -> None:
        """Give a room there an event."""


def _here(_: str) -> None:
    """All rooms are here."""


class Rooms:
    """Gives rooms what happens in them, and carries out what they want."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._rooms: dict[Key, Room] = {}
        self._kept: dict[Key, Kept] = {}
        self._by_sid: dict[str, Key] = {}
        self._leaving: dict[Key, asyncio.Task[None]] = {}
        self._inbox: deque[tuple[Key, RoomEvent]] = deque()
        self._stepping = False
        self._seats: dict[str, dict[Key, Keeper]] = {}
        self.home_of: Callable[[str], Keeper | None] = _here
        """The other node that a call lives at; the bridge which that call has opened is there too."""

    # Which rooms there are

    def open(self, account: str, name: str, opener: str, recording: RoomRecording | None) -> None:
        """Make a bridge for a call and the one it will meet."""
        self._rooms[account, name] = open_bridge(name, opener, recording)

    def add(self, room: Conference | Queue, kept: Kept) -> None:
        """A conference or a queue is live on this node."""
        key = room.account_sid, room.name
        self._rooms[key], self._kept[key], self._by_sid[room.sid] = room, kept, key

    def find(self, account: str, name: str) -> Room | None:
        """A room that is live here."""
        return self._rooms.get((account, name))

    def by_sid(self, account: str, sid: str) -> Conference | Queue | None:
        """A conference or queue of an account that is live here."""
        key = self._by_sid.get(sid)
        room = self._rooms.get(key) if key is not None and key[0] == account else None
        return room if isinstance(room, Conference | Queue) else None

    def facts(self, account: str, name: str, call_sid: str) -> Pairs:
        """What the documents of a call in a room are told."""
        match self._rooms.get((account, name)):
            case Queue() as queue:
                return queue.facts(call_sid, monotonic())
            case Conference() as conference:
                return ("ConferenceSid", conference.sid), ("FriendlyName", conference.friendly_name)
        return ()

    def kept(self, account: str, name: str) -> Kept | None:
        """What stands beside a conference or queue that is live here."""
        return self._kept.get((account, name))

    async def vacated(self, account: str, name: str) -> None:
        """Return when the end of the last room of this name is on record."""
        if (settling := self._leaving.get((account, name))) is not None:
            await asyncio.wait([settling])

    # Rooms of other nodes

    def seat(self, call_sid: str, account: str, name: str, keeper: Keeper) -> None:
        """A call here is in a room there, or about to be."""
        self._seats.setdefault(call_sid, {})[account, name] = keeper

    def seat_of(self, call_sid: str, account: str, name: str) -> Keeper | None:
        """The node that keeps the room of this name for a call; None when it is here."""
        return self._seats.get(call_sid, {}).get((account, name))

    def is_seated(self, call_sid: str, keeper: Keeper) -> bool:
        """Whether a call is in a room there."""
        return any(keeper is one for one in self._seats.get(call_sid, {}).values())

    def unseat(self, call_sid: str, account: str, name: str) -> None:
        """A call is not in a room there any more: it hears nothing from there."""
        seats = self._seats.get(call_sid, {})
        if seats.pop((account, name), None) is None:
            return
        if not seats:
            del self._seats[call_sid]
        if (call := self._switchboard.find(call_sid)) is not None:
            call.leg.part()

    def unseat_all(self, call_sid: str) -> None:
        """A call is over."""
        self._seats.pop(call_sid, None)

    def unseat_from(self, keeper: Keeper) -> list[tuple[str, str]]:
        """A node is gone: the calls that were in rooms there, and the rooms' names."""
        gone = [
            (call_sid, key)
            for call_sid, seats in self._seats.items()
            for key in seats
            if seats[key] is keeper
        ]
        for call_sid, key in gone:
            self.unseat(call_sid, *key)
        return [(call_sid, name) for call_sid, (_, name) in gone]

    def without(self, gone: Collection[str]) -> None:
        """These calls of another node are over: they leave the rooms that they are in."""
        present = [
            (key, call_sid)
            for key, room in self._rooms.items()
            for call_sid in calls_in(room)
            if call_sid in gone
        ]
        for key, call_sid in present:
            self.take(*key, events.Left(call_sid, status="completed"))

    def _is_elsewhere(self, key: Key, event: RoomEvent) -> bool:
        """Whether the room is another node's, which is told."""
        match event:
            case events.Left(call_sid) | events.AnnouncementOver(str(call_sid)):
                keeper = self.seat_of(call_sid, *key)
            case events.Entered(member):
                call_sid, keeper = member.call_sid, self.home_of(key[1].partition("-")[0])
            case _:
                return False
        if keeper is None:
            return False
        if isinstance(event, events.Entered):
            self.seat(call_sid, *key, keeper)
        keeper.take(*key, event)
        if isinstance(event, events.Left):
            self.unseat(call_sid, *key)
        return True

    # What happens in them

    def take(self, account: str, name: str, event: RoomEvent) -> None:
        """Give a room an event; those that its effects cause are taken in turn. A closed room hears nothing."""
        key = account, name
        if (self._seats or key not in self._rooms) and self._is_elsewhere(key, event):
            return
        self._inbox.append((key, event))
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._step(*self._inbox.popleft())
        finally:
            self._stepping = False

    def _step(self, key: Key, event: RoomEvent) -> None:
        before, kept = self._rooms.get(key), self._kept.get(key)
        if before is None:
            after, wanted = None, turned_away(key[1], event)
        else:
            after, wanted = step(before, event, monotonic())
            self._rooms[key] = after
        for effect in wanted:
            try:
                self._do(key, effect, kept)
            except Exception:
                # The others are carried out all the same: whoever waits for the room's end must hear of it.
                logger.exception("room %s: %s failed", key[1], type(effect).__name__)
                if isinstance(effect, effects.Record):
                    self._inbox.append((key, events.RecordingComplete(None)))
        if before is None or after is None:
            return
        if isinstance(before, Queue) and isinstance(after, Queue) and before.sid != after.sid:
            del self._by_sid[before.sid]
            self._by_sid[after.sid] = key
        if kept is not None:
            kept.changed(before, after)
        if after.closed:
            self._forget(key, after)

    def _forget(self, key: Key, room: Room) -> None:
        """Nothing will happen to a room any more."""
        del self._rooms[key]
        if isinstance(room, Conference | Queue):
            del self._by_sid[room.sid]
        if (kept := self._kept.pop(key, None)) is not None:
            self._leaving[key] = settling = asyncio.create_task(kept.settled(), name=f"{key[1]}-settles")
            settling.add_done_callback(partial(self._left, key))
            kept.close()

    def _left(self, key: Key, settling: asyncio.Task[None]) -> None:
        if self._leaving.get(key) is settling:
            del self._leaving[key]

    def _do(self, key: Key, effect: RoomEffect, kept: Kept | None) -> None:
        """Carry out one effect."""
        switchboard = self._switchboard
        match effect:
            case Tell():
                switchboard.tell(effect.call_sid, effect.event)
            case effects.Connect():
                one, other = switchboard.leg(effect.call_sid), switchboard.leg(effect.other)
                _connect(one, other, detect_star=effect.detect_star)
            case effects.Disconnect():
                if (leg := switchboard.leg(effect.call_sid)) is not None:
                    leg.unbridge()
            case effects.Record(str(call_sid), request):
                if (call := switchboard.find(call_sid)) is not None:
                    call.record_room(key[1], request)
                else:
                    self.take(*key, events.RecordingComplete(None))
            case effects.StopRecording(str(call_sid)):
                if (call := switchboard.find(call_sid)) is not None:
                    call.stop_room_recording(key[1])
            case _:
                if kept is not None:
                    kept.do(effect)


def _connect(one: Leg | Guest | None, other: Leg | Guest | None, *, detect_star: bool) -> None:
    """Let two calls hear each other, one of whom may be at another node."""
    match one, other:
        case Leg(), Leg():
            one.bridge(other, detect_star=detect_star)
        case Leg(), Guest():
            one.join(other.end_at(one.media), detect_star=detect_star)
        case Guest(), Leg():
            other.join(one.end_at(other.media))
