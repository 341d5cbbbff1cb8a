"""WAV files as others write them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from offhook.audio import g711, wav

SAMPLES = np.array([0, 1000, -1000, 32767, -32768], dtype=np.int16)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


def form(encoding: int, bits: int, channels: int = 1, rate: int = 8000, rest: bytes = b"") -> bytes:
    """A fmt chunk."""
    block = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", encoding, channels, rate, rate * block, block, bits) + rest)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_what_is_written_is_read() -> None:
    read = wav.read(wav.write(SAMPLES, rate=16000))
    assert read.rate == 16000
    assert read.mono.tolist() == SAMPLES.tolist()


def test_channels_are_kept_and_averaged() -> None:
    both = np.stack([SAMPLES // 2, np.zeros_like(SAMPLES)], axis=1)
    read = wav.read(wav.write(both))
    assert read.samples.tolist() == both.tolist()
    assert read.mono.tolist() == [0, 250, -250, 8191, -8192]


@pytest.mark.parametrize(
    ("encoding", "bits", "data", "heard"),
    [
        (1, 8, b"\x00\x80\xff", [-32768, 0, 32512]),
        (7, 8, bytes(g711.ulaw_encode(SAMPLES)), g711.ulaw_decode(g711.ulaw_encode(SAMPLES)).tolist()),
        (6, 8, bytes(g711.alaw_encode(SAMPLES)), g711.alaw_decode(g711.alaw_encode(SAMPLES)).tolist()),
    ],
    ids=["8 bits", "mu-law", "A-law"],
)
def test_encodings(encoding: int, bits: int, data: bytes, heard: list[int]) -> None:
    assert wav.read(riff(form(encoding, bits), chunk(b"data", data))).mono.tolist() == heard


def test_the_extensible_form_names_its_encoding_further_on() -> None:
    rest = struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14)
    read = wav.read(riff(form(0xFFFE, 16, rest=rest), chunk(b"data", SAMPLES.tobytes())))
    assert read.mono.tolist() == SAMPLES.tolist()


def test_chunks_of_other_kinds_and_odd_lengths_are_passed_over() -> None:
    read = wav.read(riff(form(1, 16), chunk(b"LIST", b"odd"), chunk(b"data", SAMPLES.tobytes())))
    assert read.mono.tolist() == SAMPLES.tolist()


def test_audio_ends_with_the_file_and_with_a_whole_sample() -> None:
    """As in a file whose writer was killed."""
    assert wav.read(wav.write(SAMPLES)[:-3]).mono.tolist() == SAMPLES[:-2].tolist()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a RIFF WAVE file"),
        (b"RIFF....AVI and more", "not a RIFF WAVE file"),
        (riff(form(1, 16)), "no audio"),
        (riff(chunk(b"fmt ", b"short"), chunk(b"data", b"")), "cut short"),
        (riff(form(1, 16, channels=0), chunk(b"data", b"")), "0 channels"),
        (riff(form(1, 16, channels=9), chunk(b"data", b"")), "9 channels"),
        (riff(form(1, 16, rate=1), chunk(b"data", b"")), "at 1 Hz"),
        (riff(chunk(b"data", b"12")), "before its format"),
        (riff(form(1, 4), chunk(b"data", b"12")), "4 bits a sample"),
        (riff(form(3, 32), chunk(b"data", b"1234")), "encoding 3 of 32 bits"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, why: str) -> None:
    with pytest.raises(wav.WavError, match=why):
        wav.read(data)
