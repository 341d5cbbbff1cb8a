"""Who hears whom in a room, sample by sample: sums, flags, coaches, fades, and what is left when somebody goes."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import Samples, ulaw_encode
from offhook.audio.tones import tone
from offhook.media import protocol
from offhook.media.kernel import NumpyKernel
from offhook.media.leg import Identity, Leg
from offhook.media.mixing import Mixer
from offhook.media.rooms import Room, Rooms


class Floor:
    """The rooms of a worker with legs that say whatever they are told to."""

    def __init__(self) -> None:
        self.kernel = NumpyKernel(32)
        self.free_slots = list(range(31, -1, -1))
        self.rooms = Rooms(self.kernel, self.free_slots)
        self.mixer = Mixer(self.rooms, self.kernel)
        self.legs: list[Leg] = []
        self.sockets: list[socket.socket] = []
        self.left: list[Leg] = []

    def room(self, number: int = 100, *, speech: bool = False) -> Room:
        self.rooms.add(protocol.OpenRoom(number, speech), 0.0)
        return self.rooms.open[number]

    def leg(self, number: int) -> Leg:
        pair = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        )
        self.sockets += pair
        leg = Leg(
            *(number, self.free_slots.pop(), pair, "127.0.0.1", Identity(number, 0, 0, "x"), self.kernel),
            *(lambda _: None, lambda *_: None, lambda _: None, 0.0, 0.0),
        )
        self.legs.append(leg)
        return leg

    def seat(
        self,
        room: Room,
        leg: Leg,
        *,
        heard: bool = True,
        hears: bool = True,
        coaches: int = 0,
        buffer_ms: int = 240,
    ) -> None:
        part = protocol.Mix(room.number, leg.number, heard, hears, coaches, buffer_ms)
        self.rooms.seat(leg, room, part)

    def tick(self, said: dict[Leg, int], played: dict[Leg | Room, int] | None = None) -> dict[Leg, Samples]:
        """What each hears when each says a constant, and constants are played."""
        self.mixer.arrange(self.legs)
        self.kernel.frames_out[:] = 0
        for audible, value in (played or {}).items():
            audible.frame_out[:] = value
        heard = np.zeros((len(self.legs), FRAME_SAMPLES), dtype=np.int16)
        for leg, value in said.items():
            heard[self.legs.index(leg)] = value
        self.mixer.mix(heard)
        self.left = self.rooms.settle(self.mixer.fading)
        return {leg: leg.frame_out.copy() for leg in self.legs}

    def changes_of_speech(self, tick: int, room: Room) -> list[tuple[int, int, bool]]:
        """Who has begun or ceased to speak in this room."""
        told = [(tick, number, speaks) for at, number, speaks in self.mixer.speech if at is room]
        self.mixer.speech.clear()
        return told

    def steady(self, said: dict[Leg, int], played: dict[Leg | Room, int] | None = None) -> dict[Leg, int]:
        """The same when every fade is over, and all samples are alike."""
        while self.tick(said, played) and self.mixer.fading:
            pass
        frames = self.tick(said, played)
        assert all((frame == frame[0]).all() for frame in frames.values())
        return {leg: int(frame[0]) for leg, frame in frames.items()}


@pytest.fixture
def floor() -> Iterator[Floor]:
    floor = Floor()
    yield floor
    for each in floor.sockets:
        each.close()


def assert_smooth(*frames: Samples, most: int) -> None:
    """No step from one sample to the next is larger."""
    assert np.abs(np.diff(np.concatenate(frames).astype(int))).max() <= most


def test_each_hears_the_others_and_not_itself_in_its_own_room(floor: Floor) -> None:
    a, b, c, d, e = (floor.leg(number) for number in range(1, 6))
    one, other, _ = floor.room(100), floor.room(101), floor.room(102)
    for leg in (c, a, b):
        floor.seat(one, leg)
    for leg in (e, d):
        floor.seat(other, leg)
    assert floor.steady({a: 1, b: 20, c: 300, d: 4000, e: 5000}) == {
        a: 320,
        b: 301,
        c: 21,
        d: 5000,
        e: 4000,
    }


def test_muted_is_not_heard_and_held_neither_heard_nor_hearing(floor: Floor) -> None:
    a, muted, held = (floor.leg(number) for number in range(1, 4))
    room = floor.room()
    floor.seat(room, a)
    floor.seat(room, muted, heard=False)
    floor.seat(room, held, heard=False, hears=False)
    said: dict[Leg, int] = {a: 1, muted: 20, held: 300}
    assert floor.steady(said, {held: 7, muted: 5, room: 1000}) == {a: 1000, muted: 1006, held: 7}
    floor.seat(room, muted)
    floor.seat(room, held)
    assert floor.steady(said) == {a: 320, muted: 301, held: 21}


def test_a_participants_lateness_is_waited_for_as_long_as_its_part_says(floor: Floor) -> None:
    leg, room, other = floor.leg(1), floor.room(100), floor.room(101)

    def frames(buffer_ms: int | None = None) -> int:
        """How many frames what the leg says waits for."""
        if buffer_ms is not None:
            floor.seat(room, leg, buffer_ms=buffer_ms)
        floor.kernel.flush(leg.slot)
        floor.kernel.receive_odd(leg.slot, 0, bytes(160), follows=True)
        return floor.kernel.received_late(leg.slot)[2]

    assert [frames(0), frames(20), frames(240)] == [0, 1, 2]
    floor.seat(room, leg, buffer_ms=0)
    floor.seat(other, leg)
    floor.steady({leg: 0})
    assert frames() == 2
    floor.seat(other, leg, buffer_ms=0)
    floor.rooms.leave(leg)
    floor.steady({leg: 0})
    assert leg.seat is None and frames() == 2


def test_coach_is_heard_by_the_coached_alone(floor: Floor) -> None:
    a, b, coach, other = (floor.leg(number) for number in range(1, 5))
    room = floor.room()
    for leg in (a, b):
        floor.seat(room, leg)
    floor.seat(room, coach, coaches=2)
    floor.seat(room, other, coaches=2)
    said: dict[Leg, int] = {a: 1, b: 20, coach: 300, other: 4000}
    assert floor.steady(said) == {a: 20, b: 4301, coach: 21, other: 21}
    floor.seat(room, coach, coaches=1)
    floor.seat(room, other, heard=False, coaches=2)
    assert floor.steady(said) == {a: 320, b: 1, coach: 21, other: 21}
    floor.seat(room, coach)
    assert floor.steady(said) == {a: 320, b: 301, coach: 21, other: 321}


def test_nobody_hears_a_coach_whose_leg_is_not_there_until_it_is(floor: Floor) -> None:
    a, coached, coach = (floor.leg(number) for number in range(1, 4))
    room, elsewhere = floor.room(100), floor.room(101)
    floor.seat(room, a)
    floor.seat(room, coach, coaches=2)
    floor.seat(elsewhere, coached)
    said: dict[Leg, int] = {a: 1, coached: 20, coach: 300}
    assert floor.steady(said) == {a: 0, coached: 0, coach: 1}
    assert not floor.mixer.fading
    floor.seat(room, coached)
    assert floor.steady(said) == {a: 20, coached: 301, coach: 21}
    floor.seat(elsewhere, coached)
    assert floor.steady(said) == {a: 0, coached: 0, coach: 1}


def test_every_change_fades_over_one_frame(floor: Floor) -> None:
    a, b = floor.leg(1), floor.leg(2)
    room = floor.room()
    floor.seat(room, a)
    assert floor.steady({a: 8000, b: 0}) == {a: 0, b: 0}
    said: dict[Leg, int] = {a: 8000, b: 1600}
    floor.seat(room, b)
    came = floor.tick(said)
    assert came[b][0] < 100
    assert came[b][-1] == 8000
    assert came[a][-1] == 1600
    floor.seat(room, a, heard=False)
    muted = floor.tick(said)
    assert muted[b][-1] == 0
    assert floor.steady(said) == {a: 1600, b: 0}
    floor.seat(room, a, hears=False)
    changed = floor.tick(said)
    floor.rooms.leave(b)
    left = floor.tick(said)
    assert left[b][-1] == 0
    assert floor.left == [b]
    assert b.seat is None
    assert_smooth(came[b], muted[b], changed[b], left[b], floor.tick(said)[b], most=60)
    assert_smooth(came[a], muted[a], changed[a], left[a], floor.tick(said)[a], most=20)


def test_change_of_mind_within_a_tick_goes_on_from_where_it_was(floor: Floor) -> None:
    a, b = floor.leg(1), floor.leg(2)
    room = floor.room()
    for leg in (a, b):
        floor.seat(room, leg)
    said: dict[Leg, int] = {a: 8000, b: 0}
    assert floor.steady(said)[b] == 8000
    floor.rooms.leave(a)
    floor.seat(room, a)
    assert (floor.tick(said)[b] == 8000).all()
    assert not floor.mixer.fading


def test_going_to_another_room_fades_out_first(floor: Floor) -> None:
    a, b, c = (floor.leg(number) for number in range(1, 4))
    one, other = floor.room(100), floor.room(101)
    floor.seat(one, a)
    floor.seat(one, b)
    floor.seat(other, c)
    said: dict[Leg, int] = {a: 3200, b: 6400, c: 8000}
    floor.steady(said)
    floor.seat(other, a)
    frames = [floor.tick(said) for _ in range(3)]
    for leg in (a, b, c):
        assert_smooth(*(frame[leg] for frame in frames), most=51)
    assert floor.steady(said) == {a: 8000, b: 0, c: 3200}


def test_room_that_is_closed_meanwhile_is_not_entered(floor: Floor) -> None:
    a, b = floor.leg(1), floor.leg(2)
    one, other = floor.room(100), floor.room(101)
    floor.seat(one, a)
    floor.seat(one, b)
    floor.steady({a: 100, b: 100})
    floor.seat(other, a)
    floor.rooms.close(other)
    floor.tick({})
    assert a.seat is None
    assert other.slot in floor.free_slots


def test_closed_room_fades_and_gives_its_slot_back(floor: Floor) -> None:
    a, b = floor.leg(1), floor.leg(2)
    room = floor.room()
    for leg in (a, b):
        floor.seat(room, leg)
    said: dict[Leg, int] = {a: 8000, b: 0}
    floor.steady(said)
    floor.rooms.close(room)
    assert room.slot not in floor.free_slots
    assert_smooth(floor.tick(said)[b], floor.tick(said)[b], most=101)
    assert (a.seat, b.seat) == (None, None)
    assert floor.free_slots.count(room.slot) == 1
    empty = floor.room()
    floor.rooms.close(empty)
    assert floor.free_slots.count(empty.slot) == 1


@pytest.mark.parametrize("coaches", [0, 2])
def test_leg_that_is_closed_ends_with_its_next_frame(floor: Floor, coaches: int) -> None:
    a, b = floor.leg(1), floor.leg(2)
    room = floor.room()
    floor.seat(room, a, coaches=coaches)
    floor.seat(room, b)
    said = np.full(160, 8000, dtype=np.int16)
    payload = ulaw_encode(said).tobytes()
    for packet in range(6):
        floor.kernel.receive_odd(a.slot, packet * 160, payload, follows=True)
    loud = 0
    for _ in range(3):
        loud = int(floor.kernel.listen(np.array([a.slot]))[0, 0])
    assert loud > 7000
    before = [floor.tick({a: loud})[b] for _ in range(2)][-1]
    floor.rooms.drop(a)
    floor.legs.remove(a)
    after = floor.tick({})[b]
    assert_smooth(before, after, floor.tick({})[b], most=loud // 160 + 1)
    assert before[-1] == loud
    assert (after[0] > loud * 0.98, after[-1]) == (True, 0)


def test_silent_leg_that_is_closed_leaves_nothing(floor: Floor) -> None:
    a = floor.leg(1)
    floor.rooms.drop(a)
    floor.seat(floor.room(), a, heard=False)
    floor.steady({})
    floor.rooms.drop(a)
    assert not floor.rooms.endings
    assert a.seat is None


def test_tap_of_a_room_hears_all_that_speak_and_what_is_played(floor: Floor) -> None:
    a, muted, coach, held = (floor.leg(number) for number in range(1, 5))
    room = floor.room()
    floor.seat(room, a)
    floor.seat(room, muted, heard=False)
    floor.seat(room, coach, coaches=1)
    floor.seat(room, held, heard=False, hears=False)
    room.taps.update({7: "received", 8: "sent"})
    floor.steady({a: 1, muted: 20, coach: 300, held: 4000}, {room: 10000, a: 50})
    taps = {tap: np.frombuffer(frame, dtype=np.int16) for tap, frame in floor.mixer.taps()}
    assert {tap: set(frame.tolist()) for tap, frame in taps.items()} == {7: {10001}, 8: {10000}}


def test_room_without_legs_is_heard_by_its_tap(floor: Floor) -> None:
    room = floor.room()
    room.taps[7] = "received"
    floor.tick({}, {room: 500})
    assert [np.frombuffer(frame, dtype=np.int16).tolist() for _, frame in floor.mixer.taps()] == [[500] * 160]


def test_many_loud_talkers_are_limited_and_one_is_not(floor: Floor) -> None:
    legs = [floor.leg(number) for number in range(1, 9)]
    room = floor.room()
    for leg in legs:
        floor.seat(room, leg)
    floor.steady({})
    waves = [tone([200 + 90 * index], 160 * 60, amplitude=12000) for index in range(8)]
    heard: list[Samples] = []
    for start in range(0, 160 * 60, 160):
        frames = np.stack([wave[start : start + 160] for wave in waves])
        floor.mixer.arrange(floor.legs)
        floor.kernel.frames_out[:] = 0
        floor.mixer.mix(frames if start < 160 * 20 else np.where(np.arange(8)[:, None] == 1, frames, 0))
        heard.append(legs[0].frame_out.copy())
    loud, alone = np.concatenate(heard[2:20]), np.concatenate(heard[-5:])
    assert (np.abs(loud.astype(int)) == 32767).sum() <= 20, "no more than the highest peaks"
    assert (alone == waves[1][-800:]).all()


def test_who_speaks_is_told_once_where_it_was_asked_for(floor: Floor) -> None:
    a, muted, elsewhere = (floor.leg(number) for number in range(1, 4))
    room, other = floor.room(100, speech=True), floor.room(101)
    floor.seat(room, a)
    floor.seat(room, muted, heard=False)
    floor.seat(other, elsewhere)
    told: list[tuple[int, int, bool]] = []
    for tick in range(200):
        loud = 3000 if 20 <= tick < 40 or 60 <= tick < 80 else 5
        floor.tick({a: loud, muted: loud, elsewhere: loud})
        told += floor.changes_of_speech(tick, room)
    assert told == [(24, 1, True), (129, 1, False)]


def test_who_is_muted_coaches_or_leaves_ceases_to_speak_at_once(floor: Floor) -> None:
    a, b, c, d = (floor.leg(number) for number in range(1, 5))
    room = floor.room(100, speech=True)
    changes = {
        10: lambda: floor.seat(room, a, heard=False),
        20: lambda: floor.seat(room, b, coaches=4),
        30: lambda: floor.rooms.leave(c),
        40: lambda: floor.seat(room, a),
    }
    for leg in (a, b, c, d):
        floor.seat(room, leg)
    told: list[tuple[int, int, bool]] = []
    for tick in range(60):
        changes.get(tick, lambda: None)()
        floor.tick({a: 3000, b: 3000, c: 3000, d: 5})
        told += floor.changes_of_speech(tick, room)
    assert told == [
        *((4, number, True) for number in (1, 2, 3)),
        *((tick, number, False) for number, tick in ((1, 10), (2, 20), (3, 30))),
        (44, 1, True),
    ]


def test_a_knock_is_not_speech(floor: Floor) -> None:
    a, room = floor.leg(1), floor.room(100, speech=True)
    floor.seat(room, a)
    for tick in range(100):
        floor.tick({a: 3000 if tick % 10 < 4 else 0})
    assert not floor.mixer.speech
