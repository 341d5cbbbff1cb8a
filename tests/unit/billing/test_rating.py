"""Prices, rating, and the arithmetic of the ledger."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness.ledger import LedgerError, Line, run, verify

from offhook.billing.prices import PriceList, money
from offhook.billing.rating import rate_call, rate_message, started_minutes

AMOUNTS = st.lists(st.decimals(-1000, 1000, places=5, allow_nan=False))


@pytest.mark.parametrize(
    ("seconds", "price"),
    [
        (0, "0.00000"),
        (-1, "0.00000"),
        (1, "-0.01000"),
        (60, "-0.01000"),
        (61, "-0.02000"),
        (3600, "-0.60000"),
    ],
)
def test_each_started_minute_of_a_call_costs_a_cent(seconds: int, price: str) -> None:
    for direction in ("inbound", "outbound-api", "outbound-dial"):
        assert str(rate_call(direction, seconds)) == price


@pytest.mark.parametrize(("segments", "price"), [(0, "0.00000"), (1, "-0.01000"), (3, "-0.03000")])
def test_each_segment_of_a_text_costs_a_cent(segments: int, price: str) -> None:
    for direction in ("inbound", "outbound-api", "outbound-call", "outbound-reply"):
        assert str(rate_message(direction, segments)) == price


def test_a_deployment_has_its_own_list() -> None:
    prices = PriceList({"inbound": Decimal("0.0085")}, {"inbound": Decimal("0.00755")}, "EUR")
    assert str(rate_call("inbound", 130, prices)) == "-0.02550"
    assert rate_message("inbound", 1, prices).currency == "EUR"
    with pytest.raises(KeyError):
        rate_call("outbound-api", 1, prices)


@given(st.integers(0, 10**6))
def test_a_minute_has_started_as_soon_as_a_second_of_it_has(seconds: int) -> None:
    assert (started_minutes(seconds) - 1) * 60 < max(seconds, 0) <= started_minutes(
        seconds
    ) * 60 or not seconds


@given(AMOUNTS, st.decimals(-1000, 1000, places=5, allow_nan=False))
def test_a_ledger_adds_up(amounts: list[Decimal], opening: Decimal) -> None:
    lines = run(amounts, opening)
    assert verify(lines, opening) == money(opening + sum(amounts, Decimal(0)))


def test_a_ledger_that_does_not_add_up_is_found() -> None:
    lines = [*run([Decimal(1), Decimal(2)]), Line(Decimal(1), Decimal("4.00001"))]
    with pytest.raises(LedgerError, match="line 3"):
        verify(lines)


def test_money_has_five_places_and_zero_no_sign() -> None:
    assert str(money("-0.000001")) == "0.00000"
    assert str(money("0.000005")) == "0.00001"
