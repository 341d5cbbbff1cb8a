"""Keys pressed as tones, found in many legs at once (ITU-T Q.23, Q.24).

Every 10 ms a window of 20 ms of each leg is correlated with the eight frequencies: Goertzel's measure, but
for all windows of a tick as one matrix product. A window shows a key when, in it,

* the strongest row and the strongest column are loud enough,
* neither outdoes the other by more than the twist that lines cause,
* each outdoes the rest of its group, and
* the two together are most of the energy there is: this is what speech and music, rich in other
  frequencies, do not meet.

Three windows in a row (40 ms) with the same key are a key press; three without it end it. Tones under 23 ms
are never reported, tones of 40 ms with pauses of 40 ms always are.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import Samples
from offhook.audio.tones import COLUMNS, KEYS, ROWS, SAMPLE_RATE

WINDOW: Final = FRAME_SAMPLES
HOP: Final = WINDOW // 2

MIN_AMPLITUDE: Final = 400.0
"""Of each of the two waves: about -35 dBm0. Q.24 asks for at least -25 dBm0 to be heard."""
MAX_COLUMN_OVER_ROW: Final = 10 ** (8 / 10)
MAX_ROW_OVER_COLUMN: Final = 10 ** (6 / 10)
"""Twist, as ratios of power: 8 dB forward, 6 dB reverse."""
MIN_OVER_GROUP: Final = 10 ** (8 / 10)
MIN_SHARE: Final = 0.6
"""Of the window's energy. A window that a clean tone fills only to 60 % has a share of 0.6."""
HITS_TO_PRESS: Final = 3
MISSES_TO_RELEASE: Final = 3

_NO_KEY: Final = -1

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.intp]


def _basis() -> Floats:
    """160 samples by 16 waves: cosines, then sines, of the four rows and the four columns."""
    at = 2 * np.pi * np.arange(WINDOW)[:, None] * np.array(ROWS + COLUMNS)[None, :] / SAMPLE_RATE
    return np.concatenate([np.cos(at), np.sin(at)], axis=1).astype(np.float32)


_BASIS: Final = _basis()
_MIN_POWER: Final = (MIN_AMPLITUDE * WINDOW / 2) ** 2


def keys_in(windows: Floats) -> npt.NDArray[np.int8]:
    """The key (an index into tones.KEYS, -1 for none) that each row of 160 samples shows."""
    waves = windows @ _BASIS
    waves *= waves
    power = waves[:, :8] + waves[:, 8:]
    index = np.arange(len(windows))
    row, column = power[:, :4].argmax(axis=1), power[:, 4:].argmax(axis=1)
    row_power, column_power = power[index, row], power[index, column + 4]
    others = power
    others[index, row] = 0
    others[index, column + 4] = 0
    energy = np.einsum("ij,ij->i", windows, windows)
    shown = (
        (np.minimum(row_power, column_power) >= _MIN_POWER)
        & (column_power <= MAX_COLUMN_OVER_ROW * row_power)
        & (row_power <= MAX_ROW_OVER_COLUMN * column_power)
        & (row_power >= MIN_OVER_GROUP * others[:, :4].max(axis=1))
        & (column_power >= MIN_OVER_GROUP * others[:, 4:].max(axis=1))
        & (row_power + column_power >= MIN_SHARE * (WINDOW / 2) * energy)
    )
    return np.where(shown, row * 4 + column, _NO_KEY).astype(np.int8)


class DtmfDetector:
    """Follows any number of legs, each at a slot below `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._tail = np.zeros((capacity, HOP), dtype=np.float32)
        self._candidate = np.full(capacity, _NO_KEY, dtype=np.int8)
        self._hits = np.zeros(capacity, dtype=np.int8)
        self._misses = np.zeros(capacity, dtype=np.int8)
        self._pressed = np.full(capacity, _NO_KEY, dtype=np.int8)

    def reset(self, slot: int) -> None:
        """Forget what was heard at a slot: another leg begins there."""
        self._tail[slot] = 0
        self._candidate[slot] = self._pressed[slot] = _NO_KEY
        self._hits[slot] = self._misses[slot] = 0

    def feed(self, slots: Integers, frames: Samples) -> list[tuple[int, str]]:
        """Hear 20 ms of each slot (frames has a row of 160 samples for each); the (slot, key) pressed, one by one.

        Slots must be different from one another.
        """
        windows = np.empty((2, len(slots), WINDOW), dtype=np.float32)
        windows[1] = frames
        windows[0, :, :HOP] = self._tail[slots]
        windows[0, :, HOP:] = windows[1, :, :HOP]
        self._tail[slots] = windows[1, :, HOP:]
        shown = keys_in(windows.reshape(-1, WINDOW)).reshape(2, -1)
        if (
            (shown == _NO_KEY).all()
            and (self._candidate[slots] == _NO_KEY).all()
            and (self._pressed[slots] == _NO_KEY).all()
        ):
            return []
        return self._advance(slots, shown[0]) + self._advance(slots, shown[1])

    def _advance(self, slots: Integers, shown: npt.NDArray[np.int8]) -> list[tuple[int, str]]:
        """Count one window of each slot; the keys that it makes certain."""
        same = (shown == self._candidate[slots]) & (shown != _NO_KEY)
        hits = np.where(
            same, np.minimum(self._hits[slots] + 1, 100), (shown != _NO_KEY).astype(np.int8)
        ).astype(np.int8)
        self._candidate[slots], self._hits[slots] = shown, hits
        pressed = self._pressed[slots]
        misses = np.where(shown == pressed, 0, np.minimum(self._misses[slots] + 1, 100)).astype(np.int8)
        self._misses[slots] = misses
        pressed = np.where(misses >= MISSES_TO_RELEASE, _NO_KEY, pressed).astype(np.int8)
        new = (hits >= HITS_TO_PRESS) & (shown != pressed)
        self._pressed[slots] = np.where(new, shown, pressed)
        self._misses[slots[new]] = 0
        return [(int(slots[i]), KEYS[shown[i]]) for i in np.flatnonzero(new)]
