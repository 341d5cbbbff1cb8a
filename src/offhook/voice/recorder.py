"""The recordings of one call (``<Record>``, ``<Dial record>``, ``Record=true``), or of a conference.

Has media send what is to be recorded to streams, which writes the file; keeps the Recording's row and tells whoever
wanted it when the file is complete. A recording that outlives its call is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from typing import Any, Final, Literal

from offhook.calls.effects import RoomRecording
from offhook.calls.events import LegRecorded, Recorded
from offhook.calls.request import CallRequest
from offhook.clock import new_sid, utcnow
from offhook.media.client import MediaClient
from offhook.media.protocol import TapSource
from offhook.store.records import CallbackDraft, RecordingRecord, TimelineKind
from offhook.streams.client import StreamsError
from offhook.streams.protocol import RecordingFinished
from offhook.twiml import effects as twiml
from offhook.twiml import events
from offhook.voice.services import Services
from offhook.webhook.params import RecordingParams, recording_status_params

CURRENT: Final = "Twilio.CURRENT"
"""What a program may say instead of the SID of the recording under way."""
_TRACKS: Final[Mapping[twiml.Track, tuple[TapSource, ...]]] = {
    "both": ("received", "sent"),
    "inbound": ("received",),
    "outbound": ("sent",),
}
RecordingChange = Literal["paused", "in-progress", "stopped"]
_LONGEST = 14400.0
"""Twilio keeps no recording longer than this (seconds)."""


class Source(Enum):
    """What a recording is for: `RecordingSource` of its callbacks."""

    VERB = "RecordVerb"
    DIAL = "DialVerb"
    CALL = "OutboundAPI"
    CONFERENCE = "Conference"
    API = "StartCallRecordingAPI"


_ASKED_FOR: Final = frozenset({Source.API, Source.CALL, Source.CONFERENCE})
"""Those among which `CURRENT` is the newest: not what a verb records for itself."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is recorded: a call or a conference, and the leg or the room of the media worker that is listened to."""

    account_sid: str
    media: MediaClient
    leg: int
    call_sid: str | None = None
    conference_sid: str | None = None

    @property
    def sid(self) -> str:
        """The SID of the call or the conference."""
        return self.call_sid or self.conference_sid or ""


@dataclass(slots=True)
class _Recording:
    """A recording under way. `number` is that of the ``<Record>`` or ``<Dial>``; `room` that of a bridge."""

    sid: str
    source: Source
    channels: int
    trim: bool
    callback: twiml.StatusCallback | None
    began: datetime
    number: int = 0
    room: str = ""
    max_seconds: float = _LONGEST
    silence_seconds: float | None = None
    taps: list[int] = field(default_factory=list)
    track: twiml.Track = "both"
    changed: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told what: the call's timeline, the call, and the room that a recording is of.

    `write` does a write that must not be lost, however long the store is away.
    """

    note: Callable[[TimelineKind, str, Mapping[str, Any]], None]
    done: Callable[[events.RecordingDone | LegRecorded], None]
    room_done: Callable[[str, Recorded | None], None]
    start_task: Callable[[Coroutine[Any, Any, None], str], None]
    write: Callable[[Callable[[], Awaitable[object]]], Awaitable[None]]


class Recorder:
    """Starts and ends the recordings of a call or a conference."""

    def __init__(self, services: Services, subject: Subject, listeners: Listeners) -> None:
        self._services = services
        self._subject = subject
        self._to = listeners
        self._running: dict[str, _Recording] = {}

    def move(self, media: MediaClient, leg: int) -> None:
        """What is recorded from now on is listened to elsewhere."""
        self._subject = replace(self._subject, media=media, leg=leg)

    @property
    def busy(self) -> bool:
        """Whether a recording is not complete yet."""
        return bool(self._running)

    @property
    def of_call(self) -> RecordingParams | None:
        """The recording of the whole call, as long as it runs, with its length until now."""
        for recording in self._running.values():
            if recording.source is Source.CALL:
                seconds = round((utcnow() - recording.began).total_seconds())
                return RecordingParams(recording.sid, self._url(recording), max(1, seconds))
        return None

    def start_verb(self, effect: twiml.StartRecording) -> None:
        """``<Record>``: what the caller says."""
        recording = self._new(Source.VERB, 1, effect.trim == "trim-silence", effect.callback)
        recording.number = effect.recording
        recording.max_seconds, recording.silence_seconds = effect.max_length, effect.silence_timeout or None
        self._start(recording, "received")

    def start_room(self, room: str, request: RoomRecording) -> None:
        """``<Dial record>``: both parties."""
        recording = self._new(Source.DIAL, request.channels, request.trim, request.callback)
        recording.room, recording.track = room, request.track
        self._start(recording, *_TRACKS[request.track])

    def start_leg(self, dial: int, request: twiml.RecordCall) -> None:
        """``<Dial record>`` to a conference: what this call says and hears there."""
        self._start_asked(Source.DIAL, request, dial)

    def start_conference(self, request: RoomRecording) -> None:
        """All that is mixed in a conference."""
        recording = self._new(Source.CONFERENCE, request.channels, request.trim, request.callback)
        self._start(recording, "received")

    def start_asked(self, request: twiml.RecordCall) -> str:
        """What the API, or ``<Start><Recording>``, wants recorded besides; its SID."""
        return self._start_asked(Source.API, request)

    def find(self, sid: str) -> str | None:
        """The SID of a recording under way; `sid` may be `CURRENT`, for the newest that was asked for."""
        live = [one for one in self._running.values() if one.taps]
        if sid != CURRENT:
            return sid if any(one.sid == sid for one in live) else None
        asked = [one.sid for one in live if one.source in _ASKED_FOR]
        return asked[-1] if asked else None

    async def change(self, sid: str, status: RecordingChange, *, silence: bool) -> None:
        """Pause, go on with or end a recording; returns when the row says so. `silence`: what a pause leaves behind."""
        recording, streams = self._running[sid], self._services.streams
        behavior = {"behavior": "silence" if silence else "skip"} if status == "paused" else {}
        self._to.note(TimelineKind.MEDIA, "recording changed", {"sid": sid, "status": status, **behavior})
        match status:
            case "paused":
                await streams.pause_recording(sid, silence=silence)
            case "in-progress":
                await streams.resume_recording(sid)
            case "stopped":
                self._stop(lambda one: one is recording)
                await recording.over.wait()
                return
        recording.changed = True
        await self._to.write(lambda: self._commit(recording, status, None, ""))

    def stop_conference(self) -> None:
        """End that recording."""
        self._stop(lambda recording: recording.source is Source.CONFERENCE)

    def start_call(self, asked: CallRequest) -> None:
        """``Record=true`` of an API call: all of it, from the answer."""
        track = asked.recording_track
        channels = 2 if asked.recording_channels == "dual" and track == "both" else 1
        recording = self._new(Source.CALL, channels, asked.trim == "trim-silence", asked.recording_callback)
        recording.track = track
        self._start(recording, *_TRACKS[track])

    def stop_verb(self, number: int) -> None:
        """End the recording of a ``<Record>``."""
        self._stop(lambda recording: recording.source is Source.VERB and recording.number == number)

    def stop_room(self, room: str) -> None:
        """End the recording of a room."""
        self._stop(lambda recording: recording.source is Source.DIAL and recording.room == room)

    def stop_leg(self, dial: int) -> None:
        """End the recording of the call in a conference."""
        self._stop(lambda one: one.source is Source.DIAL and not one.room and one.number == dial)

    def stop_all(self) -> None:
        """The call is over."""
        self._stop(lambda recording: True)

    def finished(self, event: RecordingFinished) -> None:
        """Streams has completed a file."""
        if (recording := self._running.get(event.sid)) is not None:
            self._untap(recording)
            self._to.start_task(self._complete(recording, event), f"recording-{event.sid}")

    def _new(
        self, source: Source, channels: int, trim: bool, callback: twiml.StatusCallback | None
    ) -> _Recording:
        recording = _Recording(new_sid("RE"), source, channels, trim, callback, utcnow())
        self._running[recording.sid] = recording
        return recording

    def _start_asked(self, source: Source, request: twiml.RecordCall, number: int = 0) -> str:
        recording = self._new(source, request.channels, request.trim == "trim-silence", request.callback)
        recording.track, recording.number = request.track, number
        self._start(recording, *_TRACKS[request.track])
        return recording.sid

    def _start(self, recording: _Recording, *heard: TapSource) -> None:
        recording.taps = [self._subject.media.tap(self._subject.leg, source) for source in heard]
        self._services.switchboard.expect_recording(recording.sid, self)
        self._to.note(TimelineKind.MEDIA, "recording", {"sid": recording.sid})
        self._to.start_task(self._begin(recording), f"record-{recording.sid}")

    def _untap(self, recording: _Recording) -> None:
        for tap in recording.taps:
            self._subject.media.untap(tap)
        recording.taps = []

    async def _begin(self, recording: _Recording) -> None:
        """Have streams write the file; the row says so."""
        streams = self._services.streams
        try:
            await streams.start_recording(
                recording.sid,
                tuple(recording.taps),
                channels=recording.channels,
                max_seconds=recording.max_seconds,
                silence_seconds=recording.silence_seconds,
                trim=recording.trim,
            )
        except StreamsError:
            self.finished(RecordingFinished(recording.sid, "", 0, "failed", empty=False))
            return
        if not recording.taps:
            await streams.stop_recording(recording.sid)
        await self._to.write(lambda: self._commit(recording, "in-progress", None, ""))

    def _stop(self, which: Callable[[_Recording], bool]) -> None:
        for recording in list(self._running.values()):
            if recording.taps and which(recording):
                self._untap(recording)
                self._to.start_task(
                    self._services.streams.stop_recording(recording.sid), f"stop-{recording.sid}"
                )

    async def _complete(self, recording: _Recording, event: RecordingFinished) -> None:
        """Commit the finished Recording, then tell who wanted it."""
        status = status_of(event, recording.source)
        duration = max(1, round(event.milliseconds / 1000)) if event.milliseconds else 0
        await self._to.write(lambda: self._commit(recording, status, duration, event.path))
        detail = {"sid": recording.sid, "status": status, "ms": event.milliseconds, "reason": event.reason}
        self._to.note(TimelineKind.MEDIA, "recorded", detail)
        self._services.switchboard.forget_recording(recording.sid)
        self._running.pop(recording.sid, None)
        recording.over.set()
        self._tell(recording, event, duration, kept=status == "completed")

    async def _commit(self, recording: _Recording, status: str, duration: int | None, path: str) -> None:
        """Write what has become of a recording, and that whoever asked is to be told."""
        store = self._services.store
        await store.recordings.create(self._row(recording))
        if duration is not None or recording.changed:
            await store.recordings.update(recording.sid, status, duration=duration, path=path or None)
        if drafts := self._drafts(recording, status, duration):
            await store.outbox.enqueue_callbacks(self._subject.sid, drafts)

    def _tell(self, recording: _Recording, event: RecordingFinished, duration: int, *, kept: bool) -> None:
        url = self._url(recording)
        recorded = Recorded(recording.sid, url, duration) if kept else None
        match recording.source:
            case Source.VERB:
                reason: Literal["silence", "max-length", "stopped"] = "stopped"
                if event.reason == "silence" or event.reason == "max-length":
                    reason = event.reason
                self._to.done(
                    events.RecordingDone(recording.number, recording.sid, url, duration, reason, not kept)
                )
            case Source.DIAL if not recording.room:
                self._to.done(LegRecorded(recording.number, recorded))
            case Source.DIAL | Source.CONFERENCE:
                self._to.room_done(recording.room, recorded)
            case Source.CALL | Source.API:
                pass

    def _url(self, recording: _Recording) -> str:
        base = self._services.settings.public_url
        return f"{base}/2010-04-01/Accounts/{self._subject.account_sid}/Recordings/{recording.sid}"

    def _row(self, recording: _Recording) -> RecordingRecord:
        return RecordingRecord(
            sid=recording.sid,
            account_sid=self._subject.account_sid,
            call_sid=self._subject.call_sid,
            conference_sid=self._subject.conference_sid,
            source=recording.source.value,
            status="in-progress",
            date_created=recording.began,
            date_updated=utcnow(),
            channels=recording.channels,
            track=recording.track,
            start_time=recording.began,
        )

    def _drafts(self, recording: _Recording, status: str, duration: int | None) -> list[CallbackDraft]:
        """The recordingStatusCallback, if this status was asked for."""
        callback = recording.callback
        # There is no event that asks for failures: who asked for the complete recording waits for it.
        asked_as = "completed" if status == "failed" else status
        if callback is None or asked_as not in callback.events:
            return []
        params = recording_status_params(
            account_sid=self._subject.account_sid,
            call_sid=self._subject.call_sid,
            conference_sid=self._subject.conference_sid,
            recording=RecordingParams(recording.sid, self._url(recording), duration),
            status=status,
            source=recording.source.value,
            start_time=format_datetime(recording.began),
            channels=recording.channels,
            track=recording.track,
        )
        draft = CallbackDraft(
            self._subject.account_sid, callback.url, callback.method, tuple(params), f"recording-{status}"
        )
        return [draft]


def status_of(event: RecordingFinished, source: Source) -> Literal["completed", "absent", "failed"]:
    """The status of a finished Recording. Only a ``<Record>`` in which nobody spoke is absent."""
    if event.reason == "failed":
        return "failed"
    return "absent" if event.empty and source is Source.VERB else "completed"
