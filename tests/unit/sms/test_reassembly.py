"""Concatenation headers and putting segments together again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import RemoteProtocolError
from offhook.sms.concatenation import Part, pack_header, unpack_header
from offhook.sms.reassembly import REPEATED, Reassembler, Whole


def test_header_golden() -> None:
    assert pack_header(Part(0x1AB, 3, 2)) == bytes.fromhex("050003AB0302")
    assert unpack_header(bytes.fromhex("050003AB0302") + b"Hi") == (Part(0xAB, 3, 2), b"Hi")
    assert unpack_header(bytes.fromhex("06080401AB0302") + b"Hi") == (Part(0x1AB, 3, 2), b"Hi")


def test_other_elements_and_impossible_numbers_are_passed_over() -> None:
    assert unpack_header(bytes.fromhex("0B0504158A0000 0003050201") + b"x") == (Part(5, 2, 1), b"x")
    assert unpack_header(bytes.fromhex("050003AB0304") + b"x") == (None, b"x")
    assert unpack_header(bytes.fromhex("050003AB0000") + b"x") == (None, b"x")


@pytest.mark.parametrize("octets", [b"", b"\x05", bytes.fromhex("050004AB0302"), bytes.fromhex("0100FF")])
def test_malformed_headers(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack_header(octets)


@given(st.binary(max_size=60))
def test_garbage_headers(octets: bytes) -> None:
    try:
        _, rest = unpack_header(octets)
    except RemoteProtocolError:
        return
    assert octets.endswith(rest)


@given(st.permutations(range(1, 6)), st.lists(st.integers(1, 5), max_size=4))
def test_any_order_and_repeats(order: list[int], repeats: list[int]) -> None:
    reassembler: Reassembler[str, int] = Reassembler()
    arrivals = [*order[:-1], *(r for r in repeats if r != order[-1]), order[-1]]
    for number in arrivals[:-1]:
        assert reassembler.add("key", Part(7, 5, number), bytes((number,)), number, 0.0) is None
    whole = reassembler.add("key", Part(7, 5, arrivals[-1]), bytes((arrivals[-1],)), 0, 0.0)
    assert isinstance(whole, Whole)
    assert (whole.runs, whole.segments, whole.missing) == ((b"\1\2\3\4\5",), 5, 0)
    assert len(whole.tokens) == len(arrivals)
    assert len(reassembler) == 0


def test_texts_of_others_do_not_mix() -> None:
    reassembler: Reassembler[str, None] = Reassembler()
    assert reassembler.add("a", Part(1, 2, 1), b"a", None, 0.0) is None
    assert reassembler.add("b", Part(1, 2, 2), b"b", None, 0.0) is None
    assert reassembler.add("a", Part(2, 2, 2), b"c", None, 0.0) is None
    whole = reassembler.add("a", Part(1, 2, 2), b"d", None, 0.0)
    assert isinstance(whole, Whole)
    assert whole.runs == (b"ad",)


def test_expiry_and_flood() -> None:
    reassembler: Reassembler[str, str] = Reassembler(expiry=10, max_texts=2)
    for reference in range(3):
        reassembler.add("k", Part(reference, 2, 1), b"x", str(reference), float(reference))
    (flooded,) = reassembler.expire(3.0)
    assert (flooded.tokens, flooded.missing) == (("0",), 1)
    assert [given_up.tokens for given_up in reassembler.expire(11.5)] == [("1",)]
    assert reassembler.expire(11.5) == []


def test_a_segment_repeated_after_the_text_was_whole_begins_no_text() -> None:
    reassembler: Reassembler[str, None] = Reassembler(expiry=10)
    reassembler.add("k", Part(1, 2, 1), b"a", None, 0.0)
    assert isinstance(reassembler.add("k", Part(1, 2, 2), b"b", None, 0.0), Whole)
    assert reassembler.add("k", Part(1, 2, 2), b"b", None, 1.0) is REPEATED
    assert reassembler.add("k", Part(1, 2, 1), b"a", None, 1.0) is REPEATED
    assert len(reassembler) == 0
    # Other octets are another text, and so is the same long afterwards.
    assert reassembler.add("k", Part(1, 2, 1), b"c", None, 2.0) is None
    assert reassembler.add("other", Part(1, 2, 1), b"a", None, 2.0) is None
    assert reassembler.expire(12.0)[0].missing == 1
    assert reassembler.add("k", Part(1, 2, 1), b"a", None, 12.0) is None


def test_what_is_missing_leaves_a_gap() -> None:
    reassembler: Reassembler[str, None] = Reassembler(expiry=10)
    for number in (2, 3, 6):
        reassembler.add("k", Part(1, 7, number), bytes((96 + number,)), None, 0.0)
    (given_up,) = reassembler.expire(10.0)
    assert (given_up.runs, given_up.segments, given_up.missing) == ((b"", b"bc", b"f", b""), 3, 4)


def test_incomplete_texts_are_bounded_in_octets() -> None:
    reassembler: Reassembler[str, int] = Reassembler(max_octets=10_000)
    for reference in range(100):
        reassembler.add("k", Part(reference, 255, 1), bytes(140), reference, 0.0)
        for given_up in reassembler.expire(0.0):
            assert given_up.tokens[0] < reference
    assert len(reassembler) < 35
