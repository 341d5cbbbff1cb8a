"""What is done when a request for TwiML fails, and which requests share cookies.

* A connection that fails is tried once more, at once; an HTTP status is an answer and is not.
* Any status but 2xx is HTTP retrieval failure, 11200.
* Then the fallback URL is asked, with `ErrorCode` and `ErrorUrl`; when that fails too, nothing is left to try.
* Cookies are kept per account and pair of parties, in the order in which they called, so that an
  application sees one visitor per caller and number.
"""

from __future__ import annotations

from offhook.webhook.params import error_params

RETRIES_ON_CONNECTION_FAILURE = 1
HTTP_RETRIEVAL_FAILURE = 11200

__all__ = [
    "HTTP_RETRIEVAL_FAILURE",
    "RETRIES_ON_CONNECTION_FAILURE",
    "cookie_key",
    "error_params",
    "status_error",
]


def status_error(status: int) -> int | None:
    """Return the error code that an HTTP status means, None if it is a success."""
    return None if 200 <= status <= 299 else HTTP_RETRIEVAL_FAILURE


def cookie_key(account_sid: str, from_: str, to: str) -> str:
    """Return the name of the cookie jar for requests about these two parties."""
    return "\n".join((account_sid, from_, to))
