"""Fetching a call's TwiML: the request with its standard parameters, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from offhook.delivery.client import FetchError, FetchRequest, FetchResponse, without_credentials
from offhook.store.records import CallRecord, TimelineKind
from offhook.twiml import effects, events
from offhook.voice import notes
from offhook.webhook.params import CallParams, Params, error_params, voice_params
from offhook.webhook.policy import cookie_key

if TYPE_CHECKING:
    from offhook.voice.session import CallSession


def record_params(record: CallRecord, status: str) -> CallParams:
    """What every webhook of a call says about it when it has this status."""
    return CallParams(
        call_sid=record.sid,
        account_sid=record.account_sid,
        from_=record.from_,
        to=record.to,
        status=status,
        direction=record.direction,
        forwarded_from=record.forwarded_from,
        caller_name=record.caller_name,
        parent_call_sid=record.parent_call_sid,
        extra=tuple((name, value) for name, value in record.request.get("webhook_params", ())),
    )


async def fetch_document(session: CallSession, effect: effects.Fetch) -> None:
    """Ask for TwiML and give the call what came back."""
    params = voice_params(record_params(session.record, session.call.status)) + list(effect.params)
    if effect.error is not None:
        params += error_params(*effect.error)
    request = FetchRequest(
        effect.url,
        effect.method,
        params,
        auth_token=session.account.auth_token,
        cookies=cookie_key(session.account.sid, session.record.from_, session.record.to),
    )
    try:
        response = await session.exchange.http.fetch(request)
    except FetchError as error:
        session.note(TimelineKind.WEBHOOK, "failed", _failure(request, params, error))
        session.feed(events.FetchFailed(effect.request, error.code, error.detail))
        return
    session.note(TimelineKind.WEBHOOK, "fetched", _answer(request, params, response))
    session.feed(
        events.Fetched(effect.request, response.url, response.status, response.content_type, response.body)
    )


def _asked(request: FetchRequest, params: Params) -> dict[str, Any]:
    return {
        "url": without_credentials(request.url),
        "method": request.method,
        "request": {"params": dict(params)},
    }


def _answer(request: FetchRequest, params: Params, response: FetchResponse) -> dict[str, Any]:
    return {
        **_asked(request, params),
        "status": response.status,
        "ms": response.elapsed_ms,
        "response": {"content_type": response.content_type, "body": notes.shown_body(response.body)},
        "error": None,
    }


def _failure(request: FetchRequest, params: Params, error: FetchError) -> dict[str, Any]:
    return {
        **_asked(request, params),
        "status": None,
        "ms": error.elapsed_ms,
        "response": None,
        "error": error.code,
        "reason": error.detail,
    }
