"""What the api asks of the node that runs a call, a conference or a queue; answered when it is done and on record.

A request is JSON, told by its ``op`` (`Request`); the answer is ``{"ok": true}`` or ``{"error": code, "message": …}``.
"""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from offhook.calls import events
from offhook.calls.call import refusal
from offhook.errors import RestError, rest
from offhook.twiml.effects import Pairs, RecordCall, StatusCallback, Track
from offhook.twiml.entry import Entry, EntryPoint, InlineTwiml, method_of
from offhook.voice.room_control import (
    ConferenceRecordingRequest,
    ConferenceRequest,
    DequeueRequest,
    FactsRequest,
    ParticipantRequest,
    QueueRequest,
    RoomControl,
)
from offhook.voice.switchboard import LiveCall, Switchboard

logger = logging.getLogger(__name__)

_NOT_IN_PROGRESS = 21220
_UNREADABLE = 20500
_NOT_FOUND = 20404
_NOT_ELIGIBLE = 21220


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


class RecordRequest(msgspec.Struct, frozen=True, tag="record", tag_field="op"):
    """Record a call; the answer has the recording's `sid`."""

    sid: str
    channels: int = 1
    track: Track = "both"
    trim: bool = False
    callback: str | None = None
    callback_method: str | None = None
    callback_events: tuple[str, ...] = ("completed",)


class RecordingRequest(msgspec.Struct, frozen=True, tag="recording", tag_field="op"):
    """Pause, go on with or end a recording of a call; the answer has its `sid`."""

    sid: str
    recording: str
    status: Literal["paused", "in-progress", "stopped"]
    silence: bool = True


CallRequest = HangUpRequest | CancelRequest | RedirectRequest
Request = (
    CallRequest
    | RecordRequest
    | RecordingRequest
    | ConferenceRecordingRequest
    | ConferenceRequest
    | ParticipantRequest
    | DequeueRequest
    | QueueRequest
    | FactsRequest
)


class Control:
    """Answers the api."""

    def __init__(self, switchboard: Switchboard, rooms: RoomControl) -> None:
        self._switchboard = switchboard
        self._rooms = rooms

    async def answer(self, payload: bytes) -> bytes:
        """Do what a request asks; the answer is what became of it."""
        try:
            request = msgspec.json.decode(payload, type=Request)
            told: dict[str, str | Pairs] = {}
            match request:
                case RecordRequest() | RecordingRequest():
                    told["sid"] = await self._record(request)
                case ConferenceRecordingRequest():
                    told["sid"] = await self._rooms.record(request)
                case ConferenceRequest() | ParticipantRequest() | DequeueRequest() | QueueRequest():
                    await self._rooms.ask(request)
                case FactsRequest():
                    told["facts"] = self._rooms.facts(request)
                case _:
                    self._ask_call(request)
        except msgspec.MsgspecError as error:
            logger.warning("a control request cannot be read: %s", error)
            return msgspec.json.encode({"error": _UNREADABLE, "message": "The request cannot be read."})
        except RestError as error:
            return msgspec.json.encode({"error": error.code, "message": error.message})
        return msgspec.json.encode({"ok": True, **told})

    async def _record(self, request: RecordRequest | RecordingRequest) -> str:
        session = self._live(request.sid)
        if isinstance(request, RecordRequest):
            if not session.call.is_answered or session.call.is_over:
                raise rest(_NOT_ELIGIBLE, "The call is not in progress.")
            return session.start_recording(_recording(request))
        sid = session.find_recording(request.recording)
        if sid is None:
            raise rest(_NOT_FOUND, "The recording is not under way.")
        await session.change_recording(sid, request.status, silence=request.silence)
        return sid

    def _live(self, sid: str) -> LiveCall:
        session = self._switchboard.find(sid)
        if session is None:
            raise rest(_NOT_IN_PROGRESS, "The call is not in progress.")
        return session

    def _ask_call(self, request: CallRequest) -> None:
        session = self._live(request.sid)
        event = _event(request)
        if (reason := refusal(session.call, event)) is not None:
            raise rest(_NOT_IN_PROGRESS, reason)
        session.feed(event)


def _recording(request: RecordRequest) -> RecordCall:
    callback = None
    if request.callback:
        method = method_of(request.callback_method)
        callback = StatusCallback(request.callback, method, request.callback_events)
    return RecordCall(
        request.channels, request.track, "trim-silence" if request.trim else "do-not-trim", callback
    )


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
