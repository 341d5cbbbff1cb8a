"""Money: an append-only ledger with a running balance for each account.

An entry is unique for its resource and kind, so that booking one again changes nothing. Entries of an account
are made one transaction at a time (its row of `balances` is locked), hence their ids and balances run in
the same order: the balance of each is that of the one before plus its own amount.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from offhook.store.database import Connection, Database
from offhook.store.records import CURRENCY, LedgerEntry
from offhook.store.sql import columns, loads

_LOCK: Final = """
    INSERT INTO balances (account_sid, balance, currency)
    SELECT account_sid, 0, $2 FROM unnest($1::text[]) AS accounts(account_sid)
    ON CONFLICT (account_sid) DO UPDATE SET balance = balances.balance
"""

_POST: Final = """
    WITH fresh AS (
        SELECT account_sid, resource_sid, kind, amount, position,
            sum(amount) OVER (PARTITION BY account_sid ORDER BY position) AS running
        FROM unnest($1::text[], $2::text[], $3::text[], $4::numeric[])
            WITH ORDINALITY AS input(account_sid, resource_sid, kind, amount, position)
        WHERE NOT EXISTS (
            SELECT FROM ledger WHERE ledger.resource_sid = input.resource_sid AND ledger.kind = input.kind)),
    booked AS (
        INSERT INTO ledger (account_sid, resource_sid, kind, amount, balance, currency)
        SELECT account_sid, resource_sid, kind, amount, balances.balance + running, $5
        FROM fresh JOIN balances USING (account_sid)
        ORDER BY position
        RETURNING account_sid, amount)
    UPDATE balances SET balance = balances.balance + total
    FROM (SELECT account_sid, sum(amount) AS total FROM booked GROUP BY account_sid) AS totals
    WHERE balances.account_sid = totals.account_sid
"""


def booking(kind: str, charged: str, currency: str) -> str:
    """The parts of a larger statement, for its WITH, that book what its other parts find to be due.

    Each resource that is due must not have been booked. The balances are locked in the order of their accounts.

    Args:
        charged: the rows that are due, from FROM on: they have account_sid, sid, price and position.
        currency: the number of the argument that has it, such as `$9`.
    """
    return f"""
    charges AS (
        SELECT account_sid, sid, price, position,
            sum(price) OVER (PARTITION BY account_sid ORDER BY position) AS running
        FROM {charged}),
    totals AS (SELECT account_sid, sum(price) AS total FROM charges GROUP BY account_sid ORDER BY account_sid),
    booked AS (
        INSERT INTO balances (account_sid, balance, currency) SELECT account_sid, total, {currency} FROM totals
        ON CONFLICT (account_sid) DO UPDATE SET balance = balances.balance + excluded.balance
        RETURNING account_sid, balance),
    entered AS (
        INSERT INTO ledger (account_sid, resource_sid, kind, amount, balance, currency)
        SELECT account_sid, sid, '{kind}', price, balance - total + running, {currency}
        FROM charges JOIN booked USING (account_sid) JOIN totals USING (account_sid)
        ORDER BY position)"""


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount to book: negative takes from the account. `kind`: call, message, recording, credit."""

    account_sid: str
    resource_sid: str
    kind: str
    amount: Decimal


class Ledger:
    """Reads and books money. Calls and messages are booked by their repositories, within their own commit."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def post(self, postings: Sequence[Posting]) -> None:
        """Book `postings`; those that are booked already are passed over."""
        await self._database.transact(lambda connection: post(connection, postings))

    async def balance(self, account_sid: str) -> Decimal:
        """What the account has, in its currency; negative when it owes."""
        value = await self._database.fetchval(
            "SELECT balance FROM balances WHERE account_sid = $1", account_sid
        )
        return Decimal("0.00000") if value is None else Decimal(value)

    async def entries(self, account_sid: str, after: int = 0, limit: int = 1000) -> list[LedgerEntry]:
        """Entries of an account in the order they were booked, from the one after id `after`."""
        rows = await self._database.fetch(
            f"SELECT {columns(LedgerEntry)} FROM ledger WHERE account_sid = $1 AND id > $2 "
            "ORDER BY id LIMIT $3",
            account_sid,
            after,
            limit,
        )
        return loads(LedgerEntry, rows)


async def post(connection: Connection, postings: Sequence[Posting]) -> None:
    """Book `postings` in the transaction of `connection`; those that are booked already are passed over."""
    postings = [posting for posting in postings if posting.amount]
    if not postings:
        return
    accounts = sorted({posting.account_sid for posting in postings})
    await connection.execute(_LOCK, accounts, CURRENCY)
    await connection.execute(
        _POST,
        [posting.account_sid for posting in postings],
        [posting.resource_sid for posting in postings],
        [posting.kind for posting in postings],
        [posting.amount for posting in postings],
        CURRENCY,
    )
