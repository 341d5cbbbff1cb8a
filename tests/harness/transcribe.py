"""What was said: speech recognition for tests, as the pytest plugin has it, and what only these tests need.

A test that needs it calls `require_transcription()` first, which skips where a package is missing.
"""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from offhook.testing import hearing
from offhook.testing.hearing import Samples, missing_reason, words

__all__ = [
    "Samples",
    "missing_reason",
    "read_wav",
    "require_transcription",
    "transcribe",
    "was_among",
    "was_said",
    "words",
]


def require_transcription() -> None:
    """Skip the test unless speech can be transcribed here."""
    if (reason := missing_reason()) is not None:
        pytest.skip(reason)


def transcribe(audio: str | Path | Samples, *, rate: int = 8000) -> str:
    """The English words in a 16-bit WAV file (channels are mixed) or in mono samples at `rate`."""
    if isinstance(audio, (str, Path)):
        audio, rate = read_wav(audio)
    return hearing.transcribe(audio, rate)


MOST_MISHEARD: Final = 1 / 3
"""Of the letters: neither voice nor ear is perfect, and a loaded machine loses a word's beginning now and then."""


def was_said(said: str, heard: str) -> bool:
    """Whether what was heard is this and nothing else."""
    return _misheard(said, heard, within=False) <= MOST_MISHEARD


def was_among(said: str, heard: str) -> bool:
    """Whether this is among what was heard."""
    return _misheard(said, heard, within=True) <= MOST_MISHEARD


def _misheard(said: str, heard: str, *, within: bool) -> float:
    """Edits from `heard`, or its best part, to `said` in letters, by the number of letters of `said`."""
    wanted, got = words(said).replace(" ", ""), words(heard).replace(" ", "")
    row = [0 if within else count for count in range(len(got) + 1)]
    for i, letter in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != other))
    return (min(row) if within else row[-1]) / max(1, len(wanted))


def read_wav(path: str | Path) -> tuple[Samples, int]:
    """The samples of a 16-bit WAV file, its channels averaged, and its rate."""
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, channels)
    return samples.mean(axis=1).astype(np.int16), rate
