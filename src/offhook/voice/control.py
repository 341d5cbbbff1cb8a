"""What the api asks of the node that runs a call, a conference or a queue; answered when it is done and on record.

A request is JSON, told by its ``op`` (`Request`); the answer is ``{"ok": true}`` or ``{"error": code, "message": …}``.
"""

from __future__ import annotations

import logging

import msgspec

from offhook.calls import events
from offhook.calls.call import refusal
from offhook.errors import RestError, rest
from offhook.twiml.entry import Entry, EntryPoint, InlineTwiml, method_of
from offhook.voice.room_control import (
    ConferenceRequest,
    DequeueRequest,
    ParticipantRequest,
    RoomControl,
)
from offhook.voice.switchboard import Switchboard

logger = logging.getLogger(__name__)

_NOT_IN_PROGRESS = 21220
_UNREADABLE = 20500


class HangUpRequest(msgspec.Struct, frozen=True, tag="hangup", tag_field="op"):
    """End a call."""

    sid: str


class CancelRequest(msgspec.Struct, frozen=True, tag="cancel", tag_field="op"):
    """End a call that is not answered."""

    sid: str


class RedirectRequest(msgspec.Struct, frozen=True, tag="redirect", tag_field="op"):
    """Give a call other TwiML: `twiml`, or what `url` gives."""

    sid: str
    url: str | None = None
    method: str | None = None
    fallback_url: str | None = None
    fallback_method: str | None = None
    twiml: str | None = None


CallRequest = HangUpRequest | CancelRequest | RedirectRequest
Request = CallRequest | ConferenceRequest | ParticipantRequest | DequeueRequest


class Control:
    """Answers the api."""

    def __init__(self, switchboard: Switchboard, rooms: RoomControl) -> None:
        self._switchboard = switchboard
        self._rooms = rooms

    async def answer(self, payload: bytes) -> bytes:
        """Do what a request asks; the answer is what became of it."""
        try:
            request = msgspec.json.decode(payload, type=Request)
            if isinstance(request, CallRequest):
                self._ask_call(request)
            else:
                await self._rooms.ask(request)
        except msgspec.MsgspecError as error:
            logger.warning("a control request cannot be read: %s", error)
            return msgspec.json.encode({"error": _UNREADABLE, "message": "The request cannot be read."})
        except RestError as error:
            return msgspec.json.encode({"error": error.code, "message": error.message})
        return msgspec.json.encode({"ok": True})

    def _ask_call(self, request: CallRequest) -> None:
        session = self._switchboard.find(request.sid)
        if session is None:
            raise rest(_NOT_IN_PROGRESS, "The call is not in progress.")
        event = _event(request)
        if (reason := refusal(session.call, event)) is not None:
            raise rest(_NOT_IN_PROGRESS, reason)
        session.feed(event)


def _event(request: CallRequest) -> events.HangUpRequested | events.RedirectRequested:
    match request:
        case HangUpRequest():
            return events.HangUpRequested(events.EndedBy.REST)
        case CancelRequest():
            return events.HangUpRequested(events.EndedBy.REST, cancel_only=True)
        case RedirectRequest():
            return events.RedirectRequested(_entry(request))


def _entry(request: RedirectRequest) -> Entry:
    if request.twiml is not None:
        return InlineTwiml(request.twiml)
    return EntryPoint(
        request.url or "",
        method_of(request.method),
        request.fallback_url,
        method_of(request.fallback_method),
    )
