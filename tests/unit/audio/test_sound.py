"""Mixing, resampling, tones, voice activity, WAV files, batches of frames."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.audio import frames, mixer, wav
from offhook.audio.g711 import ulaw_encode
from offhook.audio.resample import StreamResampler, resample
from offhook.audio.vad import VoiceActivity


def test_mixing_clips() -> None:
    loud = np.full(160, 30000, dtype=np.int16)
    quiet = np.full(160, 100, dtype=np.int16)
    assert mixer.mix(loud, loud).tolist() == [32767] * 160
    assert mixer.mix(-loud, quiet).tolist() == [-29900] * 160


def test_resampling_keeps_length_and_pitch() -> None:
    sine = (np.sin(np.arange(16000) * 2 * np.pi * 440 / 16000) * 9000).astype(np.int16)
    low = resample(sine, 16000, 8000)
    assert abs(len(low) - 8000) <= 2
    assert np.abs(np.fft.rfft(low)).argmax() == pytest.approx(440, abs=1)
    stream = StreamResampler(16000, 8000)
    pieces = [stream.feed(sine[start : start + 320], last=start == 15680) for start in range(0, 16000, 320)]
    assert abs(sum(map(len, pieces)) - 8000) <= 2


def test_voice_activity_follows_the_floor() -> None:
    rng, activity = np.random.default_rng(1), VoiceActivity()
    quiet = [activity.feed(rng.normal(0, 60, 160).astype(np.int16)) for _ in range(100)]
    loud = [activity.feed(rng.normal(0, 2000, 160).astype(np.int16)) for _ in range(20)]
    after = [activity.feed(rng.normal(0, 60, 160).astype(np.int16)) for _ in range(50)]
    assert not any(quiet[20:])
    assert all(loud)
    assert after[:9] == [True] * 9
    assert not any(after[12:])


def test_wav_round_trip_and_other_encodings() -> None:
    stereo = np.random.default_rng(1).integers(-32768, 32767, (100, 2)).astype(np.int16)
    back = wav.read(wav.write(stereo, rate=16000))
    assert back.rate == 16000
    assert (back.samples == stereo).all()
    ulaw = bytearray(wav.header(100))
    ulaw[20:36] = b"\x07\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00"
    assert len(wav.read(bytes(ulaw) + ulaw_encode(stereo[:, 0]).tobytes()).mono) == 100


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: wav.header(64) + tail))
def test_wav_reader_survives_anything(data: bytes) -> None:
    with contextlib.suppress(wav.WavError):
        wav.read(data)


@given(
    st.lists(st.tuples(st.integers(0, 2**32 - 1), st.binary(max_size=400)), max_size=8),
    st.integers(1, 50),
)
def test_batches_arrive_whole_whatever_the_pieces(records: list[tuple[int, bytes]], size: int) -> None:
    data = frames.pack_batch(records) + frames.pack_batch([(1, b"")])
    reader, got = frames.BatchReader(), []
    for start in range(0, len(data), size):
        got += reader.feed(data[start : start + size])
    assert got == [*records, (1, b"")]


@given(st.binary(max_size=100))
def test_batch_reader_survives_anything(data: bytes) -> None:
    with contextlib.suppress(frames.BatchError):
        frames.BatchReader().feed(data)
