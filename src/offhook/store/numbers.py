"""Phone numbers of accounts (IncomingPhoneNumbers), and what answers calls and texts to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from offhook.store.cache import Cache, notify
from offhook.store.database import Connection, Database
from offhook.store.paging import Conditions, Page, PageResult, list_page
from offhook.store.records import NumberRecord
from offhook.store.sql import column_names, columns, load, values

_ALL = columns(NumberRecord)
_FIXED = frozenset({"sid", "phone_number", "date_created", "date_updated"})
WRITABLE = frozenset(column_names(NumberRecord)) - _FIXED
"""The fields that `Numbers.update` takes; `account_sid` moves the number to another account."""


class NumberTakenError(Exception):
    """The phone number belongs to somebody already (REST 21422)."""


@dataclass(frozen=True, slots=True)
class NumberFilters:
    """Filters of a list of numbers; None filters nothing.

    `phone_number` may be a part of a number, with `*` for any one digit, as Twilio takes it.
    """

    phone_number: str | None = None
    friendly_name: str | None = None
    beta: bool | None = None
    origin: str | None = None


class Numbers:
    """The repository of phone numbers.

    Attributes:
        cached: numbers by E.164, for what is asked with each call and text: `await
        numbers.cached.get("+1…")`.
    """

    KIND = "number"

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cached: Cache[NumberRecord] = Cache(self.find_by_number)

    async def fetch(self, account_sid: str, sid: str) -> NumberRecord | None:
        """A number of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM numbers WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(NumberRecord, row)

    async def find_by_number(self, phone_number: str) -> NumberRecord | None:
        """The number with this E.164 form, whosever it is, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM numbers WHERE phone_number = $1", phone_number
        )
        return None if row is None else load(NumberRecord, row)

    async def create(self, number: NumberRecord) -> None:
        """Add a number.

        Raises:
            NumberTakenError: somebody has it, be it under another SID.
        """

        async def create(connection: Connection) -> None:
            marks = ", ".join(f"${at}" for at in range(1, len(values(number)) + 1))
            await connection.execute(
                f"INSERT INTO numbers ({_ALL}) VALUES ({marks}) ON CONFLICT (sid) DO NOTHING", *values(number)
            )
            await notify(connection, self.KIND, number.phone_number)

        try:
            await self._database.transact(create)
        except asyncpg.UniqueViolationError as error:
            raise NumberTakenError(number.phone_number) from error
        self.cached.drop(number.phone_number)

    async def list_page(
        self, account_sid: str, filters: NumberFilters, page: Page
    ) -> PageResult[NumberRecord]:
        """Numbers of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("friendly_name", filters.friendly_name)
        conditions.equal("beta", filters.beta)
        conditions.equal("origin", filters.origin)
        if filters.phone_number is not None:
            conditions.add("phone_number LIKE {}", _like(filters.phone_number))
        return await list_page(self._database, "numbers", NumberRecord, conditions, page)

    async def update(self, account_sid: str, sid: str, changes: Mapping[str, Any]) -> NumberRecord | None:
        """Set the columns of `changes` (of `WRITABLE`) and return the number; None if there is none.

        Raises:
            ValueError: a change names no writable column.
        """
        if unknown := changes.keys() - WRITABLE:
            raise ValueError(f"not writable: {sorted(unknown)}")
        sets = "".join(f'"{name}" = ${at}, ' for at, name in enumerate(changes, 3))

        async def update(connection: Connection) -> NumberRecord | None:
            row = await connection.fetchrow(
                f"UPDATE numbers SET {sets}date_updated = now() "
                f"WHERE sid = $1 AND account_sid = $2 RETURNING {_ALL}",
                sid,
                account_sid,
                *changes.values(),
            )
            return None if row is None else await self._changed(connection, load(NumberRecord, row))

        number = await self._database.transact(update)
        if number is not None:
            self.cached.drop(number.phone_number)
        return number

    async def delete(self, account_sid: str, sid: str) -> bool:
        """Give a number back; False if there is none."""

        async def delete(connection: Connection) -> NumberRecord | None:
            row = await connection.fetchrow(
                f"DELETE FROM numbers WHERE sid = $1 AND account_sid = $2 RETURNING {_ALL}", sid, account_sid
            )
            return None if row is None else await self._changed(connection, load(NumberRecord, row))

        number = await self._database.transact(delete)
        if number is not None:
            self.cached.drop(number.phone_number)
        return number is not None

    async def _changed(self, connection: Connection, number: NumberRecord) -> NumberRecord:
        await notify(connection, self.KIND, number.phone_number)
        return number


async def release_all(connection: Connection, account_sid: str) -> None:
    """Give every number of an account back, in the transaction of `connection`."""
    for row in await connection.fetch(
        "DELETE FROM numbers WHERE account_sid = $1 RETURNING phone_number", account_sid
    ):
        await notify(connection, Numbers.KIND, row[0])


def _like(pattern: str) -> str:
    quoted = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{quoted.replace('*', '_')}%"
