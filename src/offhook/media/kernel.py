"""The arithmetic of a tick, for all legs at once: what comes in becomes frames, and frames become packets.

`TickKernel` is all that the rest of the worker knows of it, so that a compiled kernel can take its place. A
leg is a slot here, a row of every array. Frames are rows of 160 samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from offhook.audio.dtmf_detect import DtmfDetector
from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import Samples, encode_rows
from offhook.audio.plc import Concealer
from offhook.rtp.jitter import JitterBank
from offhook.rtp.packet import HEADER_BYTES

FRAME_PACKET_BYTES: Final = HEADER_BYTES + FRAME_SAMPLES
"""An RTP packet of 20 ms of G.711."""

Slots = npt.NDArray[np.intp]
Rows = npt.NDArray[np.uint8]


class TickKernel(Protocol):
    """What a tick needs computed."""

    frames_out: Samples
    """By slot: what is to be sent in this tick, written by playback and bridges before `speak`."""

    def speak_as(self, slot: int, *, law: int, payload_type: int) -> None:
        """Set what a slot sends: law 0 is µ-law, 1 A-law."""

    def hear_as(self, slot: int, *, law: int) -> None:
        """Set how packets of a slot are decoded from now on; what is buffered stays."""

    def clear(self, slot: int, *, ssrc: int, sequence: int, timestamp: int) -> None:
        """Make a slot ready for a new leg."""

    def receive(self, slots: Sequence[int], timestamps: Sequence[int], packets: Rows) -> list[int]:
        """Buffer packets of 20 ms of different slots; the indexes of those that need `receive_odd`.

        Each row begins with the packet's header.
        """

    def receive_odd(self, slot: int, timestamp: int, payload: bytes, *, follows: bool) -> bool:
        """Buffer a packet of any length; False when it was dropped. See `rtp.jitter.JitterBank.put`."""

    def flush(self, slot: int) -> None:
        """Drop what a slot has buffered: its sender restarted."""

    def allow_delay(self, slot: int, frames: int) -> None:
        """Set how many frames the jitter of what a slot receives may delay it. See `rtp.jitter.JitterBank.allow`."""

    def listen(self, slots: Slots) -> Samples:
        """The next frame that each slot hears, made up where packets are missing."""

    def detect(self, slots: Slots, frames: Samples) -> list[tuple[int, str]]:
        """The (slot, key) pressed as tones in these frames."""

    def speak(self, slots: Slots) -> None:
        """Make the packets of `frames_out` for these slots."""

    def skip(self, slot: int) -> None:
        """Let time pass for a slot that sends nothing: its next packet carries the marker."""

    def packet(self, slot: int) -> memoryview:
        """Where a slot's packet is made; the same for as long as the kernel lives."""

    def outgoing(self, slot: int) -> tuple[int, int]:
        """The sequence number and timestamp of the last packet made."""

    def continue_from(self, slot: int, sequence: int, timestamp: int) -> None:
        """Make further packets follow this one, which was sent by other means."""

    def received_late(self, slot: int) -> tuple[int, int, int]:
        """Since the leg began: packets late; frames concealed; frames of delay now."""


class NumpyKernel:
    """The kernel in numpy."""

    def __init__(self, capacity: int) -> None:
        self.frames_out: Samples = np.zeros((capacity, FRAME_SAMPLES), dtype=np.int16)
        self._jitter = JitterBank(capacity)
        self._concealer = Concealer(capacity)
        self._detector = DtmfDetector(capacity)
        self._concealed = np.zeros(capacity, dtype=np.int64)
        self._law = np.zeros(capacity, dtype=np.intp)
        self._payload_type = np.zeros(capacity, dtype=np.uint8)
        self._marker = np.zeros(capacity, dtype=np.uint8)
        self._sequence = np.zeros(capacity, dtype=np.uint16)
        self._timestamp = np.zeros(capacity, dtype=np.uint32)
        self._packets = np.zeros((capacity, FRAME_PACKET_BYTES), dtype=np.uint8)
        self._packets[:, 0] = 0x80
        self._sequence_field = self._packets[:, 2:4].view(">u2")
        self._timestamp_field = self._packets[:, 4:8].view(">u4")
        self._ssrc_field = self._packets[:, 8:12].view(">u4")

    def speak_as(self, slot: int, *, law: int, payload_type: int) -> None:
        self._law[slot] = law
        self._payload_type[slot] = payload_type

    def hear_as(self, slot: int, *, law: int) -> None:
        self._jitter.set_law(slot, law)

    def clear(self, slot: int, *, ssrc: int, sequence: int, timestamp: int) -> None:
        self._jitter.reset(slot)
        self._concealer.reset(slot)
        self._detector.reset(slot)
        self._concealed[slot] = 0
        self._ssrc_field[slot] = ssrc
        self._sequence[slot] = sequence
        self._timestamp[slot] = timestamp
        self._marker[slot] = 0x80

    def receive(self, slots: Sequence[int], timestamps: Sequence[int], packets: Rows) -> list[int]:
        taken = self._jitter.put_frames(
            np.array(slots, dtype=np.intp),
            np.array(timestamps, dtype=np.uint32),
            packets[:, HEADER_BYTES:FRAME_PACKET_BYTES],
        )
        return [] if taken.all() else [int(index) for index in np.flatnonzero(~taken)]

    def receive_odd(self, slot: int, timestamp: int, payload: bytes, *, follows: bool) -> bool:
        return self._jitter.put(slot, timestamp, payload, follows=follows)

    def flush(self, slot: int) -> None:
        self._jitter.flush(slot)

    def allow_delay(self, slot: int, frames: int) -> None:
        self._jitter.allow(slot, frames)

    def listen(self, slots: Slots) -> Samples:
        if not len(slots):
            return self.frames_out[:0]
        frames, missing, begun = self._jitter.take(slots)
        if not begun.all():
            frames[~begun] = 0
            missing &= begun
        made_up = self._concealer.process(slots, frames, missing)
        if len(made_up):
            self._concealed[slots[made_up]] += 1
        return frames

    def detect(self, slots: Slots, frames: Samples) -> list[tuple[int, str]]:
        return self._detector.feed(slots, frames)

    def speak(self, slots: Slots) -> None:
        if not len(slots):
            return
        self._sequence[slots] += np.uint16(1)
        self._timestamp[slots] += np.uint32(FRAME_SAMPLES)
        self._sequence_field[slots, 0] = self._sequence[slots]
        self._timestamp_field[slots, 0] = self._timestamp[slots]
        self._packets[slots, 1] = self._payload_type[slots] | self._marker[slots]
        self._marker[slots] = 0
        self._packets[slots, HEADER_BYTES:] = encode_rows(self._law[slots], self.frames_out[slots])

    def skip(self, slot: int) -> None:
        self._timestamp[slot] += np.uint32(FRAME_SAMPLES)
        self._marker[slot] = 0x80

    def packet(self, slot: int) -> memoryview:
        return memoryview(self._packets[slot])

    def outgoing(self, slot: int) -> tuple[int, int]:
        return int(self._sequence[slot]), int(self._timestamp[slot])

    def continue_from(self, slot: int, sequence: int, timestamp: int) -> None:
        self._sequence[slot] = sequence
        self._timestamp[slot] = timestamp
        self._marker[slot] = 0x80

    def received_late(self, slot: int) -> tuple[int, int, int]:
        return (
            int(self._jitter.late[slot]),
            int(self._concealed[slot]),
            self._jitter.delay_frames(slot),
        )
