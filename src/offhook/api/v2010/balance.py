"""Balance: what an account has left. https://www.twilio.com/docs/usage/api (Balance)"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from offhook.api.operations import Context, Resource
from offhook.store.records import CURRENCY


@dataclass(frozen=True, slots=True)
class Balance:
    """The sum of an account's ledger: negative when it owes."""

    account_sid: str
    balance: Decimal
    currency: str = CURRENCY


balances = Resource(Balance)


@balances.operation("FetchBalance")
async def fetch_balance(context: Context) -> Balance:
    """The balance now."""
    sid = context.account.sid
    return Balance(sid, await context.store.ledger.balance(sid))
