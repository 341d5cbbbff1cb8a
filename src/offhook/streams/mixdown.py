"""The audio of one recording while it is made: mixing, the end by silence or length, and the cutting of silence.

Fed with what one or two taps heard, it gives out what is to be written. Time is counted in samples, never in
clocks: a tap brings a frame every tick. Pure.

A recording that is trimmed begins shortly before the first speech and ends with the last: its leading silence
is never given out, and `keep_samples` tells at the end how much of what was given out is to stay.
"""

from typing import Literal

import numpy as np

from offhook.audio.frames import FRAME_BYTES, FRAME_SAMPLES, SAMPLE_RATE
from offhook.audio.g711 import Samples
from offhook.audio.mixer import mix
from offhook.audio.vad import VoiceActivity

_STEP_FRAMES = 5
"""Audio is handled a few frames at a time."""
_STEP_BYTES = _STEP_FRAMES * FRAME_BYTES
_PATIENCE_BYTES = 25 * FRAME_BYTES
"""A tap that is so far behind the other one has nothing to say."""
_LEAD_SAMPLES = 10 * FRAME_SAMPLES
"""What stays before the first speech of a trimmed recording."""


class Mixdown:
    """One recording of `taps`, in one channel (mixed) or two (the first tap left, the second right)."""

    def __init__(
        self,
        taps: tuple[int, ...],
        channels: int,
        max_seconds: float,
        silence_seconds: float | None,
        trim: bool,
    ) -> None:
        self._buffers = {tap: bytearray() for tap in taps}
        self._live = set(taps)
        self._channels = channels
        self._max_samples = max(1, round(max_seconds * SAMPLE_RATE))
        self._silence_samples = None if silence_seconds is None else int(silence_seconds * SAMPLE_RATE)
        self._trim = trim
        self._activity = VoiceActivity()
        self._heard = 0
        self._given = 0
        self._last_voice: int | None = None
        self._voice_given = 0
        self._lead = np.zeros((0, channels), np.int16)
        self._paused: Literal["skip", "silence"] | None = None
        self.ended: Literal["silence", "max-length", "stopped"] | None = None

    @property
    def taps(self) -> tuple[int, ...]:
        """The taps it listens to."""
        return tuple(self._buffers)

    @property
    def empty(self) -> bool:
        """Whether nobody has spoken."""
        return self._last_voice is None

    @property
    def keep_samples(self) -> int:
        """How many of the samples given out (per channel) belong to the finished recording."""
        return self._voice_given if self._trim else self._given

    def feed(self, tap: int, audio: bytes) -> bytes:
        """Take what `tap` heard; returns what is to be written now (interleaved 16-bit little endian)."""
        if self.ended is not None or self._paused == "skip":
            return b""
        self._buffers[tap] += audio if self._paused is None else bytes(len(audio))
        if len(self._buffers[tap]) < _STEP_BYTES:
            return b""
        return self._advance(self._common_bytes() // FRAME_BYTES * FRAME_BYTES)

    def pause(self, *, silence: bool) -> bytes:
        """Take nothing from now on: not even time passes, or there is `silence`. Returns what is to be written."""
        rest = self._advance(self._common_bytes()) if self.ended is None and self._paused is None else b""
        if self._paused is None:
            for buffer in self._buffers.values():
                buffer.clear()
        self._paused = "silence" if silence else "skip"
        return rest

    def resume(self) -> None:
        """Take what is heard again."""
        self._paused = None

    def end_tap(self, tap: int) -> bytes:
        """The tap's leg is gone; the recording ends with its last tap."""
        self._live.discard(tap)
        return b"" if self._live else self.finish()

    def finish(self) -> bytes:
        """End the recording; returns the last that is to be written."""
        if self.ended is not None:
            return b""
        rest = self._advance(max(len(buffer) for buffer in self._buffers.values()) & ~1)
        self.ended = self.ended or "stopped"
        return rest

    def _common_bytes(self) -> int:
        """How much all taps have, not waiting for one that ended or stays behind."""
        longest = max(len(buffer) for buffer in self._buffers.values())
        waited_for = [
            len(buffer)
            for tap, buffer in self._buffers.items()
            if tap in self._live and longest - len(buffer) < _PATIENCE_BYTES
        ]
        return min(waited_for, default=longest)

    def _advance(self, size: int) -> bytes:
        if size == 0:
            return b""
        voices = [_take(buffer, size) for buffer in self._buffers.values()]
        mixed = voices[0] if len(voices) == 1 else mix(voices[0], voices[1])
        room = self._max_samples - self._heard
        frames = self._judge(mixed[:room])
        if self._heard >= self._max_samples:
            self.ended = self.ended or "max-length"
        block = np.stack(voices, axis=1) if self._channels == 2 else mixed[:, None]
        return self._give(block[:frames])

    def _judge(self, mixed: Samples) -> int:
        """Follow speech and silence through a block; returns how many of its samples are recorded."""
        for start in range(0, len(mixed), FRAME_SAMPLES):
            frame = mixed[start : start + FRAME_SAMPLES]
            self._heard += len(frame)
            if self._activity.feed(frame):
                self._last_voice = self._heard
            elif (
                self._silence_samples is not None
                and self._heard - (self._last_voice or 0) >= self._silence_samples
            ):
                self.ended = "silence"
                return start + len(frame)
        return len(mixed)

    def _give(self, block: Samples) -> bytes:
        if self._trim and self._last_voice is None:
            self._lead = np.concatenate([self._lead, block])[-_LEAD_SAMPLES:]
            return b""
        if len(self._lead):
            block = np.concatenate([self._lead, block])
            self._lead = self._lead[:0]
        self._given += len(block)
        if self._last_voice is not None:
            self._voice_given = max(0, self._given - (self._heard - self._last_voice))
        return block.astype("<i2").tobytes()


def _take(buffer: bytearray, size: int) -> Samples:
    """The first `size` bytes of a buffer as samples, with silence for what it does not have."""
    taken = bytes(buffer[:size])
    del buffer[:size]
    return np.frombuffer(taken.ljust(size, b"\0"), dtype="<i2").astype(np.int16)
