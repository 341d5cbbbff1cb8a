"""The rooms of a node: the shell around `offhook.calls.room`."""

from __future__ import annotations

import logging
from collections import deque

from offhook.calls import room
from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.room import Room, RoomKind
from offhook.clock import monotonic
from offhook.voice.switchboard import Switchboard

logger = logging.getLogger(__name__)


class Rooms:
    """Gives rooms what happens in them, and carries out what they want."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard
        self._rooms: dict[str, Room] = {}
        self._inbox: deque[tuple[str, room.RoomEvent]] = deque()
        self._stepping = False

    def open(self, sid: str, opener: str, recording: RoomRecording | None) -> None:
        """Make a room for a call and those it dials."""
        self._rooms[sid] = room.open_room(sid, RoomKind.BRIDGE, opener, recording)

    def take(self, sid: str, event: room.RoomEvent) -> None:
        """Give a room an event; those that its effects cause are taken in turn. A closed room hears nothing."""
        self._inbox.append((sid, event))
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._step(*self._inbox.popleft())
        finally:
            self._stepping = False

    def _step(self, sid: str, event: room.RoomEvent) -> None:
        for effect in self._stepped(sid, event):
            try:
                self._do(sid, effect)
            except Exception:
                # The others are carried out all the same: whoever waits for the room's end must hear of it.
                logger.exception("room %s: %s failed", sid, type(effect).__name__)
                if isinstance(effect, room.Record):
                    self._inbox.append((sid, room.RecordingComplete(None)))

    def _stepped(self, sid: str, event: room.RoomEvent) -> tuple[room.RoomEffect, ...]:
        if (before := self._rooms.get(sid)) is None:
            return room.turned_away(sid, event)
        after, wanted = room.step(before, event, monotonic())
        if after.closed:
            del self._rooms[sid]
        else:
            self._rooms[sid] = after
        return wanted

    def _do(self, sid: str, effect: room.RoomEffect) -> None:
        """Carry out one effect."""
        switchboard = self._switchboard
        match effect:
            case Tell():
                switchboard.tell(effect.call_sid, effect.event)
            case room.Connect():
                one, other = switchboard.find(effect.call_sid), switchboard.find(effect.other)
                if one is not None and other is not None:
                    one.leg.bridge(other.leg, detect_star=effect.detect_star)
            case room.Disconnect():
                if (call := switchboard.find(effect.call_sid)) is not None:
                    call.leg.unbridge()
            case room.Record():
                if (call := switchboard.find(effect.call_sid)) is not None:
                    call.record_room(sid, effect.request)
                else:
                    self.take(sid, room.RecordingComplete(None))
            case room.StopRecording():
                if (call := switchboard.find(effect.call_sid)) is not None:
                    call.stop_room_recording(sid)
