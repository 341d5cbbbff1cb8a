"""The jitter buffer as transcripts on a clock of ticks: what is played when packets come in such an order,
at such times.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.audio.g711 import Samples, ulaw_decode
from offhook.rtp.jitter import MAX_DELAY_FRAMES, REVIEW_TICKS, JitterBank

SLOT = np.array([0])
BASE = 0xFFFFFF00
"""Timestamps wrap at the second packet."""


def payload(number: int) -> bytes:
    return bytes([number % 100 + 1]) * 160


def bank_of_one() -> JitterBank:
    bank = JitterBank(1)
    bank.reset(0)
    return bank


def resident() -> int:
    """Bytes of memory that this process has touched (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_slots_without_legs_take_little_memory() -> None:
    before = resident()
    bank = JitterBank(20_000)
    assert resident() - before < 20_000_000
    bank.reset(19_999)


def put(bank: JitterBank, number: int, timestamp: int | None = None) -> bool:
    """A packet as the worker puts it: as a frame if it fits, else by itself."""
    at = (BASE + 160 * number if timestamp is None else timestamp) & 0xFFFFFFFF
    row = np.frombuffer(payload(number), dtype=np.uint8)[None, :]
    if bank.put_frames(SLOT, np.array([at], dtype=np.uint32), row)[0]:
        return True
    return bank.put(0, at, payload(number))


def played(bank: JitterBank) -> str:
    """What a tick plays: a packet's number, `-` for a missing frame, `.` before there is anything."""
    frames, missing, begun = bank.take(SLOT)
    if missing[0]:
        return "-" if begun[0] else "."
    numbers = {
        number for number in range(100) if ulaw_decode(np.array([number + 1], np.uint8))[0] == frames[0, 0]
    }
    return str(min(numbers))


def transcript(arrivals: dict[int, list[int]], ticks: int) -> str:
    """Packets arrive before the ticks named, and this is what the ticks play."""
    bank = bank_of_one()
    out = []
    for tick in range(ticks):
        for number in arrivals.get(tick, []):
            put(bank, number)
        out.append(played(bank))
    return " ".join(out)


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        ({0: [0], 1: [1], 2: [2], 3: [3]}, ". . 0 1 2 3 - -"),
        ({0: [0], 1: [], 2: [2, 1], 3: [3]}, ". . 0 1 2 3 - -"),
        ({0: [0], 1: [1], 2: [1, 1], 3: [3], 4: [4]}, ". . 0 1 - 3 4 -"),
        ({0: [0], 1: [1], 3: [3], 4: [2], 5: [4]}, ". . 0 1 2 3 4 -"),
        ({0: [0, 1, 2, 3, 4, 5]}, ". . 0 1 2 3 4 5"),
        ({3: [0], 4: [1]}, ". . . . . 0 1 -"),
    ],
)
def test_order_loss_and_duplicates(arrivals: dict[int, list[int]], expected: str) -> None:
    assert transcript(arrivals, 8) == expected


def test_delay_grows_when_packets_are_late() -> None:
    arrivals = {tick: [tick] for tick in range(5)} | {tick: [tick - 3] for tick in range(8, 20)}
    heard = transcript(arrivals, 20).split()
    assert heard[2:7] == ["0", "1", "2", "3", "4"]
    assert heard[-5:] == [str(number) for number in range(12, 17)]


@pytest.mark.parametrize(("most", "delay"), [(0, 0), (1, 1), (2, 2), (3, 3), (6, 6), (12, 8), (100, 8)])
def test_lateness_delays_by_no_more_than_is_allowed(most: int, delay: int) -> None:
    bank = bank_of_one()
    bank.allow(0, most)
    ticks = 90
    for tick in range(ticks):
        # Time and again nothing comes for eight ticks, and then all that was due.
        wave = tick % 10
        for number in range(tick - 8, tick + 1) if wave == 9 else [tick] if wave == 0 else []:
            put(bank, number)
        heard = played(bank)
    assert (heard, bank.late[0] > 0) == (str(ticks - 1 - delay), True)


def test_a_buffer_that_is_longer_than_allowed_is_shortened() -> None:
    bank = bank_of_one()
    for number in range(10):
        put(bank, number)
        bank.take(SLOT)
    assert bank.delay_frames(0) == 2
    bank.allow(0, 0)
    for number in range(10, 10 + 2 * REVIEW_TICKS):
        put(bank, number)
        heard = played(bank)
    assert (bank.delay_frames(0), bank.skipped[0], heard) == (0, 2, str(number % 100))
    bank.reset(0)
    assert transcript({0: [0], 1: [1]}, 4) == ". . 0 1"


def test_delay_shrinks_after_a_while_without_jitter() -> None:
    bank = bank_of_one()
    for number in range(4):
        put(bank, number)
    number = 4
    for _ in range(4 * REVIEW_TICKS):
        put(bank, number)
        number += 1
        bank.take(SLOT)
    assert bank.skipped[0] == 5
    assert bank.delay_frames(0) == 1


def test_slow_sender_is_followed_for_ever() -> None:
    """A clock 2 % slow: a packet is missing every 50 ticks, and the delay stays bounded."""
    bank, number, missing = bank_of_one(), 0, 0
    for tick in range(5000):
        if tick % 50:
            put(bank, number)
            number += 1
        missing += played(bank) == "-"
    assert missing < 250
    assert bank.late[0] < 150
    assert bank.delay_frames(0) <= MAX_DELAY_FRAMES


def test_fast_sender_is_followed_for_ever() -> None:
    bank, number = bank_of_one(), 0
    for tick in range(5000):
        for _ in range(2 if tick % 100 == 0 else 1):
            put(bank, number)
            number += 1
        bank.take(SLOT)
    assert bank.delay_frames(0) < 8
    assert bank.late[0] == 0


def test_new_clock_starts_anew() -> None:
    bank = bank_of_one()
    for number in range(6):
        put(bank, number)
        bank.take(SLOT)
    heard = []
    for number in range(10, 16):
        put(bank, number, 5_000_123 + 160 * number)
        heard.append(played(bank))
    assert heard == [".", ".", "10", "11", "12", "13"]


def test_clock_set_back_a_little_starts_anew_after_some_late_packets() -> None:
    bank = bank_of_one()
    for number in range(20):
        put(bank, number)
        bank.take(SLOT)
    heard = []
    for number in range(20, 60):
        put(bank, number, BASE + 160 * (number - 15))
        heard.append(played(bank))
    assert heard[-5:] == ["53", "54", "55", "56", "57"]


@pytest.mark.parametrize("size", [80, 240, 320, 480, 33])
def test_other_packet_times(size: int) -> None:
    bank = bank_of_one()
    samples = (np.arange(4800) % 250).astype(np.uint8)
    samples[samples == 127] = 128
    out: list[Samples] = []
    at = 0
    for _ in range(28):
        while at < len(samples) and at < 160 * (len(out) + 1):
            assert bank.put(0, BASE + at & 0xFFFFFFFF, samples[at : at + size].tobytes())
            at += size
        frames, missing, begun = bank.take(SLOT)
        if begun[0] and not missing[0]:
            out.append(frames[0])
        elif not begun[0]:
            continue
    heard = np.concatenate(out)
    assert (heard == ulaw_decode(samples)[: len(heard)]).all()
    assert len(heard) > 3000


def test_absurd_payloads_are_dropped() -> None:
    bank = bank_of_one()
    assert not bank.put(0, 0, b"")
    assert not bank.put(0, 0, b"\x00" * 1400)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 2**32 - 1) | st.integers(0, 20000), st.binary(max_size=400)), max_size=60
    )
)
def test_anything_may_come(packets: list[tuple[int, bytes]]) -> None:
    bank = bank_of_one()
    for timestamp, data in packets:
        bank.put(0, timestamp, data, follows=timestamp % 2 == 0)
        frames, _, _ = bank.take(SLOT)
        assert frames.shape == (1, 160)
