"""A participant that is dialled into a conference, with everything that a call and a conference can be asked for.

It is a call whose TwiML is ``<Dial><Conference>``, written here from the parameters. `ConferenceSid` in the path may
be a friendly name: if no conference of that name is live, it is made, also if it ends before the call is answered.

Decisions, where Twilio's documents are silent. A call that was dialled for a SID enters that conference or none: if it
has ended by then the call has a notification (16022) and ends. `EarlyMedia` lets others "hear the state of the outbound
call": the participant enters, with `participant-join` and all that follows, when the far end sends audio before it
answers (183 with SDP); one that only rings enters when it answers. If it comes to nothing it leaves with the
`ParticipantCallStatus` of its call. Until it answers it can be removed, not changed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, Final

from lxml import etree

from offhook import clock, errors, ids
from offhook.api.forms import Between, Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.dialling import (
    RecordingChannels,
    RecordingEvent,
    RecordingTrack,
    Trim,
    check_credentials,
    new_call,
    parties,
)
from offhook.calls.request import CallRequest
from offhook.calls.rooms.conference import ConferenceStatus
from offhook.calls.status import CallbackEvent
from offhook.store.records import ConferenceRecord, ParticipantRecord
from offhook.twiml.nouns.conference import LONGEST_NAME

MAX_LABEL: Final = 128
_OPEN_TRIES: Final = 8
_OPEN_PAUSE: Final = 0.5
_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}")


# The wait before a call is placed is told here only; it is placed at once.
new_participants = Resource(ParticipantRecord, {"queue_time": lambda row: 0})


class Beep(StrEnum):
    """When the others hear that the participant comes or goes."""

    ALWAYS = "true"
    NEVER = "false"
    ON_ENTER = "onEnter"
    ON_EXIT = "onExit"


class ConferenceRecording(StrEnum):
    """Whether the conference is recorded from its start."""

    TRUE = "true"
    FALSE = "false"
    FROM_START = "record-from-start"
    NEVER = "do-not-record"


class JitterBufferSize(StrEnum):
    """How much jitter of the participant's audio is evened out."""

    OFF = "off"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


class ConferenceEvent(StrEnum):
    """What the conference's status callback reports."""

    START = "start"
    END = "end"
    JOIN = "join"
    LEAVE = "leave"
    MUTE = "mute"
    HOLD = "hold"
    MODIFY = "modify"
    SPEAKER = "speaker"
    ANNOUNCEMENT = "announcement"


class CreateParticipant(Form):
    """A call into a conference. Those beginning with `conference` count only for the first in it."""

    codes: ClassVar = {
        "To": 21201,
        "From": 21213,
        "StatusCallback": 21205,
        "StatusCallbackMethod": 21209,
        "StatusCallbackEvent": 21626,
        "Timeout": 21208,
        "WaitUrl": 21205,
        "WaitMethod": 21209,
        "ConferenceStatusCallback": 21205,
        "ConferenceStatusCallbackMethod": 21209,
        "ConferenceStatusCallbackEvent": 21626,
        "ConferenceRecordingStatusCallback": 21205,
        "ConferenceRecordingStatusCallbackMethod": 21209,
        "ConferenceRecordingStatusCallbackEvent": 21626,
        "RecordingStatusCallback": 21205,
        "RecordingStatusCallbackMethod": 21209,
        "RecordingStatusCallbackEvent": 21626,
        "MachineDetection": 21234,
    }
    refuses: ClassVar = {
        "AmdStatusCallback": "who answers is not found out yet",
        "Byoc": "BYOC trunks are not built yet: calls leave by the platform's own trunk",
        "MachineDetection": "who answers is not found out yet",
    }

    to: str = ""
    from_: str = ""
    caller_id: str = ""
    label: str | None = None
    status_callback: Url = ""
    status_callback_method: Method = HttpMethod.POST
    status_callback_event: tuple[CallbackEvent, ...] = (CallbackEvent.COMPLETED,)
    timeout: Annotated[int, Between(5, 600)] = 60
    time_limit: Annotated[int, Between(1, 86400)] = 14400
    early_media: bool = True
    sip_auth_username: str = ""
    sip_auth_password: str = ""
    record: bool = False
    recording_channels: RecordingChannels = RecordingChannels.MONO
    recording_track: RecordingTrack = RecordingTrack.BOTH
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = HttpMethod.POST
    recording_status_callback_event: tuple[RecordingEvent, ...] = (RecordingEvent.COMPLETED,)
    trim: Trim = Trim.TRIM
    muted: bool = False
    beep: Beep | None = None
    start_conference_on_enter: bool = True
    end_conference_on_exit: bool = False
    wait_url: Url | None = None
    wait_method: Method | None = None
    max_participants: Annotated[int, Between(2, 250)] | None = None
    jitter_buffer_size: JitterBufferSize | None = None
    region: str | None = None
    coaching: bool | None = None
    call_sid_to_coach: str = ""
    conference_record: ConferenceRecording | None = None
    conference_trim: Trim | None = None
    conference_status_callback: Url = ""
    conference_status_callback_method: Method | None = None
    conference_status_callback_event: tuple[ConferenceEvent, ...] = (
        ConferenceEvent.START,
        ConferenceEvent.END,
    )
    conference_recording_status_callback: Url = ""
    conference_recording_status_callback_method: Method | None = None
    conference_recording_status_callback_event: tuple[RecordingEvent, ...] = (RecordingEvent.COMPLETED,)

    @property
    def coached(self) -> str | None:
        """The SID of the call that alone hears the participant; None for all.

        Raises:
            RestError: 20001 coaching, but nobody.
        """
        if self.coaching and not self.call_sid_to_coach:
            raise errors.rest(20001, "CallSidToCoach is required when Coaching is true")
        return None if self.coaching is False else self.call_sid_to_coach or None


@new_participants.operation("CreateParticipant")
async def create_participant(
    context: Context, conference_sid: str, form: CreateParticipant
) -> ParticipantRecord | None:
    """Dial a participant; it enters the conference when it answers, or is heard before."""
    who = await parties(context, form.to, form.from_, form.caller_id)
    check_credentials(form.sip_auth_username, form.sip_auth_password)
    _check_label(form.label)
    coached = form.coached
    conference = await _conference(context, conference_sid)
    if conference is None:
        return None
    await _check_others(context, conference, form.label, coached)
    only = conference.sid if ids.is_sid(conference_sid, ids.CONFERENCE) else None
    call = new_call(context, who, _request(form, twiml(form, conference.friendly_name), only))
    participant = ParticipantRecord(
        conference_sid=conference.sid,
        call_sid=call.sid,
        account_sid=call.account_sid,
        status="queued",
        date_created=call.date_created,
        date_updated=call.date_updated,
        label=form.label,
        muted=form.muted,
        coaching=coached is not None,
        call_sid_to_coach=coached,
        start_conference_on_enter=form.start_conference_on_enter,
        end_conference_on_exit=form.end_conference_on_exit,
    )
    await context.store.conferences.expect(participant)
    await context.store.calls.create_call(call)
    context.queued(call.sid, {"from": call.from_, "to": call.to, "conference": conference.sid})
    return participant


async def _conference(context: Context, name: str) -> ConferenceRecord | None:
    """The conference with this SID, or the live one of this name, which is made if there is none.

    Raises:
        RestError: 16022 it is completed, 20001 the name is malformed, 20503 its node has just died.
    """
    if ids.is_sid(name, ids.CONFERENCE):
        found = await context.store.conferences.fetch(context.account.sid, name)
        if found is not None and found.status == ConferenceStatus.COMPLETED:
            raise errors.rest(16022)
        return found
    name = name.strip()
    if not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        raise errors.rest(20001, f"The name of a conference is a line of 1 to {LONGEST_NAME} characters")
    now = clock.utcnow()
    wanted = ConferenceRecord(
        clock.new_sid(ids.CONFERENCE), context.account.sid, name, ConferenceStatus.INIT, now, now
    )
    for _ in range(_OPEN_TRIES):
        if (found := await context.store.conferences.open(wanted)) is not None:
            return found
        await asyncio.sleep(_OPEN_PAUSE)
    raise errors.rest(20503, "The voice node that held the conference is gone; it is being ended")


def _check_label(label: str | None) -> None:
    if label is None:
        return
    if not 0 < len(label) <= MAX_LABEL or "/" in label or not label.isprintable():
        raise errors.rest(16024)
    if _CALL_SID.fullmatch(label):
        raise errors.rest(16024)


async def _check_others(
    context: Context, conference: ConferenceRecord, label: str | None, coached: str | None
) -> None:
    """Nobody else has the label, and whoever is to be coached is there and listens."""
    find = context.store.conferences.participant
    if label is not None and await find(conference.sid, label) is not None:
        raise errors.rest(16026)
    if coached is None:
        return
    other = await find(conference.sid, coached)
    if other is None or other.call_sid != coached:
        raise errors.rest(16028)
    if other.hold:
        raise errors.rest(16027)


def _request(form: CreateParticipant, document: str, conference: str | None) -> CallRequest:
    """What the voice node is asked to dial, and for which conference alone."""
    return CallRequest(
        twiml=document,
        conference=conference,
        early_media=form.early_media,
        status_callback=form.status_callback or None,
        status_callback_method=form.status_callback_method.value,
        status_callback_event=form.status_callback_event,
        timeout=form.timeout,
        time_limit=form.time_limit,
        record=form.record,
        recording_channels=form.recording_channels.value,
        recording_track=form.recording_track.value,
        recording_status_callback=form.recording_status_callback or None,
        recording_status_callback_method=form.recording_status_callback_method.value,
        recording_status_callback_event=tuple(form.recording_status_callback_event),
        trim=form.trim.value,
        sip_auth_username=form.sip_auth_username or None,
        sip_auth_password=form.sip_auth_password or None,
    )


def twiml(form: CreateParticipant, name: str) -> str:
    """The document that brings the call into the conference of that name."""
    response = etree.Element("Response")
    noun = etree.SubElement(etree.SubElement(response, "Dial"), "Conference", dict(_attributes(form)))
    noun.text = name
    return etree.tostring(response, encoding="unicode")


def _attributes(form: CreateParticipant) -> Iterator[tuple[str, str]]:
    """The attributes of ``<Conference>`` that were asked for."""
    given: dict[str, str | bool | int | None] = {
        "muted": form.muted or None,
        "beep": form.beep,
        "startConferenceOnEnter": form.start_conference_on_enter,
        "endConferenceOnExit": form.end_conference_on_exit,
        "waitUrl": form.wait_url,
        "waitMethod": form.wait_method,
        "maxParticipants": form.max_participants,
        "record": form.conference_record,
        "trim": form.conference_trim,
        "coach": form.coached,
        "participantLabel": form.label,
        "jitterBufferSize": form.jitter_buffer_size,
        "region": form.region,
    }
    if form.conference_status_callback:
        given |= {
            "statusCallback": form.conference_status_callback,
            "statusCallbackMethod": form.conference_status_callback_method,
            "statusCallbackEvent": " ".join(form.conference_status_callback_event),
        }
    if form.conference_recording_status_callback:
        given |= {
            "recordingStatusCallback": form.conference_recording_status_callback,
            "recordingStatusCallbackMethod": form.conference_recording_status_callback_method,
            "recordingStatusCallbackEvent": " ".join(form.conference_recording_status_callback_event),
        }
    for attribute, value in given.items():
        if value is not None:
            yield attribute, str(value).lower() if isinstance(value, bool) else str(value)
