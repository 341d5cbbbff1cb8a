"""Adding voices without overflow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offhook.audio.g711 import Samples

_LOUDEST = 32767


def mix(a: Samples, b: Samples) -> Samples:
    """The sum of two blocks of the same shape, clipped to 16 bits."""
    return np.asarray(np.clip(a.astype(np.int32) + b, -_LOUDEST, _LOUDEST), dtype=np.int16)


def mix_all(voices: Sequence[Samples]) -> Samples:
    """The sum of any number (at least one) of blocks of the same shape, clipped to 16 bits."""
    total = np.sum(np.stack(voices), axis=0, dtype=np.int32)
    return np.clip(total, -_LOUDEST, _LOUDEST).astype(np.int16)


def mix_minus(voices: Sequence[Samples]) -> list[Samples]:
    """What each of a conference hears: the sum of all the others, clipped to 16 bits."""
    total = np.sum(np.stack(voices), axis=0, dtype=np.int32)
    return [np.clip(total - voice, -_LOUDEST, _LOUDEST).astype(np.int16) for voice in voices]
