"""What voice writes into the timeline of a call, and how: one vocabulary of entry names and details.

A timeline is for the tenant whose call it is. Headers that carry credentials, or the token by which the
platform knows its own INVITEs, are left out of SIP messages.
"""

from __future__ import annotations

import re
from typing import Any

from offhook.media.protocol import Counters
from offhook.sip.events import Failed, Rerouted, SipMessageLog
from offhook.sip.message import Field, Message
from offhook.voice.routing import LOOP_HEADER

_SHOWN_BYTES = 4096
"""A timeline shows the beginning of what is long; the rest helps nobody."""

_EXTENSION = "x-"
_MOST_HEADERS = 20
"""What a peer may tell an application, and how many rows of it."""

_SECRET_NAMES = ("authorization", LOOP_HEADER.lower())
_SECRET_HEADER = re.compile(
    rf"^((?:(?:Proxy-)?Authorization|{LOOP_HEADER})[ \t]*:).*(?:\n[ \t].*)*", re.IGNORECASE | re.MULTILINE
)
"""With the rows that it is folded into."""


def sip_message(log: SipMessageLog) -> dict[str, Any]:
    """A SIP message without its body, as sent or received."""
    head, _, body = log.data.partition(b"\r\n\r\n")
    text = head[:_SHOWN_BYTES].decode(errors="replace")
    detail: dict[str, Any] = {
        "direction": log.direction,
        "peer": f"{log.flow.transport} {log.flow.remote.host}:{log.flow.remote.port}",
        "message": _without_secrets(text),
    }
    if body:
        detail["body"] = body[:_SHOWN_BYTES].decode(errors="replace")
    return detail


def _without_secrets(head: str) -> str:
    """Rows that nobody may read are not shown. Nearly no message has one, which is seen without the expression."""
    folded = head.lower()
    if not any(name in folded for name in _SECRET_NAMES):
        return head
    return _SECRET_HEADER.sub(r"\1 (not shown)", head)


def extension_headers(message: Message) -> tuple[Field, ...]:
    """The ``X-`` rows of a SIP message, which webhooks repeat as ``SipHeader_X-…``; the first of them."""
    rows = [
        (name, value)
        for name, value in message.fields
        if name.lower().startswith(_EXTENSION) and name.lower() != LOOP_HEADER.lower()
    ]
    return tuple(rows[:_MOST_HEADERS])


def unreached(event: Failed | Rerouted) -> dict[str, Any]:
    """Why nobody took an INVITE."""
    return {"status": event.status, "reason": event.detail or event.reason}


def rtp_counters(counters: Counters) -> dict[str, Any]:
    """What passed through a leg."""
    return {name: getattr(counters, name) for name in counters.__struct_fields__}
