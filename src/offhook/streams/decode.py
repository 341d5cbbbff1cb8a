"""From the bytes of an audio file to raw 8 kHz mono, in pieces, so that a long file needs little memory.

miniaudio decodes WAV (PCM, µ-law, A-law, ADPCM, float), AIFF, MP3 and FLAC; what has no header at all
(``audio/basic``) is µ-law by definition (RFC 2046 §4.3), with or without the header of an ``.au`` file. soxr
resamples. Not read: GSM 06.10, and Ogg Vorbis, whose decoder is not made for hostile data.
"""

import struct
from collections.abc import Iterator

import miniaudio
import numpy as np

from offhook.audio import g711
from offhook.audio.g711 import Samples
from offhook.audio.resample import StreamResampler

SAMPLE_RATE = 8000
_FRAMES = 32768
_MAX_CHANNELS = 8
_RATES = range(4000, 192001)
_ULAW_TYPES = frozenset({"audio/basic", "audio/ulaw", "audio/x-mulaw", "audio/pcmu", "audio/mulaw"})
"""Types whose data is bare µ-law samples at 8 kHz."""
_ALAW_TYPES = frozenset({"audio/alaw", "audio/x-alaw", "audio/pcma"})
_AU_MAGIC = b".snd"


class DecodeError(ValueError):
    """The data is not readable as audio, or there is too much of it."""


def is_audio_type(content_type: str | None) -> bool:
    """Whether `<Play>` takes a file of this Content-Type: audio of any kind, and nothing else."""
    return media_type(content_type).startswith("audio/")


def media_type(content_type: str | None) -> str:
    """The type without its parameters, in lower case; empty when there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def decode_audio(data: bytes, content_type: str | None, max_seconds: float) -> bytes:
    """Raw audio (16-bit little endian, 8 kHz, mono) of a whole file. Blocks; releases the GIL mostly.

    Raises:
        DecodeError: not audio, of a format that is not known, empty, or longer than `max_seconds`.
    """
    kind = media_type(content_type)
    if kind in _ULAW_TYPES or kind in _ALAW_TYPES or data[:4] == _AU_MAGIC:
        return _decode_g711(data, kind in _ALAW_TYPES, max_seconds)
    limit = int(max_seconds * SAMPLE_RATE) * 2
    decoded = bytearray()
    for samples in _narrow(data):
        decoded += samples.astype("<i2").tobytes()
        if len(decoded) > limit:
            raise DecodeError(f"the audio is longer than {max_seconds:.0f} s")
    if not decoded:
        raise DecodeError("the file holds no audio")
    return bytes(decoded)


def _narrow(data: bytes) -> Iterator[Samples]:
    rate, stream = _open(data)
    resampler = StreamResampler(rate, SAMPLE_RATE) if rate != SAMPLE_RATE else None
    try:
        for chunk in stream:
            samples = np.frombuffer(chunk, dtype=np.int16)
            yield samples if resampler is None else resampler.feed(samples)
    except miniaudio.MiniaudioError as error:
        raise DecodeError(str(error)) from None
    if resampler is not None:
        yield resampler.feed(np.zeros(0, np.int16), last=True)


def _open(data: bytes) -> tuple[int, Iterator[memoryview]]:
    """The sample rate of a file and its samples as mono."""
    rate = _native_rate(data)
    try:
        stream = miniaudio.stream_memory(
            data,
            output_format=miniaudio.SampleFormat.SIGNED16,
            nchannels=1,
            sample_rate=rate,
            frames_to_read=_FRAMES,
        )
    except miniaudio.MiniaudioError as error:
        raise DecodeError(str(error)) from None
    return rate, stream


def _native_rate(data: bytes) -> int:
    """The file's own rate; miniaudio's linear resampler would alias if it were asked for another."""
    for probe in (miniaudio.wav_get_info, miniaudio.flac_get_info, miniaudio.mp3_get_info):
        try:
            info = probe(data)
        except (miniaudio.MiniaudioError, ArithmeticError, LookupError, ValueError):
            continue
        if info.sample_rate not in _RATES or not 1 <= info.nchannels <= _MAX_CHANNELS:
            raise DecodeError(f"{info.nchannels} channels at {info.sample_rate} Hz")
        return int(info.sample_rate)
    raise DecodeError("the format is not known")


def _decode_g711(data: bytes, alaw: bool, max_seconds: float) -> bytes:
    """Bare G.711, or an ``.au`` file of it."""
    if data[:4] == _AU_MAGIC:
        data, alaw = _open_au(data)
    if not data:
        raise DecodeError("the file holds no audio")
    if len(data) > max_seconds * SAMPLE_RATE:
        raise DecodeError(f"the audio is longer than {max_seconds:.0f} s")
    encoded = np.frombuffer(data, dtype=np.uint8)
    return (g711.alaw_decode(encoded) if alaw else g711.ulaw_decode(encoded)).astype("<i2").tobytes()


def _open_au(data: bytes) -> tuple[bytes, bool]:
    """The samples of an ``.au`` file, and whether they are A-law (27) rather than µ-law (1)."""
    if len(data) < 24:
        raise DecodeError("the .au header is cut short")
    offset, _, encoding, rate, channels = struct.unpack_from(">5I", data, 4)
    if encoding not in (1, 27) or rate != SAMPLE_RATE or channels != 1:
        raise DecodeError(f"an .au file of encoding {encoding}, {channels} channels at {rate} Hz")
    return data[offset:], encoding == 27
