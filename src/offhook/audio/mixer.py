"""Adding voices without overflow: two of them, or rows of sums of many.

A row is a frame of one listener. Its limiter has the frame before it is heard, so it turns the sum down before the
first peak or, where that comes at once, within 4 ms; and it turns up again so slowly that nobody hears it breathe.
A sum that fits into 16 bits is not touched, so one talker, or two, keep their level.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from offhook.audio.frames import FRAME_MILLISECONDS, FRAME_SAMPLES
from offhook.audio.g711 import Samples

Wide = npt.NDArray[np.int32]
"""Sums of samples, a row for each listener."""
Gains = npt.NDArray[np.float32]

_LOUDEST: Final = 32767
_ATTACK_SAMPLES: Final = 32
_RELEASE_DB_PER_SECOND: Final = 12
_RELEASE: Final = np.float32(10 ** (_RELEASE_DB_PER_SECOND * FRAME_MILLISECONDS / 1000 / 20))
_RAMP: Final = ((np.arange(FRAME_SAMPLES) + 1) / FRAME_SAMPLES).astype(np.float32)
_ATTACK: Final = np.minimum(1, (np.arange(FRAME_SAMPLES) + 1) / _ATTACK_SAMPLES).astype(np.float32)
_WAYS: Final = np.stack([_RAMP, _ATTACK])
"""How a frame's gain goes from one to the other: up, and down."""


def mix(a: Samples, b: Samples) -> Samples:
    """The sum of two blocks of the same shape, clipped to 16 bits."""
    return np.asarray(np.clip(a.astype(np.int32) + b, -_LOUDEST, _LOUDEST), dtype=np.int16)


def ramps(start: Gains, end: Gains) -> Gains | None:
    """A row of 160 gains, from `start` to `end`, for each of them; None when all are 1 throughout."""
    if (start == 1).all() and (end == 1).all():
        return None
    return np.asarray(start[:, None] + (end - start)[:, None] * _RAMP, dtype=np.float32)


def scale(rows: Wide, gains: Gains | None) -> Wide:
    """Rows at these gains; None is 1 for all."""
    if gains is None:
        return rows
    return np.multiply(rows, gains, dtype=np.float32, casting="unsafe").astype(np.int32)


def limit(rows: Wide, gains: Gains) -> tuple[Samples, Gains]:
    """Rows in 16 bits, turned down where they do not fit, and the gain that each ends with; `gains`: the last ones."""
    peaks = np.abs(rows).max(axis=1, initial=0)
    busy = np.flatnonzero((peaks > _LOUDEST) | (gains < 1))
    limited = rows.astype(np.int16)
    if not len(busy):
        return limited, gains
    before = gains[busy]
    allowed = (_LOUDEST / np.maximum(peaks[busy], _LOUDEST)).astype(np.float32)
    after = np.minimum(np.minimum(before * _RELEASE, np.float32(1)), allowed)
    way = _WAYS[(after < before).astype(np.intp)]
    turned = scale(rows[busy], before[:, None] + (after - before)[:, None] * way)
    limited[busy] = np.clip(turned, -_LOUDEST, _LOUDEST, out=turned)
    ended = gains.copy()
    ended[busy] = after
    return limited, ended
