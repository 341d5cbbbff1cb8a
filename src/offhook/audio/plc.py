"""Concealing lost frames, for many legs at once, in the manner of G.711 Appendix I.

A lost frame is made of the last pitch period before the gap, repeated; after 10 ms it fades, and is silence
after 60 ms. The first good frame after a gap is blended in over 5 ms. The pitch is where the signal before
the gap is most like itself, searched between 66 and 200 Hz at half the rate and refined.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import Samples

MAX_FRAMES: Final = 3
"""Frames made up before silence."""
HISTORY: Final = 2 * FRAME_SAMPLES

_MIN_LAG, _MAX_LAG = 40, 120
_TEMPLATE = 160
_BLEND = 40

Integers = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float32]


def _fades() -> Floats:
    """A gain for each sample of the first, second and third lost frame."""
    at = np.arange(MAX_FRAMES * FRAME_SAMPLES, dtype=np.float32)
    hold = FRAME_SAMPLES / 2
    gain = 1.0 - np.maximum(0, at - hold) / (MAX_FRAMES * FRAME_SAMPLES - hold)
    return np.asarray(gain.reshape(MAX_FRAMES, FRAME_SAMPLES), dtype=np.float32)


_FADES: Final = _fades()
_NONE: Final[Integers] = np.zeros(0, dtype=np.intp)
_BLEND_IN: Final = ((np.arange(_BLEND) + 1) / (_BLEND + 1)).astype(np.float32)


def pitch_lags(history: Floats) -> Integers:
    """The pitch period, in samples, at the end of each row of 320 samples."""
    coarse = 2 * _best_lag(history[:, ::2], _MIN_LAG // 2, _MAX_LAG // 2, _TEMPLATE // 2)
    candidates = np.clip(coarse[:, None] + np.arange(-2, 3)[None, :], _MIN_LAG, _MAX_LAG)
    template = history[:, -_TEMPLATE:]
    start = HISTORY - _TEMPLATE - candidates
    pieces = np.take_along_axis(
        history[:, None, :], start[:, :, None] + np.arange(_TEMPLATE)[None, None, :], axis=2
    )
    best = _likeness(template, pieces).argmax(axis=1)
    return np.asarray(candidates[np.arange(len(history)), best], dtype=np.intp)


def _best_lag(history: Floats, low: int, high: int, template: int) -> Integers:
    """The lag from low to high at which the end of each row is most like itself."""
    windows = np.lib.stride_tricks.sliding_window_view(history, template, axis=1)
    last = history.shape[1] - template
    pieces = windows[:, last - high : last - low + 1]
    return np.asarray(high - _likeness(history[:, -template:], pieces).argmax(axis=1), dtype=np.intp)


def _likeness(template: Floats, pieces: npt.NDArray[np.float32]) -> Floats:
    """Correlation of a template (n, t) with pieces (n, k, t), over the pieces' strength."""
    dot = np.einsum("nt,nkt->nk", template, pieces)
    strength = np.sqrt(np.einsum("nkt,nkt->nk", pieces, pieces)) + 1
    return np.asarray(dot / strength, dtype=np.float32)


class Concealer:
    """Follows any number of legs, each at a slot below `capacity`."""

    def __init__(self, capacity: int) -> None:
        self._history = np.zeros((capacity, HISTORY), dtype=np.int16)
        self._lost = np.zeros(capacity, dtype=np.int32)
        self._lag = np.full(capacity, _MIN_LAG, dtype=np.intp)

    def reset(self, slot: int) -> None:
        """Forget what was heard at a slot: another leg begins there."""
        self._history[slot] = 0
        self._lost[slot] = 0

    def process(self, slots: Integers, frames: Samples, missing: npt.NDArray[np.bool_]) -> Integers:
        """Fill the rows of `frames` that are `missing`, in place, and smooth those after a gap.

        Returns the rows that were made up: one that stays missing for longer than MAX_FRAMES is silence, and
        not among them. Slots must be different from one another.
        """
        after_gap = ~missing & (self._lost[slots] > 0)
        if after_gap.any():
            where = np.flatnonzero(after_gap)
            self._blend(slots[where], frames, where)
            self._lost[slots[where]] = 0
        if missing.any():
            made_up = self._fill(slots, frames, missing)
            good, kept = slots[~missing], frames[~missing]
        else:
            made_up, good, kept = _NONE, slots, frames
        self._history[good, :FRAME_SAMPLES] = self._history[good, FRAME_SAMPLES:]
        self._history[good, FRAME_SAMPLES:] = kept
        return made_up

    def _fill(self, slots: Integers, frames: Samples, missing: npt.NDArray[np.bool_]) -> Integers:
        """Make up the missing rows, the young ones of which are returned."""
        frames[missing] = 0
        lost = self._lost[slots]
        self._lost[slots[missing]] += 1
        new = np.flatnonzero(missing & (lost == 0))
        if len(new):
            self._lag[slots[new]] = pitch_lags(self._history[slots[new]].astype(np.float32))
        young = np.flatnonzero(missing & (lost < MAX_FRAMES))
        if len(young):
            frames[young] = (self._repeat(slots[young], lost[young]) * _FADES[lost[young]]).astype(np.int16)
        return young

    def _blend(self, slots: Integers, frames: Samples, where: Integers) -> None:
        """Fade from what would have been made up to the good frame."""
        lost = np.minimum(self._lost[slots], MAX_FRAMES)
        gain = np.where(lost < MAX_FRAMES, _FADES[np.minimum(lost, MAX_FRAMES - 1), 0], 0)[:, None]
        made = self._repeat(slots, lost)[:, :_BLEND] * gain
        good = frames[where, :_BLEND]
        frames[where, :_BLEND] = (made * (1 - _BLEND_IN) + good * _BLEND_IN).astype(np.int16)

    def _repeat(self, slots: Integers, lost: npt.NDArray[np.int32]) -> Samples:
        """The frame that follows `lost` others, by repeating the last pitch period."""
        lag = self._lag[slots][:, None]
        phase = (lost.astype(np.intp)[:, None] * FRAME_SAMPLES + np.arange(FRAME_SAMPLES)[None, :]) % lag
        return np.asarray(np.take_along_axis(self._history[slots], HISTORY - lag + phase, axis=1))
