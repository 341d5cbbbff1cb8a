"""Audio files of all kinds, and what only claims to be one."""

import io
import struct
import wave
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import g711
from offhook.streams.decode import DecodeError, decode_audio, is_audio_type

SECONDS = 0.5


def tone(rate: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return (10000 * np.sin(2 * np.pi * 440 * np.arange(int(rate * SECONDS)) / rate)).astype(np.int16)


def wav(rate: int, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(np.repeat(tone(rate), channels).astype("<i2").tobytes())
    return file.getvalue()


def g711_wav(encoding: int, encoded: bytes) -> bytes:
    form = struct.pack("<HHIIHH", encoding, 1, 8000, 8000, 1, 8)
    chunks = (
        b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(encoded)) + encoded
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def frequency(audio: bytes) -> float:
    spectrum = np.abs(np.fft.rfft(np.frombuffer(audio, "<i2")))
    return float(np.argmax(spectrum)) / (len(audio) / 2 / 8000)


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (16000, 1), (22050, 2), (44100, 2), (48000, 1)])
def test_pcm_of_any_rate(rate: int, channels: int) -> None:
    audio = decode_audio(wav(rate, channels), "audio/wav", 10)
    assert len(audio) / 16000 == pytest.approx(SECONDS, abs=0.005)
    assert frequency(audio) == pytest.approx(440, abs=3)


def encoded_by_av(container: str, codec: str, rate: int) -> bytes:
    """The tone in a compressed format."""
    av = pytest.importorskip("av", reason="av (a part of faster-whisper) is not installed")
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(rate)[None, :], format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("mp3", "libmp3lame", 44100),
        ("mp3", "libmp3lame", 16000),
        ("flac", "flac", 22050),
        ("aiff", "pcm_s16be", 8000),
        ("wav", "adpcm_ms", 8000),
        ("wav", "pcm_f32le", 16000),
    ],
)
def test_formats_that_others_write(container: str, codec: str, rate: int) -> None:
    audio = decode_audio(encoded_by_av(container, codec, rate), "audio/x", 10)
    assert len(audio) / 16000 == pytest.approx(SECONDS, abs=0.15)
    assert frequency(audio) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_in_wav_and_bare(law: str) -> None:
    encode = g711.ulaw_encode if law == "ulaw" else g711.alaw_encode
    encoded = encode(tone(8000)).tobytes()
    bare = decode_audio(encoded, "audio/basic" if law == "ulaw" else "audio/x-alaw", 10)
    wrapped = decode_audio(g711_wav(7 if law == "ulaw" else 6, encoded), "audio/wav", 10)
    assert frequency(bare) == pytest.approx(440, abs=3)
    assert np.abs(np.frombuffer(bare, "<i2").astype(int) - np.frombuffer(wrapped, "<i2")).max() <= 8


def test_an_au_file() -> None:
    header = b".snd" + struct.pack(">5I", 24, 0xFFFFFFFF, 1, 8000, 1)
    audio = decode_audio(header + g711.ulaw_encode(tone(8000)).tobytes(), "audio/basic", 10)
    assert frequency(audio) == pytest.approx(440, abs=3)
    with pytest.raises(DecodeError):
        decode_audio(b".snd" + struct.pack(">5I", 24, 0, 3, 44100, 2) + bytes(100), "audio/basic", 10)


@pytest.mark.parametrize("data", [b"", b"<html>not here</html>" * 50, wav(8000)[:30], b"OggS" + bytes(500)])
def test_what_is_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_audio(data, "audio/mpeg", 10)


def test_too_much_audio_is_refused() -> None:
    with pytest.raises(DecodeError, match="longer"):
        decode_audio(wav(8000), "audio/wav", 0.2)
    with pytest.raises(DecodeError, match="longer"):
        decode_audio(bytes(9000), "audio/basic", 1)


@given(
    st.binary(max_size=600), st.sampled_from([wav(8000)[:44], b"ID3", b"\xff\xfb\x90\x64", b"fLaC", b"RIFF"])
)
def test_hostile_data_never_does_more_than_fail(data: bytes, start: bytes) -> None:
    with suppress(DecodeError):
        assert len(decode_audio(start + data, "audio/mpeg", 10)) <= 160000


@pytest.mark.parametrize(
    ("content_type", "audio"),
    [
        ("audio/mpeg", True),
        ("Audio/X-WAV; rate=8000", True),
        ("text/html", False),
        (None, False),
        ("", False),
    ],
)
def test_content_types(content_type: str | None, audio: bool) -> None:
    assert is_audio_type(content_type) is audio
