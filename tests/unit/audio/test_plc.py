"""Concealment: a lost frame of a tone is nearly the tone, a long gap is silence, and good audio is not touched."""

from __future__ import annotations

import numpy as np

from offhook.audio.plc import Concealer


def test_lost_frame_of_a_voice_goes_on() -> None:
    at = np.arange(160 * 20)
    voice = sum(np.sin(2 * np.pi * 125 * k * at / 8000) * 4000 / k for k in range(1, 6))
    frames = np.asarray(voice, dtype=np.int16).reshape(-1, 1, 160)
    concealer, slot = Concealer(1), np.array([0])
    good, lost = np.array([False]), np.array([True])
    for number in range(10):
        original = frames[number].copy()
        concealer.process(slot, frames[number], good)
        assert (frames[number] == original).all()
    made = np.zeros((1, 160), dtype=np.int16)
    assert concealer.process(slot, made, lost).tolist() == [0]
    error = made[0, :80].astype(float) - frames[10][0, :80]
    assert (error**2).mean() < 0.1 * (frames[10][0].astype(float) ** 2).mean()


def test_long_gap_fades_to_silence_and_comes_back_smoothly() -> None:
    frame = np.tile((np.sin(np.arange(80) * 2 * np.pi / 80) * 8000).astype(np.int16), (1, 2))
    concealer, slot = Concealer(1), np.array([0])
    for _ in range(4):
        concealer.process(slot, frame.copy(), np.array([False]))
    levels, counted = [], 0
    for _ in range(5):
        made = frame.copy()
        counted += len(concealer.process(slot, made, np.array([True])))
        levels.append(int(np.abs(made.astype(int)).max()))
    assert counted == 3
    assert levels[0] > levels[1] > levels[2] > 0
    assert levels[3:] == [0, 0]
    back = frame.copy()
    concealer.process(slot, back, np.array([False]))
    assert abs(int(back[0, 0])) < 300
    assert (back[0, 40:] == frame[0, 40:]).all()


def test_only_missing_rows_are_filled() -> None:
    concealer, slots = Concealer(8), np.array([5, 2, 7])
    frames = np.random.default_rng(1).integers(-9000, 9000, (3, 160)).astype(np.int16)
    before = frames.copy()
    concealer.process(slots, frames, np.array([False, True, False]))
    assert (frames[[0, 2]] == before[[0, 2]]).all()
    assert not frames[1].any()
