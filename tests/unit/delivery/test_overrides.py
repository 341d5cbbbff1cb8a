"""Connection overrides in a URL's fragment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.delivery.overrides import InvalidRetryPolicyError, Overrides, read_overrides


def test_defaults() -> None:
    assert read_overrides("", Overrides()) == Overrides(1, frozenset({"ct"}), 5.0, 15.0, 15.0)
    assert read_overrides("top", Overrides()) == Overrides()


def test_everything_can_be_set() -> None:
    overrides = read_overrides("rc=3&rp=5xx,ct&ct=2000&rt=4000&tt=9000&e=ashburn&sni=y", Overrides())
    assert overrides == Overrides(3, frozenset({"5xx", "ct"}), 2.0, 4.0, 9.0)


def test_all_is_every_policy() -> None:
    assert read_overrides("rp=all", Overrides()).retry_on == {"4xx", "5xx", "ct", "rt"}


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [("rc=9", 5), ("rc=0", 0), ("rc=-1", 1), ("rc=x", 1), ("rc=٣", 1), ("rc=99999999999", 1)],
)
def test_the_number_of_retries_is_bounded(fragment: str, expected: int) -> None:
    assert read_overrides(fragment, Overrides()).retries == expected


def test_times_are_brought_into_their_ranges() -> None:
    overrides = read_overrides("ct=1&rt=999999&tt=20000", Overrides())
    assert (overrides.connect_timeout, overrides.read_timeout, overrides.total_timeout) == (0.1, 15.0, 15.0)


def test_an_unknown_policy_is_an_error() -> None:
    with pytest.raises(InvalidRetryPolicyError):
        read_overrides("rp=ct,sometimes", Overrides())


@given(st.text(max_size=200))
def test_any_fragment_gives_usable_overrides(fragment: str) -> None:
    try:
        overrides = read_overrides(fragment, Overrides())
    except InvalidRetryPolicyError:
        return
    assert 0 <= overrides.retries <= 5
    assert 0.1 <= overrides.connect_timeout <= 10 and 0.1 <= overrides.total_timeout <= 15
