"""What is kept of a webhook's request and answer: one shape for calls, texts and callbacks.

The timeline gets all of it, redirects hop by hop; a notification gets what Twilio's has. URLs are shown without
credentials, bodies to their first 4 kB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, TypedDict
from urllib.parse import urlencode

from offhook.delivery.client import FetchResponse
from offhook.delivery.failures import FetchError, Redirect
from offhook.delivery.hops import without_credentials

SHOWN_BYTES: Final = 4096


class Notified(TypedDict):
    """The fields of a notification (`store.records.NotificationRecord`) that are about a request."""

    request_url: str
    request_method: str
    request_variables: str
    response_headers: str | None
    response_body: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """A request and what came of it."""

    url: str
    method: str
    params: Iterable[tuple[str, str]]
    outcome: FetchResponse | FetchError

    def is_about(self, url: str) -> bool:
        """Whether a document at `url` is what was asked for, or what redirects led to."""
        return bool(url) and url in (self.url, self.outcome.url)

    def detail(self) -> dict[str, Any]:
        """The detail of a timeline entry (`store.records.TimelineEntry`)."""
        outcome = self.outcome
        detail: dict[str, Any] = {
            "url": shown_url(self.url),
            "method": self.method,
            "request": {"params": dict(self.params)},
            "status": outcome.status,
            "ms": outcome.elapsed_ms,
            "response": None,
            "error": None,
        }
        if outcome.redirects:
            detail["redirects"] = [_redirect(redirect) for redirect in outcome.redirects]
        if isinstance(outcome, FetchError):
            return detail | {"error": outcome.code, "reason": outcome.detail}
        return detail | {"response": {"content_type": outcome.content_type, "body": shown_body(outcome.body)}}

    def notified(self) -> Notified:
        """What a notification about it says."""
        response = self.outcome if isinstance(self.outcome, FetchResponse) else None
        return Notified(
            request_url=shown_url(self.url),
            request_method=self.method,
            request_variables=urlencode(list(self.params)),
            response_headers=urlencode(response.headers) if response is not None else None,
            response_body=shown_body(response.body) if response is not None else None,
        )


def _redirect(redirect: Redirect) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "status": redirect.status,
        "from": f"{redirect.method} {redirect.url}",
        "to": f"{redirect.next_method} {redirect.next_url}",
    }
    if redirect.params_dropped:
        shown["note"] = f"a {redirect.status} turns a POST into a GET without its parameters; 307 repeats it"
    return shown


def shown_body(body: bytes) -> str:
    """The beginning of a body, as text that can be stored."""
    return body[:SHOWN_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")


def shown_url(url: str) -> str:
    """A URL without its credentials."""
    try:
        return without_credentials(url)
    except ValueError:
        return "(malformed)"
