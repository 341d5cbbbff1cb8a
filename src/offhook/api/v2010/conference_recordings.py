"""Changing the recording of a conference in progress: pause, go on, stop.

https://www.twilio.com/docs/voice/api/conference-recording-resource. What has been recorded is in `recordings`.
"""

from __future__ import annotations

from offhook import errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.operations import Context, Resource
from offhook.api.v2010.call_recordings import PauseBehavior, UpdateCallRecording
from offhook.calls.rooms.conference import ConferenceStatus
from offhook.store.records import RecordingRecord

conference_recordings = Resource(RecordingRecord)


class UpdateConferenceRecording(UpdateCallRecording):
    """A change of a recording under way."""


@conference_recordings.operation("UpdateConferenceRecording")
async def update_conference_recording(
    context: Context, conference_sid: str, sid: str, form: UpdateConferenceRecording
) -> RecordingRecord | None:
    """Pause, go on with or stop a recording; its SID may be `Twilio.CURRENT`. One that is over: 20404."""
    require_active(context.account)
    conference = await context.store.conferences.fetch(context.account.sid, conference_sid)
    if conference is None or conference.node is None or conference.status == ConferenceStatus.COMPLETED:
        raise errors.rest(20404)
    request = {
        "op": "conference-recording",
        "account": context.account.sid,
        "sid": conference_sid,
        "recording": sid,
        "status": form.status,
        "silence": form.pause_behavior is PauseBehavior.SILENCE,
    }
    answer = await voice.ask(context.services, conference.node, request)
    return await context.store.recordings.fetch(context.account.sid, answer["sid"])
