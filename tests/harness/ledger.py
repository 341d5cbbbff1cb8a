"""The arithmetic of a ledger: entries in order, each with the balance after it. Pure.

`offhook.store.ledger` does the same in SQL; tests check it against this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from offhook.billing.prices import money


@dataclass(frozen=True, slots=True)
class Line:
    """A movement (`amount`, negative takes) and the balance it leaves."""

    amount: Decimal
    balance: Decimal


class LedgerError(ValueError):
    """A ledger does not add up."""


def run(amounts: Iterable[Decimal], opening: Decimal = Decimal(0)) -> list[Line]:
    """The lines that `amounts` make, one after the other, from an opening balance."""
    lines: list[Line] = []
    balance = money(opening)
    for amount in amounts:
        balance = money(balance + amount)
        lines.append(Line(money(amount), balance))
    return lines


def verify(lines: Iterable[Line], opening: Decimal = Decimal(0)) -> Decimal:
    """Check that each balance is the one before plus its amount, and return the last.

    Raises:
        LedgerError: one is not; the message says which.
    """
    balance = money(opening)
    for number, line in enumerate(lines, 1):
        expected = money(balance + line.amount)
        if line.balance != expected:
            raise LedgerError(
                f"line {number}: balance {line.balance}, but {balance} + {line.amount} = {expected}"
            )
        balance = line.balance
    return balance
