"""Which frames are speech."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.audio.vad import HANG_FRAMES, VoiceActivity, rms

RANDOM = np.random.default_rng(1)


def noise(level: float) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """20 ms of white noise at 8 kHz."""
    return np.clip(RANDOM.normal(0, level, 160), -32768, 32767).astype(np.int16)


def test_level_of_a_frame() -> None:
    assert rms(np.full(160, -500, dtype=np.int16)) == pytest.approx(500)
    assert rms(np.zeros(0, dtype=np.int16)) == 0.0


def test_silence_and_a_quiet_line_are_no_speech() -> None:
    activity = VoiceActivity()
    assert not any(activity.feed(noise(level)) for level in [0.0] * 50 + [20.0] * 50)


def test_words_are_heard_and_their_ends_kept() -> None:
    activity = VoiceActivity()
    for _ in range(50):
        activity.feed(noise(20))
    assert activity.feed(noise(2000))
    after = [activity.feed(noise(20)) for _ in range(HANG_FRAMES)]
    assert after == [True] * (HANG_FRAMES - 1) + [False]


def test_a_noisy_line_becomes_the_floor() -> None:
    activity = VoiceActivity()
    for _ in range(1000):
        activity.feed(noise(400))
    assert not activity.feed(noise(400))
    assert activity.feed(noise(6000))
