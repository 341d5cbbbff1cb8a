"""The rooms of a worker: which legs are in them, who is heard, who hears, and who coaches whom.

A room is audible as a leg is, but has no peer: what is played to it is heard by all in it, and a tap of it hears all
of them. Each leg in a room has a `Seat`, which keeps how loud its part is. A change begins a fade, over the next
tick, and only then is it done; whoever leaves keeps the seat until then, and so does whoever goes to another room.
Adding the voices up is the business of `offhook.media.mixing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from offhook.audio.frames import FRAME_MILLISECONDS, FRAME_SAMPLES
from offhook.audio.g711 import Samples
from offhook.audio.mixer import Gains
from offhook.audio.vad import VoiceActivityBank
from offhook.media import protocol
from offhook.media.audible import Audible
from offhook.media.kernel import TickKernel
from offhook.media.leg import Leg

FADE_OUT: Final = np.arange(FRAME_SAMPLES - 1, -1, -1, dtype=np.float32) / FRAME_SAMPLES

SPEECH_HANG_FRAMES: Final = 50
"""Silence between words and sentences, a second of it, is not the end of speech."""

SPEECH_ONSET_FRAMES: Final = 5
"""A tenth of a second of sound is speech; with the hang, a leg begins to speak less than once a second."""


class Room(Audible):
    """One room. seats: of the legs in it, and of those about to be out. speech: who speaks in it is told."""

    __slots__ = ("seats", "speech")

    def __init__(self, number: int, slot: int, frame_out: Samples, speech: bool, now: float) -> None:
        super().__init__(number, slot, frame_out, now)
        self.ready = True
        self.speech = speech
        self.seats: list[Seat] = []

    def counters(self, now: float) -> protocol.Counters:
        """Nothing passes through a room but time."""
        return protocol.Counters(
            packets_sent=0,
            bytes_sent=0,
            packets_received=0,
            bytes_received=0,
            lost=0,
            jitter_ms=0.0,
            concealed=0,
            discarded=0,
            late=0,
            delay_ms=0.0,
            rtt_ms=None,
            remote_lost=None,
            remote_jitter_ms=None,
            remote_host="",
            remote_port=0,
            codec="",
            seconds=round(now - self.opened_at, 3),
        )


class Seat:
    """A leg's place in a room.

    part: what voice asked for; None when the leg is leaving. then: the room and the part that follow.
    speaking, hearing: how loud the others hear the leg and the leg hears them, 0 to 1, at the end of the last tick.
    whispering: how loud each leg hears it that it coaches. whispers_to: the leg that it coaches, if that is there.
    """

    __slots__ = ("hearing", "leg", "part", "room", "speaking", "then", "whispering", "whispers_to")

    def __init__(self, leg: Leg, room: Room, part: protocol.Mix) -> None:
        self.leg = leg
        self.room = room
        self.part: protocol.Mix | None = part
        self.then: tuple[Room, protocol.Mix] | None = None
        self.speaking = self.hearing = 0.0
        self.whispering: dict[int, float] = {}
        self.whispers_to = 0

    @property
    def speaks(self) -> float:
        """How loud the others are to hear the leg."""
        return float(self.part is not None and self.part.heard and not self.part.coaches)

    @property
    def hears(self) -> float:
        """How loud the leg is to hear the others."""
        return float(self.part is not None and self.part.hears)

    @property
    def coached(self) -> int:
        """Whom alone the leg is to be heard by, 0 for nobody."""
        return self.part.coaches if self.part is not None and self.part.heard else 0

    @property
    def whispers(self) -> dict[int, float]:
        """How loud who is to hear what it whispers."""
        return {self.whispers_to: 1.0} if self.whispers_to else {}

    @property
    def settled(self) -> bool:
        """Whether nothing is to fade."""
        now = (self.speaking, self.hearing, self.whispering)
        return self.part is not None and now == (self.speaks, self.hears, self.whispers)

    def settle(self) -> None:
        """The fade has been heard."""
        self.speaking, self.hearing, self.whispering = self.speaks, self.hears, self.whispers


@dataclass(frozen=True, slots=True)
class Ending:
    """The last frame of a leg that has been closed, faded out: for the room, or for the leg it coached."""

    room: Room
    coached: int
    frame: Samples


class Rooms:
    """All rooms.

    open: by number. gains: by slot, what the limiters have come to. activity: by slot, who speaks.
    endings: for the next tick.
    """

    def __init__(self, kernel: TickKernel, free_slots: list[int]) -> None:
        """free_slots: where slots are taken from and given back to."""
        self.open: dict[int, Room] = {}
        self.gains: Gains = np.ones(len(kernel.frames_out), dtype=np.float32)
        self.activity = VoiceActivityBank(len(kernel.frames_out), SPEECH_HANG_FRAMES, SPEECH_ONSET_FRAMES)
        self.endings: list[Ending] = []
        self._kernel = kernel
        self._free_slots = free_slots

    def add(self, command: protocol.OpenRoom, now: float) -> None:
        """Make a room. There must be a free slot."""
        slot = self._free_slots.pop()
        self.gains[slot] = 1
        frame_out = self._kernel.frames_out[slot]
        self.open[command.room] = Room(command.room, slot, frame_out, command.speech, now)

    def close(self, room: Room) -> None:
        """End a room; who is in it fades out of it."""
        del self.open[room.number]
        for seat in list(room.seats):
            if seat.part is not None:
                self.leave(seat.leg)
        self._free(room)

    def _free(self, room: Room) -> None:
        """Give a closed room's slot back, when nobody fades out of it any more."""
        if not room.seats and self.open.get(room.number) is not room:
            self._free_slots.append(room.slot)

    # Who is in them

    def seat(self, leg: Leg, room: Room, part: protocol.Mix) -> None:
        """Take a leg into a room, or change its part there."""
        seat = leg.seat
        if seat is not None and seat.room is room:
            seat.part, seat.then = part, None
            self._allow_delay(leg, part.buffer_ms)
            return
        self.leave(leg)
        if leg.seat is None:
            self._enter(leg, room, part)
        else:
            leg.seat.then = (room, part)

    def _enter(self, leg: Leg, room: Room, part: protocol.Mix) -> None:
        self.gains[leg.slot] = 1
        self.activity.reset(leg.slot)
        self._allow_delay(leg, part.buffer_ms)
        leg.seat = Seat(leg, room, part)
        room.seats.append(leg.seat)

    def leave(self, leg: Leg) -> None:
        """Let a leg fade out of its room."""
        seat = leg.seat
        if seat is None:
            return
        seat.part = seat.then = None
        if not (seat.speaking or seat.hearing or seat.whispering):
            self._vacate(seat)

    def drop(self, leg: Leg) -> None:
        """Take out a leg that is being closed. Its next frame, which nobody will ask for, is what it fades out with."""
        seat = leg.seat
        if seat is None:
            return
        loud = {0: seat.speaking, **seat.whispering}
        if any(loud.values()):
            frame = self._kernel.listen(np.array([leg.slot], dtype=np.intp))[0]
            fading = (frame * FADE_OUT).astype(np.int16)
            self.endings += [Ending(seat.room, coached, fading) for coached, gain in loud.items() if gain]
        seat.then = None
        self._vacate(seat)

    def settle(self, fading: list[Seat]) -> list[Leg]:
        """These fades have been heard: the legs that are out of their rooms."""
        out = []
        for seat in fading:
            seat.settle()
            if seat.part is None:
                self._vacate(seat)
                out.append(seat.leg)
        return out

    def _vacate(self, seat: Seat) -> None:
        """Take a seat away; the leg goes where it was to go then, if that is still open."""
        seat.leg.seat = None
        seat.room.seats.remove(seat)
        self._allow_delay(seat.leg, protocol.LONGEST_BUFFER_MS)
        self._free(seat.room)
        if seat.then is not None:
            room, part = seat.then
            if self.open.get(room.number) is room:
                self._enter(seat.leg, room, part)

    def _allow_delay(self, leg: Leg, milliseconds: int) -> None:
        self._kernel.allow_delay(leg.slot, milliseconds // FRAME_MILLISECONDS)
