"""Loss and jitter by RFC 3550's appendix A, and whose packets are believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.rtp.latch import MAX_CANDIDATES, SILENT_SECONDS, Latch, Stream, Verdict
from offhook.rtp.stats import Reception

NAMED, NAT, STRANGER = ("192.0.2.1", 4000), ("192.0.2.1", 5555), ("198.51.100.9", 6000)


def reception(sequences: list[int]) -> Reception:
    stats = Reception(sequences[0], 0, 0)
    for index, sequence in enumerate(sequences):
        stats.receive(sequence & 0xFFFF, 160 * index, 160 * index)
    return stats


def test_loss_across_a_wrap() -> None:
    stats = reception([65534, 65535, 1, 2, 2, 4])
    assert (stats.expected, stats.received, stats.lost) == (7, 6, 1)
    assert stats.highest == 65536 + 4


def test_fraction_is_of_the_interval() -> None:
    stats = reception([1, 2, 4, 8])
    assert stats.fraction_lost() == 128
    assert stats.fraction_lost() == 0
    stats.receive(9, 0, 0)
    assert stats.fraction_lost() == 0


def test_restarted_sender_needs_two_packets() -> None:
    stats = reception([100, 101])
    assert not stats.receive(30000, 0, 0)
    assert stats.receive(30001, 0, 0)
    assert stats.receive(30002, 0, 0)
    assert stats.lost == 0


def test_jitter() -> None:
    stats = Reception(0, 0, 0)
    for index in range(200):
        stats.receive(index, 160 * index, 160 * index + (80 if index % 2 else 0))
    assert stats.jitter == pytest.approx(80, rel=0.01)


@given(
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2**32 - 1), st.integers(0, 2**40)), max_size=50)
)
def test_no_sequence_of_packets_breaks_it(packets: list[tuple[int, int, int]]) -> None:
    stats = Reception(5, 0, 0)
    for packet in packets:
        stats.receive(*packet)
        assert stats.lost >= 0
        assert 0 <= stats.fraction_lost() <= 255


def test_named_source_is_believed_at_once_and_for_good() -> None:
    latch = Latch(NAMED)
    assert latch.receive(NAMED, 1, 1, 0.0) is Verdict.LATCHED
    for sequence in range(20):
        assert latch.receive(STRANGER, 2, sequence, 0.1) is Verdict.REJECT


def test_translated_port_needs_two_packets_and_a_stranger_five() -> None:
    latch = Latch(NAMED)
    assert latch.receive(NAT, 1, 1, 0.0) is Verdict.REJECT
    assert latch.receive(NAT, 1, 2, 0.0) is Verdict.LATCHED
    latch = Latch(NAMED)
    verdicts = [latch.receive(STRANGER, 1, sequence, 0.0) for sequence in range(5)]
    assert verdicts == [Verdict.REJECT] * 4 + [Verdict.LATCHED]


def test_strangers_out_of_sequence_or_of_changing_ssrc_are_never_believed() -> None:
    latch = Latch(NAMED)
    for number in range(40):
        assert latch.receive(STRANGER, 1, number * 2, 0.0) is Verdict.REJECT
        assert latch.receive(("198.51.100.10", 1), number, number, 0.0) is Verdict.REJECT


def believed(latch: Latch, source: tuple[str, int]) -> Latch:
    """The latch when it believes a source, from enough packets."""
    for sequence in range(5):
        latch.receive(source, 1, sequence, 0.0)
    assert latch.source == source
    return latch


def test_named_source_replaces_any_other_however_late_it_comes() -> None:
    for other in (STRANGER, NAT):
        latch = believed(Latch(NAMED), other)
        assert latch.receive(NAMED, 2, 1, 4000.0) is Verdict.LATCHED
        assert latch.receive(other, 1, 5, 4000.0) is Verdict.REJECT


def test_named_host_replaces_a_stranger_but_not_itself() -> None:
    latch = believed(Latch(NAMED), STRANGER)
    assert [latch.receive(NAT, 2, sequence, 9.0) for sequence in (1, 2)] == [Verdict.REJECT, Verdict.LATCHED]
    other_port = ("192.0.2.1", 7777)
    assert {latch.receive(other_port, 3, sequence, 9.0) for sequence in range(9)} == {Verdict.REJECT}


REBOUND = ("198.51.100.9", 6001)


def test_silent_source_goes_on_from_another_port_of_its_host() -> None:
    latch = believed(Latch(NAMED), STRANGER)
    heard = Stream(ssrc=1, sequence=65530, heard_at=10.0)
    assert latch.receive(REBOUND, 1, 4, 10.0 + 2 * SILENT_SECONDS, heard) is Verdict.LATCHED
    assert latch.source == REBOUND


@pytest.mark.parametrize(
    ("source", "ssrc", "sequence", "after"),
    [
        (REBOUND, 1, 65531, SILENT_SECONDS / 2),
        (REBOUND, 2, 65531, 1.0),
        (REBOUND, 1, 65530, 1.0),
        (REBOUND, 1, 65000, 1.0),
        (REBOUND, 1, 9000, 1.0),
        (("198.51.100.10", 6000), 1, 65531, 1.0),
    ],
    ids=["still heard", "another SSRC", "the same packet", "an older packet", "a jump", "another host"],
)
def test_what_does_not_go_on_is_a_stranger(
    source: tuple[str, int], ssrc: int, sequence: int, after: float
) -> None:
    latch = believed(Latch(NAMED), STRANGER)
    heard = Stream(ssrc=1, sequence=65530, heard_at=10.0)
    assert latch.receive(source, ssrc, sequence, 10.0 + after, heard) is Verdict.REJECT


def test_many_strangers_take_no_memory() -> None:
    latch = Latch(NAMED)
    for port in range(1000):
        latch.receive(("203.0.113.1", port), 1, 1, 0.0)
    assert len(latch._candidates) == MAX_CANDIDATES
    assert [latch.receive(NAT, 9, sequence, 0.0) for sequence in (1, 2)] == [Verdict.REJECT, Verdict.LATCHED]
    assert latch.receive(NAMED, 1, 1, 0.0) is Verdict.LATCHED
