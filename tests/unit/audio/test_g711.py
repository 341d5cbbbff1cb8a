"""G.711: known codes, every byte round trip, and signal to noise."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.audio import g711

CODECS = [(g711.ulaw_encode, g711.ulaw_decode), (g711.alaw_encode, g711.alaw_decode)]


def test_known_ulaw_codes() -> None:
    codes = np.array([0x00, 0x80, 0x7F, 0xFF, 0x0F, 0xF0], dtype=np.uint8)
    assert g711.ulaw_decode(codes).tolist() == [-32124, 32124, 0, 0, -16764, 120]
    samples = np.array([0, 32767, -32768, 8, -8], dtype=np.int16)
    assert g711.ulaw_encode(samples).tolist() == [0xFF, 0x80, 0x00, 0xFE, 0x7E]


def test_known_alaw_codes() -> None:
    codes = np.array([0xD5, 0x55, 0xAA, 0x2A], dtype=np.uint8)
    assert g711.alaw_decode(codes).tolist() == [8, -8, 32256, -32256]
    samples = np.array([0, 32767, -32768, 16, -1], dtype=np.int16)
    assert g711.alaw_encode(samples).tolist() == [0xD5, 0xAA, 0x2A, 0xD4, 0x55]


@pytest.mark.parametrize(("encode", "decode"), CODECS)
def test_every_code_encodes_to_itself(encode, decode) -> None:  # type: ignore[no-untyped-def]
    codes = np.arange(256, dtype=np.uint8)
    again = encode(decode(codes))
    different = np.flatnonzero(codes != again)
    assert set(different) <= {0x7F}


@pytest.mark.parametrize(("encode", "decode"), CODECS)
@pytest.mark.parametrize("amplitude", [300, 3000, 30000])
def test_signal_to_noise(encode, decode, amplitude: int) -> None:  # type: ignore[no-untyped-def]
    sine = (np.sin(np.arange(8000) * 0.771) * amplitude).astype(np.int16)
    noise = sine.astype(float) - decode(encode(sine))
    decibels = 10 * np.log10((sine.astype(float) ** 2).mean() / (noise**2).mean())
    assert decibels > (28 if amplitude < 1000 else 36)


@pytest.mark.parametrize(("encode", "decode"), CODECS)
def test_error_is_at_most_half_a_step(encode, decode) -> None:  # type: ignore[no-untyped-def]
    samples = np.arange(-32000, 32001).astype(np.int16)
    error = np.abs(decode(encode(samples)).astype(int) - samples)
    assert (error <= np.maximum(16, np.abs(samples.astype(int)) / 31 + 5)).all()


def test_rows_of_both_laws_at_once() -> None:
    laws = np.array([0, 1, 1, 0])
    codes = np.arange(4 * 256, dtype=np.uint16).astype(np.uint8).reshape(4, 256)
    heard = g711.decode_rows(laws, codes)
    for law, row, samples in zip(laws, codes, heard, strict=True):
        assert (samples == (g711.alaw_decode if law else g711.ulaw_decode)(row)).all()
    sent = g711.encode_rows(laws, heard)
    for law, row, samples in zip(laws, sent, heard, strict=True):
        assert (row == (g711.alaw_encode if law else g711.ulaw_encode)(samples)).all()


def test_no_rows() -> None:
    none = np.zeros(0, dtype=np.intp)
    assert g711.decode_rows(none, np.zeros((0, 160), dtype=np.uint8)).shape == (0, 160)
    assert g711.encode_rows(none, np.zeros((0, 160), dtype=np.int16)).shape == (0, 160)
