"""Which requests share cookies.

Cookies are kept per account and pair of parties, in the order in which they called, so that an application sees
one visitor per caller and number. What is done about failures is in `offhook.delivery.client` (the one retry of a
connection) and `offhook.twiml.interpreter` (statuses, the fallback URL, the apology).
"""

from __future__ import annotations


def cookie_key(account_sid: str, from_: str, to: str) -> str:
    """Return the name of the cookie jar for requests about these two parties."""
    return "\n".join((account_sid, from_, to))
