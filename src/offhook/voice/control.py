"""What the api asks of live calls: a request on the bus, answered when the call has taken it.

A request is JSON: ``{"op": "hangup" | "cancel" | "redirect", "sid": …, "url", "method", "twiml"}``; the answer is
``{"ok": true}`` or ``{"error": code, "message": …}``.
"""

from __future__ import annotations

import logging

import msgspec

from offhook.calls import events
from offhook.errors import RestError, rest
from offhook.twiml.entry import Entry, EntryPoint, InlineTwiml, method_of
from offhook.voice.exchange import Exchange
from offhook.voice.session import CallSession

logger = logging.getLogger(__name__)

_NOT_IN_PROGRESS = 21220


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

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def answer(self, payload: bytes) -> bytes:
        """Do what a request asks."""
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
        session = self._exchange.session(request.sid)
        if session is None or session.call.is_over:
            raise rest(_NOT_IN_PROGRESS, "The call is not in progress.")
        match request.op:
            case "hangup":
                session.feed(events.HangUpRequested())
            case "cancel":
                self._cancel(session)
            case "redirect" if session.call.is_answered:
                session.feed(events.RedirectRequested(_entry(request)))
            case _:
                raise rest(_NOT_IN_PROGRESS, "The call is not in progress. Cannot redirect.")

    @staticmethod
    def _cancel(session: CallSession) -> None:
        if session.call.is_answered:
            raise rest(
                _NOT_IN_PROGRESS, "The call is in progress. Only a queued or ringing call is canceled."
            )
        session.feed(events.HangUpRequested(cancel_only=True))


def _entry(request: ControlRequest) -> Entry:
    if request.twiml is not None:
        return InlineTwiml(request.twiml)
    return EntryPoint(
        request.url or "",
        method_of(request.method),
        request.fallback_url,
        method_of(request.fallback_method),
    )
