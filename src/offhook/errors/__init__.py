"""Every error code of the platform, and the exceptions that carry them.

* `REST`: codes answered by the HTTP API, each with its HTTP status.
* `NOTIFICATIONS`: codes of the debugger: webhooks, TwiML, calls. They appear in Notifications and timelines.
* `DELIVERY`: codes of messages that did not arrive (`error_code` of a Message).
* `CLIENT`: codes of browser phones, media streams and SIP interfaces.

Codes, statuses and levels are Twilio's, because programs match on them; the wording is ours and carries the
same information. Pure.
"""

from __future__ import annotations

from offhook.errors.client import CLIENT
from offhook.errors.delivery import DELIVERY
from offhook.errors.notifications import NOTIFICATIONS, NotificationEntry
from offhook.errors.protocol import LocalProtocolError, RemoteProtocolError
from offhook.errors.rest import REST, ErrorEntry, RestError, rest

__all__ = [
    "CLIENT",
    "DELIVERY",
    "NOTIFICATIONS",
    "REST",
    "ErrorEntry",
    "LocalProtocolError",
    "NotificationEntry",
    "RemoteProtocolError",
    "RestError",
    "more_info",
    "rest",
    "title",
]


def more_info(code: int) -> str:
    """The address that Twilio's own answers name for a code; programs print it."""
    return f"https://www.twilio.com/docs/errors/{code}"


def title(code: int) -> str:
    """One line that says what a code means, from whichever table knows it."""
    if notification := NOTIFICATIONS.get(code):
        return notification.title
    if entry := REST.get(code):
        return entry.title
    return DELIVERY.get(code) or CLIENT.get(code) or f"Error {code}"
