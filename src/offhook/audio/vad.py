"""Voice activity by energy: a frame is speech when it stands out of the noise floor, which is followed slowly.

Enough to end a recording at silence; end of speech for recognition is the business of the speech workers' own model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offhook.audio.g711 import Samples

MIN_SPEECH_RMS = 100.0
"""Quieter than about -50 dBFS is never speech."""
OVER_FLOOR = 3.0
"""How many times louder than the floor speech is (about 10 dB)."""
HANG_FRAMES = 10
"""Frames that still count as speech after the last loud one, so that words are not cut."""

_FLOOR_START = 50.0
_FLOOR_RISE = 1.02
_FLOOR_MAX = 1500.0


def rms(samples: Samples) -> float:
    """The root mean square of a block; 0.0 for an empty one."""
    if not len(samples):
        return 0.0
    wide = samples.astype(np.float32)
    return float(np.sqrt(np.dot(wide, wide) / len(wide)))


@dataclass(slots=True)
class VoiceActivity:
    """Follows one stream of frames of equal length."""

    floor: float = _FLOOR_START
    hang: int = 0

    def feed(self, frame: Samples) -> bool:
        """Whether this frame belongs to speech."""
        level = rms(frame)
        loud = level > max(MIN_SPEECH_RMS, OVER_FLOOR * self.floor)
        self.floor = (
            min(level, self.floor * _FLOOR_RISE, _FLOOR_MAX)
            if level < self.floor
            else min(self.floor * _FLOOR_RISE, _FLOOR_MAX, max(level, 1.0))
        )
        self.floor = max(self.floor, 1.0)
        self.hang = HANG_FRAMES if loud else max(0, self.hang - 1)
        return self.hang > 0


class VoiceActivityBank:
    """The same for many streams at once, each at a slot below `capacity`, which tells when speech begins and ends.

    It begins when loud frames outnumber the quiet ones of late by `onset_frames`: a knock at the line is no word.
    """

    def __init__(self, capacity: int, hang_frames: int = HANG_FRAMES, onset_frames: int = 1) -> None:
        self._hang_frames = hang_frames
        self._onset_frames = onset_frames
        self._onset = np.zeros(capacity, dtype=np.int32)
        self._floor = np.full(capacity, _FLOOR_START, dtype=np.float32)
        self._hang = np.zeros(capacity, dtype=np.int32)

    def reset(self, slot: int) -> None:
        """Another stream begins there."""
        self._floor[slot] = _FLOOR_START
        self.silence(slot)

    def silence(self, slot: int) -> bool:
        """The stream there is not to be heard: whether that ends its speech."""
        ended = bool(self._hang[slot])
        self._hang[slot] = self._onset[slot] = 0
        return ended

    def feed(self, slots: npt.NDArray[np.intp], frames: npt.NDArray[np.integer]) -> list[tuple[int, bool]]:
        """The rows, one for each slot, at which speech begins (True) or has ended. Slots must be different."""
        wide = frames.astype(np.float32)
        level = np.sqrt(np.einsum("ij,ij->i", wide, wide) / wide.shape[1])
        floor, hang = self._floor[slots], self._hang[slots]
        loud = level > np.maximum(MIN_SPEECH_RMS, OVER_FLOOR * floor)
        self._floor[slots] = np.clip(np.minimum(level, floor * _FLOOR_RISE), 1.0, _FLOOR_MAX)
        onset = np.clip(self._onset[slots] + np.where(loud, 1, -1), 0, self._onset_frames)
        self._onset[slots] = onset
        speaks = loud & ((hang > 0) | (onset == self._onset_frames))
        now = self._hang[slots] = np.where(speaks, self._hang_frames, np.maximum(0, hang - 1))
        return [(int(row), bool(now[row])) for row in np.flatnonzero((now > 0) != (hang > 0))]
