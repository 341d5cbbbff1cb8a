"""What rooms leave behind on their node when everybody has gone: nothing."""

from __future__ import annotations

import asyncio
import gc
from typing import cast

from offhook.calls.effects import RoomRecording
from offhook.calls.events import CallEvent
from offhook.calls.rooms.conference import Conference, ParticipantEntered
from offhook.calls.rooms.events import Entered, Left, Member
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.queue import Enqueued, Queue, Taker, Taking
from offhook.calls.rooms.room import Room
from offhook.voice.rooms import MixEffect, Rooms
from offhook.voice.switchboard import Switchboard

AC = "AC1"


class Nobody:
    """A switchboard whose calls have all gone."""

    def __init__(self) -> None:
        self.told = 0

    def find(self, sid: str) -> None:
        return None

    leg = find

    def tell(self, sid: str, event: CallEvent) -> None:
        self.told += 1


class Rows:
    """Rows that are written a moment later."""

    def do(self, effect: MixEffect) -> None:
        """Nothing."""

    def changed(self, before: Room, after: Room) -> None:
        """Nothing."""

    async def settled(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        """Nothing."""


async def come_and_go(rooms: Rooms, number: int) -> None:
    """A conference of three, a queue with an agent and a bridge, all of them with names of their own."""
    conference = Conference(f"CF{number}", AC, f"room {number}")
    rooms.add(conference, Rows())
    for caller in range(3):
        rooms.take(AC, conference.name, ParticipantEntered(Participant(f"CA{number}-{caller}")))
    queue = Queue(f"QU{number}", AC, f"line {number}")
    rooms.add(queue, Rows())
    rooms.take(AC, queue.name, Enqueued(f"CA{number}-0", None))
    rooms.take(AC, queue.name, Taking(Taker(f"CA{number}-1", f"CA{number}-1-b")))
    bridge = f"CA{number}-1-b"
    rooms.open(AC, bridge, f"CA{number}-1", RoomRecording(2, trim=False, from_ringing=False, callback=None))
    for caller in range(2):
        rooms.take(AC, bridge, Entered(Member(f"CA{number}-{caller}")))
    for caller in range(3):
        for name in (conference.name, queue.name, bridge):
            rooms.take(AC, name, Left(f"CA{number}-{caller}"))


async def settled(rooms: Rooms) -> None:
    """Return when the ends of all rooms are on record."""
    for key in tuple(rooms._leaving):
        await rooms.vacated(*key)


async def test_rooms_that_have_ended_leave_nothing() -> None:
    switchboard = Nobody()
    rooms = Rooms(cast(Switchboard, switchboard))
    await come_and_go(rooms, 0)
    await settled(rooms)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for number in range(1, 1000):
            await come_and_go(rooms, number)
        await settled(rooms)
        gc.collect()
        cycles = {type(item).__name__ for item in gc.garbage if type(item).__module__.startswith("offhook.")}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert switchboard.told > 1000
    assert not (
        rooms._rooms or rooms._kept or rooms._by_sid or rooms._leaving or rooms._inbox or rooms._seats
    )
    assert cycles == set()
