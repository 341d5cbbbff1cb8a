"""Who is asking: HTTP Basic authentication (RFC 7617) with an account's SID and its auth token.

An account may act for itself and for its subaccounts. Whatever is wrong, an unknown account, a bad token,
another account's path, the answer is the same 401 with a challenge, so that it says nothing about which
accounts exist. twilio-python 5 sends its first request without credentials and waits for exactly this
challenge.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from functools import lru_cache
from typing import Final

from offhook import errors, ids
from offhook.api.services import Services
from offhook.store.records import AccountRecord

CHALLENGE: Final = 'Basic realm="Twilio API"'
MAX_HEADER: Final = 4096

_NOBODY: Final = "0" * 32


async def authenticate(services: Services, header: str | None) -> AccountRecord:
    """The account whose credentials an ``Authorization`` header holds.

    Raises:
        RestError: 20003 (401) no or wrong credentials, 20005 (403) the account is suspended or closed.
    """
    user, token = _credentials(header)
    account = await services.store.accounts.cached.get(user) if ids.is_sid(user, ids.ACCOUNT) else None
    # Compared also when there is no account, so that the time taken does not tell.
    expected = account.auth_token if account is not None else _NOBODY
    matches = hmac.compare_digest(expected.encode(), token.encode())
    if account is None or not matches:
        raise errors.rest(20003)
    require_active(account)
    return account


async def account_of_path(services: Services, caller: AccountRecord, sid: str) -> AccountRecord:
    """The account that a path names, if `caller` may act for it. A subaccount may be suspended or closed.

    Raises:
        RestError: 20003 (401) it may not.
    """
    if sid == caller.sid:
        return caller
    account = await services.store.accounts.cached.get(sid) if ids.is_sid(sid, ids.ACCOUNT) else None
    if account is None or account.owner_account_sid != caller.sid:
        raise errors.rest(20003)
    return account


def require_active(account: AccountRecord) -> None:
    """Stop what a suspended or closed account may not do.

    Raises:
        RestError: 20005 (403).
    """
    if not account.is_active:
        raise errors.rest(20005)


@lru_cache(maxsize=1024)
def _credentials(header: str | None) -> tuple[str, str]:
    """The user and the token. Kept, since a program says the same with every request; errors are not."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic" or len(encoded) > MAX_HEADER:
        raise errors.rest(20003)
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise errors.rest(20003) from None
    user, _, token = text.partition(":")
    return user, token
