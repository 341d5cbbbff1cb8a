"""Changing the sample rate, by soxr (band-limited, linear phase)."""

from __future__ import annotations

import numpy as np
import soxr  # type: ignore[import-untyped]

from offhook.audio.g711 import Samples


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """A whole recording at another rate, in Hz. One-dimensional; the length changes with the rate."""
    if from_rate == to_rate or not len(samples):
        return samples
    return np.asarray(soxr.resample(samples, from_rate, to_rate, quality="HQ"), dtype=np.int16)


class StreamResampler:
    """The same for audio that arrives in pieces: no seam is audible between them."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality="HQ")

    def feed(self, samples: Samples, *, last: bool = False) -> Samples:
        """What can be given out after this piece. It lags a little; `last` brings the rest."""
        return np.asarray(self._stream.resample_chunk(samples, last=last), dtype=np.int16)
