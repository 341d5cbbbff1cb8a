"""Tones: sums of sine waves, and the two-tone signals of a telephone keypad (ITU-T Q.23)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from offhook.audio.g711 import Samples

SAMPLE_RATE = 8000
TONE_AMPLITUDE = 5000.0
"""Of one sine wave: about -16 dBm0, so that four together do not clip."""
DTMF_AMPLITUDE = 8000.0
"""Of each wave of a key: about -12 dBm0; 0 dBm0 is an amplitude of some 22,800."""

ROWS: Final = (697.0, 770.0, 852.0, 941.0)
COLUMNS: Final = (1209.0, 1336.0, 1477.0, 1633.0)
KEYS: Final = "123A456B789C*0#D"
"""The keypad by rows: the key at row r, column c is KEYS[4 * r + c]."""

_RAMP_SAMPLES = 16


def tone(hz: Sequence[float], samples: int, *, amplitude: float = TONE_AMPLITUDE) -> Samples:
    """A sum of sine waves."""
    at = (np.arange(samples) / SAMPLE_RATE)[:, None]
    waves = np.sin(2 * np.pi * np.asarray(hz, dtype=np.float64)[None, :] * at)
    return np.asarray(np.clip(waves.sum(axis=1) * amplitude, -32767, 32767), dtype=np.int16)


def key_frequencies(key: str) -> tuple[float, float]:
    """The two frequencies of a key. Raises ValueError when there is no such key."""
    index = KEYS.index(key.upper())
    return ROWS[index // 4], COLUMNS[index % 4]


def dtmf(key: str, samples: int) -> Samples:
    """A key pressed for `samples`, with edges smoothed over 2 ms. Raises ValueError when there is no such key."""
    wave = tone(key_frequencies(key), samples, amplitude=DTMF_AMPLITUDE).astype(np.float64)
    ramp = np.minimum(1.0, (np.arange(samples) + 1) / _RAMP_SAMPLES)
    return (wave * ramp * ramp[::-1]).astype(np.int16)
