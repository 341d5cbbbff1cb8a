"""Other sample rates."""

from __future__ import annotations

import numpy as np

from offhook.audio.resample import StreamResampler, resample

TONE = (8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)).astype(np.int16)


def test_a_tone_is_as_long_and_as_loud_at_another_rate() -> None:
    heard = resample(TONE, 16000, 8000)
    assert len(heard) == 8000
    wanted = 8000 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    assert np.abs(heard[200:-200] - wanted[200:-200]).max() < 80


def test_nothing_to_change() -> None:
    assert resample(TONE, 8000, 8000) is TONE
    assert len(resample(TONE[:0], 16000, 8000)) == 0


def test_pieces_make_the_same_as_the_whole() -> None:
    stream = StreamResampler(16000, 8000)
    pieces = [stream.feed(TONE[start : start + 320]) for start in range(0, len(TONE), 320)]
    heard = np.concatenate([*pieces, stream.feed(TONE[:0], last=True)])
    whole = resample(TONE, 16000, 8000)
    assert len(heard) == len(whole)
    assert np.abs(heard.astype(np.int32) - whole).max() <= 2
