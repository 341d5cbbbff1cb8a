"""WAV (RIFF) files: 16-bit PCM out, and 8/16-bit PCM, µ-law and A-law in.

Sizes are checked against the data, never trusted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from offhook.audio import g711
from offhook.audio.g711 import Samples

HEADER_BYTES = 44
_PCM, _EXTENSIBLE = 1, 0xFFFE
_MAX_CHANNELS = 8


class WavError(ValueError):
    """Not a WAV file, or of a kind that is not read here."""


@dataclass(frozen=True, slots=True)
class Wav:
    """Audio of a file: samples of shape (frames, channels)."""

    rate: int
    samples: Samples

    @property
    def mono(self) -> Samples:
        """All channels averaged."""
        if self.samples.shape[1] == 1:
            return self.samples[:, 0]
        return np.asarray(self.samples.mean(axis=1), dtype=np.int16)


def header(data_bytes: int, *, rate: int = 8000, channels: int = 1) -> bytes:
    """The 44 bytes before this much 16-bit PCM."""
    block = 2 * channels
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE", b"fmt ", 16),
        *(_PCM, channels, rate, rate * block, block, 16),
        *(b"data", data_bytes),
    )


def write(samples: Samples, *, rate: int = 8000) -> bytes:
    """A whole file of samples of shape (frames,) or (frames, channels)."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = samples.astype("<i2").tobytes()
    return header(len(data), rate=rate, channels=channels) + data


def read(data: bytes) -> Wav:
    """The audio of a file. A data chunk longer than the file ends with the file. Raises WavError."""
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise WavError("not a RIFF WAVE file")
    form: tuple[int, int, int, int] | None = None
    position = 12
    while position + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, position)
        body = data[position + 8 : position + 8 + size]
        if name == b"fmt ":
            form = _format(body)
        elif name == b"data":
            return _decode(form, body)
        position += 8 + size + (size & 1)
    raise WavError("no audio in the file")


def _format(body: bytes) -> tuple[int, int, int, int]:
    """Encoding, channels, rate and bits per sample of a fmt chunk."""
    if len(body) < 16:
        raise WavError("the format chunk is cut short")
    encoding, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", body)
    if encoding == _EXTENSIBLE and len(body) >= 26:
        (encoding,) = struct.unpack_from("<H", body, 24)
    if not 1 <= channels <= _MAX_CHANNELS or not 1000 <= rate <= 384000:
        raise WavError(f"{channels} channels at {rate} Hz")
    return encoding, channels, rate, bits


def _decode(form: tuple[int, int, int, int] | None, body: bytes) -> Wav:
    """Samples of a data chunk."""
    if form is None:
        raise WavError("audio before its format")
    encoding, channels, rate, bits = form
    width = bits // 8
    if width == 0:
        raise WavError(f"{bits} bits a sample")
    raw = body[: len(body) // (width * channels) * width * channels]
    match encoding, bits:
        case (1, 16):
            flat = np.frombuffer(raw, dtype="<i2").astype(np.int16)
        case (1, 8):
            flat = (np.frombuffer(raw, dtype=np.uint8).astype(np.int16) - 128) * np.int16(256)
        case (7, 8):
            flat = g711.ulaw_decode(np.frombuffer(raw, dtype=np.uint8))
        case (6, 8):
            flat = g711.alaw_decode(np.frombuffer(raw, dtype=np.uint8))
        case _:
            raise WavError(f"encoding {encoding} of {bits} bits")
    return Wav(rate, flat.reshape(-1, channels))
