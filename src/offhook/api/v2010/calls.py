"""Calls: make one, look at it, change it while it lives. https://www.twilio.com/docs/voice/api/call-resource"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final

import msgspec

from offhook import clock, errors, ids
from offhook.api.authentication import require_active
from offhook.api.forms import Between, Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.bus import subjects
from offhook.bus.nats import RequestError
from offhook.calls.callbacks import Outcome, status_callback
from offhook.calls.request import CallRequest
from offhook.calls.status import TERMINAL, CallbackEvent, CallStatus, Direction
from offhook.numbers import e164, formatted, is_sip_caller, sip_refusal
from offhook.store.calls import CallFilters
from offhook.store.paging import Page, PageResult, TimeRange
from offhook.store.records import CallbackDraft, CallRecord, DeleteOutcome

MAX_TWIML: Final = 4000
MAX_SIP_AUTH: Final = 255
MAX_DIGITS: Final = 32
DIGITS: Final = frozenset("0123456789*#ABCDabcdwW,")
VOICE_TIMEOUT: Final = 5.0
ROW_TRIES: Final = 20
ROW_PAUSE: Final = 0.05

calls = Resource(
    CallRecord,
    {
        "to_formatted": lambda row: row.to_formatted or formatted(row.to),
        "from_formatted": lambda row: row.from_formatted or formatted(row.from_),
    },
)


class RecordingChannels(StrEnum):
    """Both parties on one channel, or each on its own."""

    MONO = "mono"
    DUAL = "dual"


class Trim(StrEnum):
    """Whether silence at both ends of a recording is cut off."""

    TRIM = "trim-silence"
    DO_NOT_TRIM = "do-not-trim"


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
    """A new call. What it does when answered: `url`, or `twiml` itself; the URL wins when both are given."""

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
        "ApplicationSid": "Applications are not built yet: use Url or Twiml",
        "Byoc": "BYOC trunks are not built yet: calls leave by the platform's own trunk",
        "MachineDetection": "who answers is not found out yet",
        "RecordingTrack": "a recording has both tracks; one alone is not built yet",
    }
    harmless: ClassVar = {"RecordingTrack": frozenset({"both"})}

    to: str = ""
    from_: str = ""
    url: Url = ""
    method: Method = HttpMethod.POST
    fallback_url: Url = ""
    fallback_method: Method = HttpMethod.POST
    twiml: str = ""
    status_callback: Url = ""
    status_callback_method: Method = HttpMethod.POST
    status_callback_event: tuple[CallbackEvent, ...] = ()
    timeout: Annotated[int, Between(1, 600)] = 60
    time_limit: Annotated[int, Between(1, 86400)] = 14400
    send_digits: str = ""
    record: bool = False
    recording_channels: RecordingChannels = RecordingChannels.MONO
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
    to = _destination(form.to)
    from_, phone_number_sid = await _caller(context, form.from_, to)
    if from_ == to:
        raise errors.rest(21211, "'To' and 'From' cannot be the same number.")
    _check_instructions(form)
    if form.caller_id and (e164(form.caller_id) or form.caller_id) != from_:
        raise errors.rest(20001, "CallerId: one other than From is not built yet", parameter="CallerId")
    now = clock.utcnow()
    call = CallRecord(
        sid=clock.new_sid(ids.CALL),
        account_sid=context.account.sid,
        to=to,
        from_=from_,
        to_formatted=formatted(to),
        from_formatted=formatted(from_),
        phone_number_sid=phone_number_sid,
        status=CallStatus.QUEUED,
        direction=Direction.OUTBOUND_API,
        date_created=now,
        date_updated=now,
        request=_request(form),
    )
    await context.store.calls.create_call(call)
    context.queued(call.sid, {"from": from_, "to": to})
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


def _destination(to: str) -> str:
    """Who is called: a number in E.164 or a SIP address."""
    if not to.strip():
        raise errors.rest(21201)
    scheme = to.partition(":")[0].lower()
    if scheme == "client":
        raise errors.rest(21214, "Calls to client: identities are not built yet")
    if scheme in ("sip", "sips"):
        if (refusal := sip_refusal(to)) is not None:
            raise errors.rest(21211, f"The 'To' address {to[:100]} {refusal}.")
        return to
    if (number := e164(to)) is None:
        raise errors.rest(21211, f"The 'To' number {to[:100]} is not a valid phone number.")
    return number


async def _caller(context: Context, from_: str, to: str) -> tuple[str, str | None]:
    """Who calls, and the SID of the number if it is one of the account's.

    A phone may be called from the account's own numbers only; a SIP address from any name.
    """
    if not from_.strip():
        raise errors.rest(21213)
    number = e164(from_)
    owned = await context.owned_number(number) if number is not None else None
    if owned is not None:
        return owned.phone_number, owned.sid
    if to.lower().startswith(("sip:", "sips:")) and (is_sip_caller(from_) or sip_refusal(from_) is None):
        return from_, None
    if number is None:
        raise errors.rest(21212, f"The 'From' number {from_[:100]} is not a valid phone number.")
    raise errors.rest(
        21210,
        f"The source phone number provided, {number}, is not yet verified for your account."
        " You may only make calls from phone numbers that your account owns.",
    )


def _check_instructions(form: CreateCall) -> None:
    """The call must have something to do, and what it has must be readable."""
    if not form.url and not form.twiml:
        raise errors.rest(21205, "Url parameter is required.")
    for name, value in (
        ("SipAuthUsername", form.sip_auth_username),
        ("SipAuthPassword", form.sip_auth_password),
    ):
        if len(value) > MAX_SIP_AUTH or not value.isprintable():
            raise errors.rest(
                20001, f"{name} is not a line of up to {MAX_SIP_AUTH} characters", parameter=name
            )
    _check_twiml(form.twiml)
    if len(form.send_digits) > MAX_DIGITS or not set(form.send_digits) <= DIGITS:
        raise errors.rest(21206, "SendDigits may hold up to 32 of 0-9, A-D, *, #, w, W and ,")


def _check_twiml(twiml: str) -> None:
    if len(twiml) > MAX_TWIML:
        raise errors.rest(20001, f"Twiml is longer than {MAX_TWIML} characters", parameter="Twiml")


def _request(form: CreateCall) -> Mapping[str, Any]:
    """What was asked for, as it is kept for the voice node: what was not given is left out."""
    asked = msgspec.structs.asdict(form)
    given = {
        name: value for name, value in asked.items() if value and name not in ("to", "from_", "caller_id")
    }
    return msgspec.convert(given, CallRequest, from_attributes=True).stored()


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
    await _ask_voice(context, call, {"op": "cancel" if status is UpdateStatus.CANCELED else "hangup"})
    return await _once_over(context, call)


async def _once_over(context: Context, call: CallRecord) -> CallRecord:
    """The row once it has its last status; the voice node writes it just after it has hung up."""
    for _ in range(ROW_TRIES):
        found = await fetch_call(context, call.sid)
        if found is None or found.status in TERMINAL:
            return found or call
        await asyncio.sleep(ROW_PAUSE)
    return call


async def _redirect(context: Context, call: CallRecord, form: UpdateCall) -> CallRecord:
    """Give a call other TwiML. Whether it is in progress its voice node knows, before the row says so."""
    if call.node is None:
        raise errors.rest(21220, "Call is not in-progress. Cannot redirect.")
    await _ask_voice(
        context,
        call,
        {
            "op": "redirect",
            "url": form.url or None,
            "method": form.method,
            "fallback_url": form.fallback_url or None,
            "fallback_method": form.fallback_method,
            "twiml": None if form.url else form.twiml,
        },
    )
    return replace(call, status=CallStatus.IN_PROGRESS)


async def _ask_voice(context: Context, call: CallRecord, request: Mapping[str, Any]) -> None:
    """Have the node that holds the call do something, and raise what it refuses with."""
    payload = msgspec.json.encode({"sid": call.sid, **request})
    subject = subjects.voice_calls(call.node or "")
    try:
        answer = msgspec.json.decode(await context.services.bus.request(subject, payload, VOICE_TIMEOUT))
    except RequestError as error:
        raise errors.rest(20503, "The voice node of the call does not answer") from error
    if "error" in answer:
        raise errors.rest(answer["error"], answer.get("message"))


def _final_callback(call: CallRecord) -> list[CallbackDraft]:
    """The status callback of a call that is canceled before any node has taken it."""
    params = call.params(CallStatus.CANCELED)
    callback = status_callback(call.asked, params, CallbackEvent.COMPLETED, clock.utcnow(), Outcome(0))
    return [CallbackDraft.of_call(call.account_sid, callback)] if callback else []
