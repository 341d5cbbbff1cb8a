"""Adaptive jitter buffers of many legs as one bank: packets in, singly or in batches, a frame of each leg out per tick.

A leg's buffer is a ring of decoded samples, written by timestamp and read 20 ms at a time, so packets may
come in any order, twice, and with any packet time. What was not written reads as missing, for the
concealer. (The value -32768 marks an unwritten sample; no G.711 code decodes to it.)

The delay between a packet's arrival and its playing adapts in steps of a frame. It grows by one when
packets come too late to be played, up to what the leg is allowed; it shrinks by one when for some seconds
every packet came more than a frame early, and then in a quiet moment if one comes soon. A jump of the
timestamps (a new talk spurt after a hold, a restarted sender) restarts the buffer.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import DECODE, Samples, decode_rows

RING_FRAMES: Final = 32
MAX_AHEAD_FRAMES: Final = 24
"""A packet further ahead than this (480 ms) is a jump of the timestamps."""
MAX_BEHIND_SAMPLES: Final = 8000
"""A packet further behind than this (1 s) is a jump too."""
MAX_PAYLOAD_SAMPLES: Final = 8 * FRAME_SAMPLES
START_DELAY_FRAMES: Final = 2
MAX_DELAY_FRAMES: Final = 12
"""The delay that lateness may bring about, unless a leg is allowed less: 240 ms."""
REVIEW_TICKS: Final = 150
"""Ticks (3 s) over which the earliest arrival is watched before the delay shrinks."""
LATE_RUN: Final = 10
"""So many late packets with none in time between them are a sender whose clock was set back."""
QUIET_PEAK: Final = 300
"""A frame that stays below this can be left out unheard."""

_UNWRITTEN: Final = -32768
_FAR: Final = 1 << 14
_RING_SAMPLES: Final = RING_FRAMES * FRAME_SAMPLES

Integers = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Timestamps = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


class JitterBank:
    """The buffers of legs at slots below `capacity`; each must be `reset` before its leg begins.

    late, duplicate: packets not played for that reason; skipped: frames left out to shorten the delay; all
    by slot.
    """

    def __init__(self, capacity: int) -> None:
        self.late = np.zeros(capacity, dtype=np.int64)
        self.duplicate = np.zeros(capacity, dtype=np.int64)
        self.skipped = np.zeros(capacity, dtype=np.int64)
        # Zeros take no memory until they are written: a slot takes its 10 kB when it is first reset.
        self._ring = np.zeros((capacity, RING_FRAMES, FRAME_SAMPLES), dtype=np.int16)
        self._samples = self._ring.reshape(capacity, _RING_SAMPLES)
        self._started = np.zeros(capacity, dtype=np.bool_)
        self._next = np.zeros(capacity, dtype=np.uint32)
        self._position = np.zeros(capacity, dtype=np.intp)
        self._law = np.zeros(capacity, dtype=np.intp)
        self._least_ahead = np.full(capacity, _FAR, dtype=np.int32)
        self._delay = np.zeros(capacity, dtype=np.int32)
        self._most = np.full(capacity, MAX_DELAY_FRAMES, dtype=np.int32)
        self._hold = np.zeros(capacity, dtype=np.int32)
        self._wait = np.zeros(capacity, dtype=np.int32)
        self._late_run = np.zeros(capacity, dtype=np.int32)
        self._review = np.zeros(capacity, dtype=np.int32)
        self._reviewing = 0

    def reset(self, slot: int) -> None:
        """Empty a buffer and its counts, for a new leg."""
        self._restart(slot)
        self._most[slot] = MAX_DELAY_FRAMES
        self.late[slot] = self.duplicate[slot] = self.skipped[slot] = 0

    def set_law(self, slot: int, law: int) -> None:
        """How packets are decoded from now on: 0 is µ-law, 1 A-law (rows of g711.DECODE)."""
        self._law[slot] = law

    def allow(self, slot: int, frames: int) -> None:
        """How many frames lateness may bring about from now on, up to MAX_DELAY_FRAMES; with 0 packets wait for none.

        A buffer that delays for longer is shortened as others are.
        """
        self._most[slot] = min(frames, MAX_DELAY_FRAMES)
        self._review[slot] = max(self._review[slot], self._delay[slot] - self._most[slot])

    def flush(self, slot: int) -> None:
        """Drop what is buffered: the next packet starts the buffer afresh."""
        self._restart(slot)

    def _restart(self, slot: int) -> None:
        self._ring[slot] = _UNWRITTEN
        self._started[slot] = False
        self._least_ahead[slot] = _FAR
        self._hold[slot] = self._delay[slot] = self._review[slot] = self._late_run[slot] = 0

    def delay_frames(self, slot: int) -> int:
        """How many frames wait before the newest one is played, as at the last review."""
        return int(self._delay[slot])

    def put_frames(self, slots: Integers, timestamps: Timestamps, payloads: Bytes) -> Flags:
        """Take packets of 160 encoded samples (a row each), of different slots.

        False where a packet needs `put` instead.
        """
        offset = (timestamps - self._next[slots]).view(np.int32)
        ahead = offset // FRAME_SAMPLES
        taken = self._started[slots] & (offset >= 0) & (ahead < MAX_AHEAD_FRAMES)
        taken &= ahead * FRAME_SAMPLES == offset
        frame = (self._position[slots] + ahead) % RING_FRAMES
        np.logical_and(taken, self._ring[slots, frame, 0] == _UNWRITTEN, out=taken)
        if not taken.all():
            slots, frame, ahead, payloads = slots[taken], frame[taken], ahead[taken], payloads[taken]
        self._ring[slots, frame] = decode_rows(self._law[slots], payloads)
        self._least_ahead[slots] = np.minimum(self._least_ahead[slots], ahead)
        self._late_run[slots] = 0
        return taken

    def put(self, slot: int, timestamp: int, payload: bytes | memoryview, *, follows: bool = True) -> bool:
        """Take any packet. False when it was dropped: late, a duplicate, or of an absurd length.

        follows: the packet is the next one by its sequence number (or has the marker), so a timestamp far
        from what is expected is the sender's new clock and not an old packet.
        """
        if not 0 < len(payload) <= MAX_PAYLOAD_SAMPLES:
            return False
        if not self._started[slot]:
            self._start(slot, timestamp)
        offset = self._offset(slot, timestamp)
        if offset < 0:
            self._late_run[slot] += 1
        too_far = offset + len(payload) > MAX_AHEAD_FRAMES * FRAME_SAMPLES or offset < -MAX_BEHIND_SAMPLES
        if too_far and not follows:
            self.late[slot] += 1
            return False
        if too_far or self._late_run[slot] >= LATE_RUN:
            self._restart(slot)
            self._start(slot, timestamp)
            offset = self._offset(slot, timestamp)
        return self._write(slot, offset, payload)

    def _start(self, slot: int, timestamp: int) -> None:
        """Play the sample at `timestamp` after the initial delay."""
        delay = min(START_DELAY_FRAMES, int(self._most[slot]))
        self._started[slot] = True
        self._next[slot] = (timestamp - delay * FRAME_SAMPLES) & 0xFFFFFFFF
        self._delay[slot] = delay
        self._hold[slot] = 0
        self._wait[slot] = delay

    def _offset(self, slot: int, timestamp: int) -> int:
        """Samples from what is played next to a timestamp, negative when it has passed."""
        ahead = (timestamp - int(self._next[slot])) & 0xFFFFFFFF
        return ahead - (1 << 32) if ahead >= 1 << 31 else ahead

    def _write(self, slot: int, offset: int, payload: bytes | memoryview) -> bool:
        """Put samples into the ring; those whose time has passed are left out."""
        self._least_ahead[slot] = min(int(self._least_ahead[slot]), offset // FRAME_SAMPLES)
        if offset < 0:
            self._hold[slot] = 1
            if offset + len(payload) <= 0:
                self.late[slot] += 1
                return False
            payload, offset = payload[-offset:], 0
        at = (int(self._position[slot]) * FRAME_SAMPLES + offset + np.arange(len(payload))) % _RING_SAMPLES
        if (self._samples[slot, at] != _UNWRITTEN).all():
            self.duplicate[slot] += 1
            return False
        self._samples[slot, at] = DECODE[self._law[slot]][np.frombuffer(payload, dtype=np.uint8)]
        self._late_run[slot] = 0
        return True

    def take(self, slots: Integers) -> tuple[Samples, Flags, Flags]:
        """The next 20 ms of each slot: frames (a row each), which are missing, and which buffers have begun to play.

        A missing row holds nothing of use. Slots must be different from one another.
        """
        position = self._position[slots]
        started = self._started[slots]
        frames = self._ring[slots, position]
        missing = frames.min(axis=1) == _UNWRITTEN
        held = started & (self._hold[slots] > 0)
        if held.any():
            held &= self._delay[slots] < self._most[slots]
            self._delay[slots[held]] += 1
            self._hold[slots] = 0
            missing |= held
        advance = started & ~held
        if advance.all():
            self._step(slots, position)
        else:
            self._step(slots[advance], position[advance])
        self._review_some(slots)
        begun = started & (self._wait[slots] == 0)
        self._wait[slots] = np.maximum(0, self._wait[slots] - 1)
        return frames, missing, begun

    def _step(self, slots: Integers, position: Integers) -> None:
        """Clear the frame that was read, and go on to the next."""
        self._ring[slots, position] = _UNWRITTEN
        self._position[slots] = (position + 1) % RING_FRAMES
        self._next[slots] += np.uint32(FRAME_SAMPLES)

    def _review_some(self, slots: Integers) -> None:
        """Each REVIEW_TICKS look at all slots: shorten where packets came early enough for long enough."""
        self._reviewing += 1
        impatient = self._reviewing >= REVIEW_TICKS
        if impatient:
            self._reviewing = 0
            least = self._least_ahead[slots]
            spare = np.minimum(1, self._most[slots])
            self._review[slots] = np.where(least < _FAR, np.maximum(0, least - spare), 0)
            self._delay[slots] = np.where(least < _FAR, np.maximum(0, least), self._delay[slots])
            self._least_ahead[slots] = _FAR
        elif self._reviewing % 10:
            return
        excess = slots[self._review[slots] > 0]
        if len(excess):
            self._shorten(excess, patient=self._reviewing < REVIEW_TICKS - 20)

    def _shorten(self, slots: Integers, *, patient: bool) -> None:
        """Leave out the next frame of these slots: a quiet one while there is time to wait for it, else any."""
        position = self._position[slots]
        if patient:
            following = self._ring[slots, position]
            quiet = np.abs(following.astype(np.int32)).max(axis=1) < QUIET_PEAK
            slots, position = slots[quiet], position[quiet]
        self._step(slots, position)
        self.skipped[slots] += 1
        self._review[slots] -= 1
        self._delay[slots] = np.maximum(0, self._delay[slots] - 1)
