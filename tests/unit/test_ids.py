"""SIDs."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook import clock, ids

MILLISECONDS = st.integers(0, ids.MAX_MILLISECONDS)
ENTROPY = st.binary(min_size=10, max_size=10)


def test_a_sid_is_its_prefix_its_time_and_its_randomness() -> None:
    sid = ids.new_sid("CA", 0x0190_0000_00FF, bytes(range(10)))
    assert sid == "CA0190000000ff00010203040506070809"
    assert ids.sid_milliseconds(sid) == 0x0190_0000_00FF


@given(st.sampled_from(["AC", "CA", "SM", "PN", "RE"]), MILLISECONDS, ENTROPY)
def test_a_sid_has_the_form_that_programs_check(prefix: str, milliseconds: int, entropy: bytes) -> None:
    sid = ids.new_sid(prefix, milliseconds, entropy)
    assert re.fullmatch(r"[A-Z]{2}[0-9a-f]{32}", sid)
    assert ids.is_sid(sid)
    assert ids.is_sid(sid, "XX", prefix)
    assert not ids.is_sid(sid, "XX")


@given(MILLISECONDS, MILLISECONDS, ENTROPY, ENTROPY)
def test_sids_are_in_the_order_of_their_times(a: int, b: int, one: bytes, two: bytes) -> None:
    if a < b:
        assert ids.new_sid("CA", a, one) < ids.new_sid("CA", b, two)


@pytest.mark.parametrize(
    ("prefix", "milliseconds", "entropy"),
    [
        ("ca", 0, b"x" * 10),
        ("C", 0, b"x" * 10),
        ("CA", -1, b"x" * 10),
        ("CA", 1 << 48, b"x" * 10),
        ("CA", 0, b"x"),
    ],
)
def test_what_makes_no_sid_is_refused(prefix: str, milliseconds: int, entropy: bytes) -> None:
    with pytest.raises(ValueError, match=r"SID prefix|out of range|bytes"):
        ids.new_sid(prefix, milliseconds, entropy)


@pytest.mark.parametrize(
    "text", ["", "CA", "CA" + "g" * 32, "CA" + "A" * 32, "CA" + "0" * 32 + "\n", "ca" + "0" * 32]
)
def test_what_is_no_sid_is_recognized(text: str) -> None:
    assert not ids.is_sid(text)


def test_the_clock_makes_different_sids() -> None:
    made = {clock.new_sid("CA") for _ in range(10_000)}
    assert len(made) == 10_000
    assert clock.utcnow().utcoffset() is not None
