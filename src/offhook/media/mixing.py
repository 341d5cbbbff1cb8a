"""Mixing, once a tick, for all rooms at once: each leg in a room hears the others of it, over what is played to it.

A room's sum is what is played to it and all who speak in it. A leg hears the sum without itself, and whoever whispers
to it. A limiter for each leg, and for each room that is tapped, brings that into 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from offhook.audio.g711 import Samples
from offhook.audio.mixer import Gains, Wide, limit, ramps, scale
from offhook.media.kernel import Slots, TickKernel
from offhook.media.leg import Leg
from offhook.media.rooms import Room, Rooms, Seat

_NONE: Final[Slots] = np.zeros(0, dtype=np.intp)


class Mixer:
    """Mixes the rooms of a worker.

    slots: the rooms', to whose frames plays are written. fading: seats whose fade is heard in this tick.
    speech: rooms, and which of their legs began or ceased to speak since it was cleared.
    """

    def __init__(self, rooms: Rooms, kernel: TickKernel) -> None:
        self.slots: Slots = _NONE
        self.fading: list[Seat] = []
        self.speech: list[tuple[Room, int, bool]] = []
        self._rooms = rooms
        self._kernel = kernel
        self._arranged: list[Room] = []
        self._seats: list[Seat] = []
        self._row_of: dict[int, int] = {}
        self._rows = self._leg_slots = self._room_of = self._filled = self._begins = self._tapped = (
            self._observed
        ) = _NONE
        self._speaking: Gains | None = None
        self._hearing: Gains | None = None
        self._whispers = Whispers([], {})
        self._heard_in_rooms: Samples = np.zeros((0, 0), dtype=np.int16)

    def arrange(self, ticked: Sequence[Leg]) -> None:
        """Find out who is where; needed only when something has changed. `ticked`: the legs that are heard, in turn."""
        members: dict[Room, list[int]] = {room: [] for room in self._rooms.open.values()}
        for row, leg in enumerate(ticked):
            if leg.seat is not None:
                members.setdefault(leg.seat.room, []).append(row)
        rows = [row for each in members.values() for row in each]
        counts = np.array([len(each) for each in members.values()], dtype=np.intp)
        self._arranged = list(members)
        self.slots = _indexes([room.slot for room in members])
        self._tapped = _indexes([index for index, room in enumerate(members) if room.taps])
        self._rows = _indexes(rows)
        self._room_of = np.repeat(np.arange(len(members)), counts)
        self._filled = np.flatnonzero(counts)
        self._begins = (np.cumsum(counts) - counts)[self._filled]
        self._arrange_seats([seat for row in rows if (seat := ticked[row].seat) is not None])

    def _arrange_seats(self, seats: list[Seat]) -> None:
        """Find out how loud everybody is to be for whom."""
        self._seats = seats
        self._leg_slots = _indexes([seat.leg.slot for seat in seats])
        self._row_of = {seat.leg.number: row for row, seat in enumerate(seats)}
        for seat in seats:
            other = self._find(seat.room, seat.coached)
            seat.whispers_to = other.leg.number if other is not None and other.part is not None else 0
        self._arrange_observed(seats)
        self.fading = [seat for seat in seats if not seat.settled]
        self._speaking = _ramps([(seat.speaking, seat.speaks) for seat in seats])
        self._hearing = _ramps([(seat.hearing, seat.hears) for seat in seats])
        self._whispers = Whispers(seats, self._row_of)

    def _arrange_observed(self, seats: list[Seat]) -> None:
        """Find out whose speech is to be told of. Who is not to be heard by all has ceased to speak."""
        activity = self._rooms.activity
        observed = [(row, seat) for row, seat in enumerate(seats) if seat.room.speech]
        self._observed = _indexes([row for row, seat in observed if seat.speaks])
        for _, seat in observed:
            if not seat.speaks and activity.silence(seat.leg.slot):
                self.speech.append((seat.room, seat.leg.number, False))

    def _find(self, room: Room, number: int) -> Seat | None:
        """A leg's seat, if it is in this room."""
        row = self._row_of.get(number)
        return self._seats[row] if row is not None and self._seats[row].room is room else None

    def mix(self, heard: Samples) -> None:
        """Add to every leg's outgoing frame what it hears of its room. `heard`: a row for each leg that is ticked."""
        if self._arranged:
            self._mix(heard)
        self._rooms.endings.clear()

    def _mix(self, heard: Samples) -> None:
        frames, gains, slots = self._kernel.frames_out, self._rooms.gains, self._leg_slots
        voices = heard[self._rows].astype(np.int32)
        spoken = scale(voices, self._speaking)
        sums = frames[self.slots].astype(np.int32)
        if len(self._filled):
            sums[self._filled] += np.add.reduceat(spoken, self._begins, axis=0)
        self._observe(spoken)
        self._end(sums, whispered=False)
        if len(slots):
            mixes = sums[self._room_of] - spoken
            self._whispers.add(voices, mixes)
            self._end(mixes, whispered=True)
            mixes = scale(mixes, self._hearing) + frames[slots]
            frames[slots], gains[slots] = limit(mixes, gains[slots])
        if len(self._tapped):
            tapped = self.slots[self._tapped]
            self._heard_in_rooms, gains[tapped] = limit(sums[self._tapped], gains[tapped])

    def _observe(self, spoken: Wide) -> None:
        """See who begins and ceases to speak, in rooms that are to tell."""
        rows = self._observed
        if not len(rows):
            return
        for at, speaks in self._rooms.activity.feed(self._leg_slots[rows], spoken[rows]):
            seat = self._seats[rows[at]]
            self.speech.append((seat.room, seat.leg.number, speaks))

    def _end(self, rows: Wide, *, whispered: bool) -> None:
        """Add the last frames of legs that were closed to the rooms' rows, or to those of the legs they coached."""
        for ending in self._rooms.endings:
            if not whispered and not ending.coached and ending.room in self._arranged:
                rows[self._arranged.index(ending.room)] += ending.frame
            elif whispered and self._find(ending.room, ending.coached) is not None:
                rows[self._row_of[ending.coached]] += ending.frame

    def taps(self) -> Iterator[tuple[int, bytes]]:
        """What each tap of a room has heard in this tick."""
        for index, row in enumerate(self._tapped):
            room = self._arranged[row]
            received, sent = self._heard_in_rooms[index].tobytes(), room.frame_out.tobytes()
            for tap, source in room.taps.items():
                yield tap, received if source == "received" else sent


class Whispers:
    """What coaches say, which is added to what those hear whom they coach."""

    def __init__(self, seats: Sequence[Seat], row_of: dict[int, int]) -> None:
        """row_of: the row of each leg, by number."""
        pairs = [
            (row, other, seat.whispering.get(number, 0.0), seat.whispers.get(number, 0.0))
            for row, seat in enumerate(seats)
            for number in seat.whispering.keys() | seat.whispers.keys()
            if (other := row_of.get(number)) is not None and seats[other].room is seat.room
        ]
        self._from = _indexes([pair[0] for pair in pairs])
        self._to = _indexes([pair[1] for pair in pairs])
        self._gains = _ramps([pair[2:] for pair in pairs])

    def add(self, voices: Wide, mixes: Wide) -> None:
        """Add them. Both have a row for each seat."""
        if len(self._from):
            np.add.at(mixes, self._to, scale(voices[self._from], self._gains))


def _indexes(numbers: Sequence[int]) -> Slots:
    return np.array(numbers, dtype=np.intp)


def _ramps(gains: Sequence[tuple[float, float]]) -> Gains | None:
    """The gains of a frame, from the first to the second, for each pair."""
    start_and_end = np.array(gains, dtype=np.float32).reshape(len(gains), 2)
    return ramps(start_and_end[:, 0], start_and_end[:, 1])
