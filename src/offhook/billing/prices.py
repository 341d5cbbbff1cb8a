"""The price list, and how amounts are written. Pure.

Money is `Decimal` with five places and a currency. The seed list is deliberately plain: a cent for a text
segment and a cent for a started minute, either way; a deployment replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final

PLACES: Final = Decimal("0.00001")
CURRENCY: Final = "USD"


_CENT = Decimal("0.01000")
_SEED_MINUTE: Final = MappingProxyType({"inbound": _CENT, "outbound-api": _CENT, "outbound-dial": _CENT})
_SEED_SEGMENT: Final = MappingProxyType(
    {"inbound": _CENT, "outbound-api": _CENT, "outbound-call": _CENT, "outbound-reply": _CENT}
)


@dataclass(frozen=True, slots=True)
class PriceList:
    """What things cost, as positive amounts of `currency`.

    Attributes:
        minute: for each started minute of a call, by direction.
        segment: for each segment of a text message, by direction.
    """

    minute: Mapping[str, Decimal] = field(default_factory=lambda: _SEED_MINUTE)
    segment: Mapping[str, Decimal] = field(default_factory=lambda: _SEED_SEGMENT)
    currency: str = CURRENCY


SEED: Final = PriceList()


@dataclass(frozen=True, slots=True)
class Price:
    """What something cost: `amount` is zero or negative, with five places, as it is taken from the balance."""

    amount: Decimal
    currency: str = CURRENCY

    def __str__(self) -> str:
        """As the API writes it: `-0.01000`."""
        return f"{self.amount:f}"


def money(value: Decimal | int | str) -> Decimal:
    """A value with exactly five places, rounded half up; zero has no sign."""
    return Decimal(value).quantize(PLACES, rounding=ROUND_HALF_UP) + Decimal("0.00000")
