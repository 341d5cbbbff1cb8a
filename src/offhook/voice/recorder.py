"""The recordings of one call: of ``<Record>``, of ``<Dial record>`` and of ``Record=true``.

Has media send what is to be recorded to streams, which writes the file; keeps the Recording's row and tells the
call when the file is complete. A recording that outlives its call is waited for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from typing import TYPE_CHECKING, Literal

from offhook.calls import effects
from offhook.calls.events import BridgeRecorded
from offhook.clock import new_sid, utcnow
from offhook.store.records import CallbackDraft, RecordingRecord, TimelineKind
from offhook.streams.client import StreamsError
from offhook.streams.protocol import RecordingFinished
from offhook.twiml import effects as twiml
from offhook.twiml import events
from offhook.webhook.params import RecordingParams, recording_status_params

if TYPE_CHECKING:
    from offhook.voice.session import CallSession

#: Twilio keeps no recording longer than this (seconds).
_LONGEST = 14400.0


class Source(Enum):
    """What a recording is for: `RecordingSource` of its callbacks."""

    VERB = "RecordVerb"
    DIAL = "DialVerb"
    CALL = "OutboundAPI"


@dataclass(slots=True)
class _Recording:
    """A recording under way. `number` is the interpreter's, for ``<Record>``."""

    sid: str
    source: Source
    number: int
    channels: int
    callback: twiml.StatusCallback | None
    began: datetime
    taps: list[int] = field(default_factory=list)


class Recorder:
    """Starts and ends the recordings of a session."""

    def __init__(self, session: CallSession) -> None:
        self._session = session
        self._exchange = session.exchange
        self._running: dict[str, _Recording] = {}

    @property
    def busy(self) -> bool:
        """Whether a recording is not complete yet."""
        return bool(self._running)

    def start_verb(self, effect: twiml.StartRecording) -> None:
        """``<Record>``: what the caller says."""
        recording = self._new(Source.VERB, effect.recording, 1, effect.callback)
        recording.taps = [self._tap("received")]
        self._start(recording, effect.max_length, effect.silence_timeout, effect.trim == "trim-silence")

    def start_dial(self, effect: effects.RecordBridge) -> None:
        """``<Dial record>``: both parties."""
        recording = self._new(Source.DIAL, effect.recording, effect.channels, effect.callback)
        recording.taps = [self._tap("received"), self._tap("sent")]
        self._start(recording, _LONGEST, None, effect.trim)

    def start_call(self) -> None:
        """``Record=true`` of an API call: all of it, from the answer."""
        asked = self._session.record.request
        if not asked.get("record"):
            return
        callback = None
        if url := asked.get("recording_status_callback"):
            method: Literal["GET", "POST"] = (
                "GET" if asked.get("recording_status_callback_method") == "GET" else "POST"
            )
            told = tuple(asked.get("recording_status_callback_event") or ("completed",))
            callback = twiml.StatusCallback(url, method, told)
        channels = 2 if asked.get("recording_channels") == "dual" else 1
        recording = self._new(Source.CALL, 0, channels, callback)
        recording.taps = [self._tap("received"), self._tap("sent")]
        self._start(recording, _LONGEST, None, asked.get("trim") == "trim-silence")

    def stop_verb(self, number: int) -> None:
        """End the recording of a ``<Record>``."""
        self._stop(lambda recording: recording.source is Source.VERB and recording.number == number)

    def stop_dial(self) -> None:
        """End the recording of a ``<Dial>``."""
        self._stop(lambda recording: recording.source is Source.DIAL)

    def stop_all(self) -> None:
        """The call is over."""
        self._stop(lambda recording: bool(recording.taps))

    def finished(self, event: RecordingFinished) -> None:
        """Streams has completed a file."""
        if (recording := self._running.get(event.sid)) is not None:
            self._untap(recording)
            self._session.start_task(self._complete(recording, event), f"recording-{event.sid}")

    def _new(
        self, source: Source, number: int, channels: int, callback: twiml.StatusCallback | None
    ) -> _Recording:
        recording = _Recording(new_sid("RE"), source, number, channels, callback, utcnow())
        self._running[recording.sid] = recording
        return recording

    def _tap(self, source: Literal["received", "sent"]) -> int:
        return self._session.leg.media.tap(self._session.leg.rtp, source)

    def _untap(self, recording: _Recording) -> None:
        for tap in recording.taps:
            self._session.leg.media.untap(tap)
        recording.taps = []

    def _start(
        self, recording: _Recording, max_seconds: float, silence_seconds: float | None, trim: bool
    ) -> None:
        self._exchange.attach_recording(recording.sid, self)
        self._session.note(TimelineKind.MEDIA, "recording", {"sid": recording.sid})
        self._session.start_task(
            self._begin(recording, max_seconds, silence_seconds, trim), f"record-{recording.sid}"
        )

    async def _begin(
        self, recording: _Recording, max_seconds: float, silence_seconds: float | None, trim: bool
    ) -> None:
        """Have streams write the file; the row says so."""
        taps = tuple(recording.taps)
        try:
            await self._exchange.streams.start_recording(
                recording.sid,
                taps,
                channels=recording.channels,
                max_seconds=max_seconds,
                silence_seconds=silence_seconds,
                trim=trim,
            )
        except StreamsError:
            self.finished(RecordingFinished(recording.sid, "", 0, "failed", empty=False))
            return
        if not recording.taps:
            await self._exchange.streams.stop_recording(recording.sid)
        await self._exchange.store.recordings.create(self._row(recording))

    def _stop(self, which: Callable[[_Recording], bool]) -> None:
        for recording in list(self._running.values()):
            if recording.taps and which(recording):
                self._untap(recording)
                self._session.start_task(
                    self._exchange.streams.stop_recording(recording.sid), f"stop-{recording.sid}"
                )

    async def _complete(self, recording: _Recording, event: RecordingFinished) -> None:
        """Commit the finished Recording, then tell the call."""
        status = status_of(event, recording.source)
        duration = max(1, round(event.milliseconds / 1000)) if event.milliseconds else 0
        store = self._exchange.store
        await store.recordings.create(self._row(recording))
        await store.recordings.update(recording.sid, status, duration=duration, path=event.path or None)
        if drafts := self._drafts(recording, status, duration):
            await store.outbox.enqueue_callbacks(self._session.call.sid, drafts)
        detail = {"sid": recording.sid, "status": status, "ms": event.milliseconds, "reason": event.reason}
        self._session.note(TimelineKind.MEDIA, "recorded", detail)
        self._exchange.detach_recording(recording.sid)
        self._running.pop(recording.sid, None)
        kept = status == "completed"
        match recording.source:
            case Source.VERB:
                self._session.feed(self._verb_done(recording, event, duration, not kept))
            case Source.DIAL:
                sid = recording.sid if kept else ""
                self._session.feed(BridgeRecorded(sid, self._url(recording), duration))
            case Source.CALL:
                pass

    def _verb_done(
        self, recording: _Recording, event: RecordingFinished, duration: int, empty: bool
    ) -> events.RecordingDone:
        reason: Literal["silence", "max-length", "hangup", "stopped"] = "stopped"
        if self._session.call.is_over:
            reason = "hangup"
        elif event.reason == "silence" or event.reason == "max-length":
            reason = event.reason
        return events.RecordingDone(
            recording.number, recording.sid, self._url(recording), duration, reason, empty
        )

    def _url(self, recording: _Recording) -> str:
        base = self._exchange.settings.public_url
        return f"{base}/2010-04-01/Accounts/{self._session.account.sid}/Recordings/{recording.sid}"

    def _row(self, recording: _Recording) -> RecordingRecord:
        return RecordingRecord(
            sid=recording.sid,
            account_sid=self._session.account.sid,
            call_sid=self._session.call.sid,
            source=recording.source.value,
            status="in-progress",
            date_created=recording.began,
            date_updated=utcnow(),
            channels=recording.channels,
            start_time=recording.began,
        )

    def _drafts(self, recording: _Recording, status: str, duration: int) -> list[CallbackDraft]:
        """The recordingStatusCallback, if this status was asked for."""
        callback = recording.callback
        # There is no event that asks for failures: who asked for the complete recording waits for it.
        asked_as = "completed" if status == "failed" else status
        if callback is None or asked_as not in callback.events:
            return []
        params = recording_status_params(
            account_sid=self._session.account.sid,
            call_sid=self._session.call.sid,
            recording=RecordingParams(recording.sid, self._url(recording), duration),
            status=status,
            source=recording.source.value,
            start_time=format_datetime(recording.began),
            channels=recording.channels,
        )
        draft = CallbackDraft(
            self._session.account.sid, callback.url, callback.method, tuple(params), f"recording-{status}"
        )
        return [draft]


def status_of(event: RecordingFinished, source: Source) -> Literal["completed", "absent", "failed"]:
    """The status of a finished Recording. Only a ``<Record>`` in which nobody spoke is absent."""
    if event.reason == "failed":
        return "failed"
    return "absent" if event.empty and source is Source.VERB else "completed"
