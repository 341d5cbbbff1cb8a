"""Accounts and their auth tokens."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.store.cache import Cache, notify
from offhook.store.database import Connection, Database
from offhook.store.numbers import release_all
from offhook.store.paging import Conditions, Page, PageResult, list_page
from offhook.store.records import AccountRecord
from offhook.store.sql import columns, load, values

_ALL = columns(AccountRecord)


@dataclass(frozen=True, slots=True)
class AccountFilters:
    """Filters of a list of accounts; None filters nothing."""

    friendly_name: str | None = None
    status: str | None = None


class Accounts:
    """The repository of accounts.

    Attributes:
        cached: accounts by SID, for what is asked with each request: `await accounts.cached.get(sid)`.
    """

    KIND = "account"

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cached: Cache[AccountRecord] = Cache(self.fetch)

    async def fetch(self, sid: str) -> AccountRecord | None:
        """An account, or None."""
        row = await self._database.fetchrow(f"SELECT {_ALL} FROM accounts WHERE sid = $1", sid)
        return None if row is None else load(AccountRecord, row)

    async def is_active(self, sid: str) -> bool:
        """Whether calls, texts and webhooks may be made for an account; asked of `cached`."""
        account = await self.cached.get(sid)
        return account is not None and account.is_active

    async def create(self, account: AccountRecord) -> None:
        """Add an account; does nothing if its SID is there already."""
        marks = ", ".join(f"${at}" for at in range(1, len(values(account)) + 1))
        await self._database.execute(
            f"INSERT INTO accounts ({_ALL}) VALUES ({marks}) ON CONFLICT (sid) DO NOTHING", *values(account)
        )
        self.cached.drop(account.sid)

    async def list_page(
        self, owner_account_sid: str, filters: AccountFilters, page: Page
    ) -> PageResult[AccountRecord]:
        """An account and its subaccounts, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.add("(owner_account_sid = {} OR sid = {})", owner_account_sid, owner_account_sid)
        conditions.equal("friendly_name", filters.friendly_name)
        conditions.equal("status", filters.status)
        return await list_page(self._database, "accounts", AccountRecord, conditions, page)

    async def update(
        self,
        sid: str,
        *,
        friendly_name: str | None = None,
        status: str | None = None,
        auth_token: str | None = None,
    ) -> AccountRecord | None:
        """Change what is not None and return the account; None if there is none.

        The numbers of an account that is closed are released in the same transaction.
        """

        async def update(connection: Connection) -> AccountRecord | None:
            row = await connection.fetchrow(
                "UPDATE accounts SET friendly_name = coalesce($2, friendly_name), "
                "status = coalesce($3, status), auth_token = coalesce($4, auth_token), "
                f"date_updated = now() WHERE sid = $1 RETURNING {_ALL}",
                sid,
                friendly_name,
                status,
                auth_token,
            )
            await notify(connection, self.KIND, sid)
            if status == "closed":
                await release_all(connection, sid)
            return None if row is None else load(AccountRecord, row)

        account = await self._database.transact(update)
        self.cached.drop(sid)
        return account
