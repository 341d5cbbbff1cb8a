"""What the api asks of live calls: a request on the bus, answered when the call has taken it.

A request is JSON: ``{"op": "hangup" | "cancel" | "redirect", "sid": …, "url", "method", "twiml"}``; the answer is
``{"ok": true}`` or ``{"error": code, "message": …}``.
"""

from __future__ import annotations

import logging

import msgspec

from offhook.calls import events
from offhook.calls.call import refusal
from offhook.errors import RestError, rest
from offhook.twiml.entry import Entry, EntryPoint, InlineTwiml, method_of
from offhook.voice.switchboard import Switchboard

logger = logging.getLogger(__name__)

_NOT_IN_PROGRESS = 21220
_UNREADABLE = 20500


class ControlRequest(msgspec.Struct, frozen=True):
    """A request about one live call."""

    op: str
    sid: str
    url: str | None = None
    method: str | None = None
    fallback_url: str | None = None
    fallback_method: str | None = None
    twiml: str | None = None


class Control:
    """Answers the api."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    async def answer(self, payload: bytes) -> bytes:
        """Do what a request asks; the answer is what the call made of it."""
        try:
            request = msgspec.json.decode(payload, type=ControlRequest)
            self._do(request)
        except msgspec.MsgspecError as error:
            logger.warning("a control request cannot be read: %s", error)
            return msgspec.json.encode({"error": 20500, "message": "The request cannot be read."})
        except RestError as error:
            return msgspec.json.encode({"error": error.code, "message": error.message})
        return msgspec.json.encode({"ok": True})

    def _do(self, request: ControlRequest) -> None:
        session = self._switchboard.find(request.sid)
        if session is None:
            raise rest(_NOT_IN_PROGRESS, "The call is not in progress.")
        event = _event(request)
        if (reason := refusal(session.call, event)) is not None:
            raise rest(_NOT_IN_PROGRESS, reason)
        session.feed(event)


def _event(request: ControlRequest) -> events.HangUpRequested | events.RedirectRequested:
    match request.op:
        case "hangup":
            return events.HangUpRequested(events.EndedBy.REST)
        case "cancel":
            return events.HangUpRequested(events.EndedBy.REST, cancel_only=True)
        case "redirect":
            return events.RedirectRequested(_entry(request))
    raise rest(_UNREADABLE, "The request cannot be read.")


def _entry(request: ControlRequest) -> Entry:
    if request.twiml is not None:
        return InlineTwiml(request.twiml)
    return EntryPoint(
        request.url or "",
        method_of(request.method),
        request.fallback_url,
        method_of(request.fallback_method),
    )
