"""The rooms of a node: the shell around `offhook.calls.rooms`.

A room is known by its name within its account. Bridges are carried out here; a conference has a `Mixed` beside it,
which mixes, records, announces and keeps its rows, and a queue a `QueueRows`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Protocol

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.rooms import effects, events
from offhook.calls.rooms.bridge import open_bridge
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.queue import Queue
from offhook.calls.rooms.room import Room, RoomEffect, RoomEvent, step, turned_away
from offhook.clock import monotonic
from offhook.twiml.effects import Pairs
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

    # What happens in them

    def take(self, account: str, name: str, event: RoomEvent) -> None:
        """Give a room an event; those that its effects cause are taken in turn. A closed room hears nothing."""
        self._inbox.append(((account, name), event))
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
                one, other = switchboard.find(effect.call_sid), switchboard.find(effect.other)
                if one is not None and other is not None:
                    one.leg.bridge(other.leg, detect_star=effect.detect_star)
            case effects.Disconnect():
                if (call := switchboard.find(effect.call_sid)) is not None:
                    call.leg.unbridge()
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
