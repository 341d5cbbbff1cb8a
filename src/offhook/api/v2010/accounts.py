"""Accounts: the account itself and its subaccounts. https://www.twilio.com/docs/iam/api/account"""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import ClassVar

from offhook import clock, errors, ids
from offhook.api.forms import Form
from offhook.api.operations import Context, Resource
from offhook.store.accounts import AccountFilters
from offhook.store.paging import Page, PageResult
from offhook.store.records import AccountRecord

# An account that owns itself is a main account, as Twilio shows it.
accounts = Resource(AccountRecord, {"owner_account_sid": lambda row: row.owner_account_sid or row.sid})


class Status(StrEnum):
    """What an account may do: everything, nothing for now, nothing ever again."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class CreateAccount(Form):
    """A new subaccount."""

    friendly_name: str = ""


class UpdateAccount(Form):
    """Changes of an account; only a subaccount's status can be changed."""

    codes: ClassVar = {"Status": 21475}

    friendly_name: str | None = None
    status: Status | None = None


class ListAccounts(Form):
    """Filters."""

    friendly_name: str | None = None
    status: Status | None = None


@accounts.operation("ListAccount")
async def list_accounts(context: Context, filters: ListAccounts, page: Page) -> PageResult[AccountRecord]:
    """The account and its subaccounts, newest first."""
    chosen = AccountFilters(friendly_name=filters.friendly_name, status=filters.status)
    return await context.store.accounts.list_page(context.account.sid, chosen, page)


@accounts.operation("FetchAccount")
async def fetch_account(context: Context) -> AccountRecord:
    """The account that the path names."""
    return context.account


@accounts.operation("CreateAccount")
async def create_account(context: Context, form: CreateAccount) -> AccountRecord:
    """Make a subaccount; a subaccount has none of its own."""
    if context.account.owner_account_sid is not None:
        raise errors.rest(20006, "A subaccount cannot have subaccounts")
    now = clock.utcnow()
    name = form.friendly_name or f"SubAccount Created at {now:%Y-%m-%d %I:%M %p}"
    account = AccountRecord(
        sid=clock.new_sid(ids.ACCOUNT),
        auth_token=secrets.token_hex(16),
        friendly_name=_checked_name(name),
        date_created=now,
        date_updated=now,
        owner_account_sid=context.account.sid,
    )
    await context.store.accounts.create(account)
    return account


@accounts.operation("UpdateAccount")
async def update_account(context: Context, form: UpdateAccount) -> AccountRecord | None:
    """Rename an account; suspend, close or reactivate a subaccount, which its parent alone may do.

    Closing is for ever, and releases the account's numbers.
    """
    account = context.account
    if form.status is not None and account.owner_account_sid is None:
        raise errors.rest(21477)
    if form.status is not None and context.caller.sid == account.sid:
        raise errors.rest(20006, "A subaccount cannot change its own status; its parent can")
    if form.status is not None and account.status == Status.CLOSED:
        raise errors.rest(21479)
    name = _checked_name(form.friendly_name) if form.friendly_name else None
    return await context.store.accounts.update(account.sid, friendly_name=name, status=form.status)


def _checked_name(name: str) -> str:
    if len(name) > 64:
        raise errors.rest(20002, "FriendlyName is longer than 64 characters")
    return name
