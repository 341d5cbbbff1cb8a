"""Recording a call that is in progress: begin, pause, go on, stop.

https://www.twilio.com/docs/voice/api/recording. What has been recorded is in `recordings`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from offhook import errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.forms import Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.dialling import RecordingChannels, RecordingEvent, RecordingTrack, Trim
from offhook.store.records import RecordingRecord

_NOT_IN_PROGRESS: Final = 21220

call_recordings = Resource(RecordingRecord)


class RecordingStatus(StrEnum):
    """What a recording under way may be made."""

    PAUSED = "paused"
    IN_PROGRESS = "in-progress"
    STOPPED = "stopped"


class PauseBehavior(StrEnum):
    """What a pause leaves behind."""

    SILENCE = "silence"
    SKIP = "skip"


class CreateCallRecording(Form):
    """A recording that begins now."""

    codes: ClassVar = {
        "RecordingStatusCallback": 21205,
        "RecordingStatusCallbackMethod": 21209,
        "RecordingStatusCallbackEvent": 21626,
    }

    recording_status_callback: Url = ""
    recording_status_callback_method: Method = HttpMethod.POST
    recording_status_callback_event: tuple[RecordingEvent, ...] = (RecordingEvent.COMPLETED,)
    trim: Trim = Trim.DO_NOT_TRIM
    recording_channels: RecordingChannels = RecordingChannels.MONO
    recording_track: RecordingTrack = RecordingTrack.BOTH


class UpdateCallRecording(Form):
    """A change of a recording under way."""

    status: RecordingStatus
    pause_behavior: PauseBehavior = PauseBehavior.SILENCE


@call_recordings.operation("CreateCallRecording")
async def create_call_recording(
    context: Context, call_sid: str, form: CreateCallRecording
) -> RecordingRecord | None:
    """Record a call from now on, besides whatever else records it."""
    require_active(context.account)
    both = form.recording_track is RecordingTrack.BOTH
    request = {
        "op": "record",
        "sid": call_sid,
        "channels": 2 if form.recording_channels is RecordingChannels.DUAL and both else 1,
        "track": form.recording_track,
        "trim": form.trim is Trim.TRIM,
        "callback": form.recording_status_callback or None,
        "callback_method": form.recording_status_callback_method,
        "callback_events": list(form.recording_status_callback_event),
    }
    answer = await voice.ask(context.services, await _node(context, call_sid), request)
    return await voice.once(lambda: _fetch(context, answer["sid"]), lambda row: row is not None)


@call_recordings.operation("UpdateCallRecording")
async def update_call_recording(
    context: Context, call_sid: str, sid: str, form: UpdateCallRecording
) -> RecordingRecord | None:
    """Pause, go on with or stop a recording; its SID may be `Twilio.CURRENT`."""
    require_active(context.account)
    request = {
        "op": "recording",
        "sid": call_sid,
        "recording": sid,
        "status": form.status,
        "silence": form.pause_behavior is PauseBehavior.SILENCE,
    }
    answer = await voice.ask(context.services, await _node(context, call_sid), request)
    return await _fetch(context, answer["sid"])


async def _node(context: Context, call_sid: str) -> str:
    """The voice node of a live call. Raises RestError."""
    call = await context.store.calls.fetch(context.account.sid, call_sid)
    if call is None:
        raise errors.rest(20404)
    if call.node is None:
        raise errors.rest(_NOT_IN_PROGRESS, "The call is not in progress.")
    return call.node


async def _fetch(context: Context, sid: str) -> RecordingRecord | None:
    return await context.store.recordings.fetch(context.account.sid, sid)
