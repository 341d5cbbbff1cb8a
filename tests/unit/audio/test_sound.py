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
from offhook.audio.vad import VoiceActivity, VoiceActivityBank


def test_mixing_clips() -> None:
    loud = np.full(160, 30000, dtype=np.int16)
    quiet = np.full(160, 100, dtype=np.int16)
    assert mixer.mix(loud, loud).tolist() == [32767] * 160
    assert mixer.mix(-loud, quiet).tolist() == [-29900] * 160


def limited(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a limiter makes of a stream of sums of one listener, and the gain after each frame."""
    gain, frames, gains = np.ones(1, dtype=np.float32), [], []
    for start in range(0, len(sums), 160):
        frame, gain = mixer.limit(sums[None, start : start + 160].astype(np.int32), gain)
        frames.append(frame[0])
        gains.append(float(gain[0]))
    return np.concatenate(frames), np.array(gains)


def test_sum_that_fits_is_not_touched() -> None:
    for highest in (1, 20000, 32767):
        sums = (np.sin(np.arange(1600) * 0.3) * highest).astype(np.int32)
        heard, gains = limited(sums)
        assert (heard == sums).all()
        assert (gains == 1).all()


def test_limiter_turns_down_smoothly_and_up_again_slowly() -> None:
    at = np.arange(160 * 150)
    sums = np.sin(at * 2 * np.pi * 400 / 8000) * np.where((at >= 1600) & (at < 8000), 98000, 9800)
    heard, gains = limited(sums)
    assert np.abs(heard.astype(int)).max() <= 32767
    assert gains[:10] == pytest.approx(1)
    assert gains[10:50] == pytest.approx(32767 / 98000, rel=0.01)
    steps = np.diff(20 * np.log10(gains[50:]))
    assert steps.max() < 0.25
    assert (steps >= 0).all()
    assert gains[-1] == 1
    sure = np.abs(sums) > 3000
    ratio = (heard / np.where(sure, sums, 1))[sure]
    assert np.abs(np.diff(ratio[(at[sure] > 1600 + 32)])).max() < 0.01


def test_loud_rows_do_not_change_others() -> None:
    rows = np.array([[100] * 160, [50000] * 160, [-70000] * 160], dtype=np.int32)
    heard, gains = mixer.limit(rows, np.ones(3, dtype=np.float32))
    assert (heard[0] == 100).all()
    assert gains == pytest.approx([1, 32767 / 50000, 32767 / 70000])
    assert heard[1:, -1].tolist() == [32767, -32767]


def test_ramps_go_from_one_gain_to_another() -> None:
    start, end = np.array([0, 1, 1, 0], dtype=np.float32), np.array([1, 0, 1, 0], dtype=np.float32)
    rows = np.full((4, 160), 16000, dtype=np.int32)
    heard = mixer.scale(rows, mixer.ramps(start, end))
    assert heard[:, 0].tolist() == [100, 15900, 16000, 0]
    assert heard[:, -1].tolist() == [16000, 0, 16000, 0]
    assert np.abs(np.diff(heard, axis=1)).max() <= 101
    assert mixer.ramps(end[2:3], end[2:3]) is None
    assert mixer.scale(rows, None) is rows


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


def test_bank_hears_the_same_speech_as_one_stream_at_a_time() -> None:
    rng, bank = np.random.default_rng(2), VoiceActivityBank(8)
    slots, single = np.array([5, 0, 3]), [VoiceActivity() for _ in range(3)]
    speaking = [False] * 3
    for tick in range(400):
        loudness = [3000 if (tick // length) % 2 else 60 for length in (13, 40, 90)]
        frames = np.stack([rng.normal(0, level, 160).astype(np.int16) for level in loudness])
        for row, now in bank.feed(slots, frames):
            assert speaking[row] != now
            speaking[row] = now
        assert speaking == [one.feed(frame) for one, frame in zip(single, frames, strict=True)]
    bank.reset(5)
    quiet = bank.feed(slots, np.zeros((3, 160), dtype=np.int16))
    assert (0, True) not in quiet


def test_bank_takes_a_knock_for_no_speech_and_silences_at_once() -> None:
    bank, slots = VoiceActivityBank(2, onset_frames=3), np.array([0, 1])
    told: list[tuple[int, int, bool]] = []
    for tick in range(12):
        knock = 3000 if tick in (1, 2) else 0
        frames = np.stack([np.full(160, level, dtype=np.int16) for level in (knock, 3000)])
        told += [(tick, row, speaks) for row, speaks in bank.feed(slots, frames)]
    assert told == [(2, 1, True)]
    assert [bank.silence(slot) for slot in (0, 1, 1)] == [False, True, False]


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
