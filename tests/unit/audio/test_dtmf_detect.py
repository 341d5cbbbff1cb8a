"""Keys as tones: all keys, levels, twist, timing, noise; and nothing in speech-like sound."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from offhook.audio.dtmf_detect import DtmfDetector
from offhook.audio.g711 import Samples, ulaw_decode, ulaw_encode
from offhook.audio.tones import KEYS, dtmf, key_frequencies


def keys_of(*streams: Samples) -> list[str]:
    """The keys in streams of equal length that are heard together."""
    detector = DtmfDetector(len(streams))
    slots = np.arange(len(streams))
    heard = np.stack([ulaw_decode(ulaw_encode(stream)) for stream in streams])
    found = [""] * len(streams)
    for start in range(0, heard.shape[1] - 159, 160):
        for slot, key in detector.feed(slots, heard[:, start : start + 160]):
            found[slot] += key
    return found


def silence(samples: int) -> Samples:
    return np.zeros(samples, dtype=np.int16)


def sines(key: str, samples: int, row: float, column: float, detune: float = 1.0) -> Samples:
    low, high = key_frequencies(key)
    at = 2 * np.pi * np.arange(samples) * detune / 8000
    return (np.sin(low * at) * row + np.sin(high * at) * column).astype(np.int16)


def test_all_keys_at_any_offset() -> None:
    streams = []
    for offset in range(0, 160, 20):
        parts = [part for key in KEYS for part in (dtmf(key, 400), silence(400))]
        streams.append(np.concatenate([silence(offset), *parts, silence(800 - offset)]))
    assert keys_of(*streams) == [KEYS] * len(streams)


def test_shortest_key_and_pause() -> None:
    for offset in range(0, 160, 16):
        parts = [part for key in "5588" for part in (dtmf(key, 320), silence(320))]
        assert keys_of(np.concatenate([silence(offset), *parts, silence(480)])) == ["5588"]


def test_too_short_is_none() -> None:
    for offset in range(0, 160, 16):
        assert keys_of(np.concatenate([silence(offset), dtmf("5", 180), silence(800)])) == [""]


def test_long_key_is_one() -> None:
    assert keys_of(np.concatenate([dtmf("7", 8000), silence(800)])) == ["7"]


def test_brief_dropout_does_not_split_a_key() -> None:
    stream = np.concatenate([dtmf("3", 1600), silence(800)])
    stream[600:680] = 0
    assert keys_of(stream) == ["3"]


@pytest.mark.parametrize("level", [700, 2000, 8000, 15000])
def test_levels(level: float) -> None:
    assert keys_of(np.concatenate([sines("9", 800, level, level), silence(800)])) == ["9"]


@pytest.mark.parametrize(
    ("row", "column", "accepted"), [(4, 0, True), (0, 6, True), (11, 0, False), (0, 13, False)]
)
def test_twist(row: float, column: float, accepted: bool) -> None:
    stream = sines("1", 800, 3000 * 10 ** (row / 20), 3000 * 10 ** (column / 20))
    assert keys_of(np.concatenate([stream, silence(800)])) == ["1" if accepted else ""]


@pytest.mark.parametrize(("detune", "accepted"), [(1.01, True), (0.99, True), (1.05, False), (0.95, False)])
def test_frequencies_may_be_a_little_off(detune: float, accepted: bool) -> None:
    for key in KEYS:
        stream = np.concatenate([sines(key, 800, 5000, 5000, detune), silence(800)])
        assert keys_of(stream) == [key if accepted else ""], key


def test_key_in_noise() -> None:
    noise = np.random.default_rng(1).normal(0, 600, 16000)
    stream = np.concatenate([part for key in KEYS[:10] for part in (dtmf(key, 800), silence(800))])
    assert keys_of((stream + noise).astype(np.int16)) == [KEYS[:10]]


def test_talk_off() -> None:
    """Voiced sound of gliding pitch and moving formants, with some noise, shows no keys."""
    rng, streams = np.random.default_rng(3), []
    time = np.arange(8000 * 10) / 8000

    def swing(middle: float, width: float) -> npt.NDArray[np.float64]:
        return middle + width * np.sin(2 * np.pi * rng.uniform(0.3, 3) * time + rng.uniform(0, 6))

    for _ in range(24):
        pitch = swing(150, 50)
        phase = 2 * np.pi * np.cumsum(pitch) / 8000
        formants = [swing(550, 250), swing(1500, 500), swing(2600, 200)]
        voice = np.zeros_like(time)
        for harmonic in range(1, 25):
            gain = sum(1 / (1 + ((pitch * harmonic - formant) / 120) ** 2) for formant in formants)
            voice += gain * np.sin(harmonic * phase) * (pitch * harmonic < 3900)
        noisy = voice * 2500 + rng.normal(0, 100, len(time))
        streams.append(noisy.clip(-32000, 32000).astype(np.int16))
    assert "".join(keys_of(*streams)) == ""
