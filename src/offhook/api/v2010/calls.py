"""Calls: make one, look at it, change it while it lives. https://www.twilio.com/docs/voice/api/call-resource"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final

import msgspec

from offhook import clock, errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.forms import Between, Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.dialling import (
    RecordingChannels,
    RecordingTrack,
    Trim,
    check_credentials,
    new_call,
    parties,
)
from offhook.calls.callbacks import Outcome, status_callback
from offhook.calls.request import CallRequest
from offhook.calls.status import TERMINAL, CallbackEvent, CallStatus
from offhook.numbers import e164, formatted
from offhook.store.calls import CallFilters
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.records import CallbackDraft, CallRecord, DeleteOutcome
from offhook.twiml.entry import method_of

MAX_TWIML: Final = 4000
MAX_DIGITS: Final = 32
DIGITS: Final = frozenset("0123456789*#ABCDabcdwW,")

calls = Resource(
    CallRecord,
    {
        "to_formatted": lambda row: row.to_formatted or formatted(row.to),
        "from_formatted": lambda row: row.from_formatted or formatted(row.from_),
    },
)


class RecordingEvent(StrEnum):
    """What the recording's status callback reports."""

    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    ABSENT = "absent"


class UpdateStatus(StrEnum):
    """How a live call is ended: before it is answered, or whenever."""

    CANCELED = "canceled"
    COMPLETED = "completed"


class CreateCall(Form):
    """A new call. What it does when answered: `application_sid`, else `url`, else `twiml` itself."""

    codes: ClassVar = {
        "To": 21201,
        "From": 21213,
        "Url": 21205,
        "Method": 21209,
        "FallbackUrl": 21205,
        "FallbackMethod": 21209,
        "StatusCallback": 21205,
        "StatusCallbackMethod": 21209,
        "StatusCallbackEvent": 21626,
        "Timeout": 21208,
        "RecordingStatusCallback": 21205,
        "RecordingStatusCallbackMethod": 21209,
        "RecordingStatusCallbackEvent": 21626,
        "SendDigits": 21206,
        "ApplicationSid": 21218,
        "MachineDetection": 21234,
    }
    refuses: ClassVar = {
        "Byoc": "BYOC trunks are not built yet: calls leave by the platform's own trunk",
        "MachineDetection": "who answers is not found out yet",
    }

    to: str = ""
    from_: str = ""
    url: Url = ""
    method: Method = HttpMethod.POST
    fallback_url: Url = ""
    fallback_method: Method = HttpMethod.POST
    twiml: str = ""
    application_sid: str = ""
    status_callback: Url = ""
    status_callback_method: Method = HttpMethod.POST
    status_callback_event: tuple[CallbackEvent, ...] = ()
    timeout: Annotated[int, Between(1, 600)] = 60
    time_limit: Annotated[int, Between(1, 86400)] = 14400
    send_digits: str = ""
    record: bool = False
    recording_channels: RecordingChannels = RecordingChannels.MONO
    recording_track: RecordingTrack = RecordingTrack.BOTH
    recording_status_callback: Url = ""
    recording_status_callback_method: Method = HttpMethod.POST
    recording_status_callback_event: tuple[RecordingEvent, ...] = ()
    trim: Trim = Trim.TRIM
    sip_auth_username: str = ""
    sip_auth_password: str = ""
    caller_id: str = ""


class UpdateCall(Form):
    """A change of a live call: its end, or other TwiML."""

    codes: ClassVar = {
        "Url": 21205,
        "Method": 21209,
        "FallbackUrl": 21205,
        "FallbackMethod": 21209,
        "Status": 21220,
    }
    refuses: ClassVar = {
        "StatusCallback": "it cannot be changed yet; give it when the call is created",
        "StatusCallbackMethod": "it cannot be changed yet; give it when the call is created",
        "TimeLimit": "it cannot be changed yet; give it when the call is created",
    }

    url: Url = ""
    method: Method = HttpMethod.POST
    fallback_url: Url = ""
    fallback_method: Method = HttpMethod.POST
    twiml: str = ""
    status: UpdateStatus | None = None


class ListCalls(Form):
    """Filters."""

    to: str | None = None
    from_: str | None = None
    parent_call_sid: str | None = None
    status: CallStatus | None = None
    start_time: TimeRange = TimeRange()
    end_time: TimeRange = TimeRange()


@calls.operation("CreateCall")
async def create_call(context: Context, form: CreateCall) -> CallRecord:
    """Queue a call; a voice node dials it at once."""
    who = await parties(context, form.to, form.from_, form.caller_id)
    _check_instructions(form)
    call = new_call(context, who, await _request(context, form))
    await context.store.calls.create_call(call)
    context.queued(call.sid, {"from": call.from_, "to": call.to})
    return call


@calls.operation("ListCall")
async def list_calls(context: Context, filters: ListCalls, page: Page) -> PageResult[CallRecord]:
    """Calls of the account, newest first."""
    chosen = CallFilters(
        to=filters.to and (e164(filters.to) or filters.to),
        from_=filters.from_ and (e164(filters.from_) or filters.from_),
        parent_call_sid=filters.parent_call_sid,
        status=filters.status,
        start_time=filters.start_time,
        end_time=filters.end_time,
    )
    return await context.store.calls.list_page(context.account.sid, chosen, page)


@calls.operation("FetchCall")
async def fetch_call(context: Context, sid: str) -> CallRecord | None:
    """One call."""
    return await context.store.calls.fetch(context.account.sid, sid)


@calls.operation("UpdateCall")
async def update_call(context: Context, sid: str, form: UpdateCall) -> CallRecord | None:
    """End a live call, or have one that is in progress run other TwiML from now on.

    A call goes on when its account is suspended. The parent may end it; nobody may give it something new to do.
    """
    _check_twiml(form.twiml)
    call = await fetch_call(context, sid)
    if call is None:
        return None
    if call.status in TERMINAL:
        raise errors.rest(21220, "Call is not in-progress. Cannot redirect.")
    if form.status is UpdateStatus.CANCELED and call.status == CallStatus.IN_PROGRESS:
        raise errors.rest(21220, "Call is in-progress. Only a queued or ringing call can be canceled.")
    if form.status is not None:
        return await end_call(context, call, form.status)
    if form.url or form.twiml:
        require_active(context.account)
        return await _redirect(context, call, form)
    return call


@calls.operation("DeleteCall")
async def delete_call(context: Context, sid: str) -> None:
    """Delete a call that is over."""
    match await context.store.calls.delete(context.account.sid, sid):
        case DeleteOutcome.LIVE:
            raise errors.rest(20009)
        case DeleteOutcome.NOT_FOUND:
            raise errors.rest(20404)


def _check_instructions(form: CreateCall) -> None:
    """The call must have something to do, and what it has must be readable."""
    if not form.url and not form.twiml and not form.application_sid:
        raise errors.rest(21205, "Url parameter is required.")
    check_credentials(form.sip_auth_username, form.sip_auth_password)
    _check_twiml(form.twiml)
    if len(form.send_digits) > MAX_DIGITS or not set(form.send_digits) <= DIGITS:
        raise errors.rest(21206, "SendDigits may hold up to 32 of 0-9, A-D, *, #, w, W and ,")


def _check_twiml(twiml: str) -> None:
    if len(twiml) > MAX_TWIML:
        raise errors.rest(20001, f"Twiml is longer than {MAX_TWIML} characters", parameter="Twiml")


async def _request(context: Context, form: CreateCall) -> CallRequest:
    """What was asked for, as it is kept for the voice node. An application replaces URLs and status callback."""
    asked = msgspec.structs.asdict(form)
    given = {name: value for name, value in asked.items() if value and name in CallRequest.__struct_fields__}
    request = msgspec.convert(given, CallRequest, from_attributes=True)
    return await _by_application(context, request) if request.application_sid else request


async def _by_application(context: Context, request: CallRequest) -> CallRequest:
    """A request that its application answers, as the application is at the moment."""
    application = await context.store.applications.of_account(context.account.sid, request.application_sid)
    if application is None:
        raise errors.rest(21218)
    if not application.voice_url:
        raise errors.rest(21218, f"The application {application.sid} has no VoiceUrl")
    return msgspec.structs.replace(
        request,
        twiml=None,
        url=application.voice_url,
        method=method_of(application.voice_method),
        fallback_url=application.voice_fallback_url,
        fallback_method=method_of(application.voice_fallback_method),
        status_callback=application.status_callback,
        status_callback_method=method_of(application.status_callback_method),
        status_callback_event=(CallbackEvent.COMPLETED,),
    )


async def end_call(context: Context, call: CallRecord, status: UpdateStatus) -> CallRecord | None:
    """End a live call: in the store while nobody dials it yet, else by its voice node."""
    now = clock.utcnow()
    if call.node is None:
        ended = await context.store.calls.cancel_queued(call.sid, now, _final_callback(call))
        if ended is not None:
            return ended
        claimed = await fetch_call(context, call.sid)
        if claimed is None or claimed.status in TERMINAL:
            return claimed
        call = claimed
    op = "cancel" if status is UpdateStatus.CANCELED else "hangup"
    sid = call.sid
    await voice.ask(context.services, call.node or "", {"op": op, "sid": sid})
    found = await voice.once(
        lambda: fetch_call(context, sid), lambda row: row is None or row.status in TERMINAL
    )
    return found or call


async def _redirect(context: Context, call: CallRecord, form: UpdateCall) -> CallRecord:
    """Give a call other TwiML. Whether it is in progress its voice node knows, before the row says so."""
    if call.node is None:
        raise errors.rest(21220, "Call is not in-progress. Cannot redirect.")
    await voice.ask(
        context.services,
        call.node,
        {
            "op": "redirect",
            "sid": call.sid,
            "url": form.url or None,
            "method": form.method,
            "fallback_url": form.fallback_url or None,
            "fallback_method": form.fallback_method,
            "twiml": None if form.url else form.twiml,
        },
    )
    return msgspec.structs.replace(call, status=CallStatus.IN_PROGRESS)


def _final_callback(call: CallRecord) -> list[CallbackDraft]:
    """The status callback of a call that is canceled before any node has taken it."""
    params = call.params(CallStatus.CANCELED)
    callback = status_callback(call.asked, params, CallbackEvent.COMPLETED, clock.utcnow(), Outcome(0))
    return [CallbackDraft.of_call(call.account_sid, callback)] if callback else []
