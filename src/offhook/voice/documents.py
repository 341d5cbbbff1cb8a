"""Fetching a call's TwiML: the request with its standard parameters, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from offhook.delivery.client import (
    FetchError,
    FetchRequest,
    FetchResponse,
    WebhookClient,
    without_credentials,
)
from offhook.store.records import AccountRecord, TimelineKind
from offhook.twiml import effects, events
from offhook.voice import notes
from offhook.webhook.params import CallParams, Params, error_params, voice_params
from offhook.webhook.policy import cookie_key

Note = Callable[[TimelineKind, str, Mapping[str, Any]], None]


async def fetch_document(
    http: WebhookClient, account: AccountRecord, call: CallParams, effect: effects.Fetch, note: Note
) -> events.Fetched | events.FetchFailed:
    """Ask for TwiML; what came back. `note` writes into the call's timeline."""
    params = voice_params(call) + list(effect.params)
    if effect.error is not None:
        params += error_params(*effect.error)
    request = FetchRequest(
        effect.url,
        effect.method,
        params,
        auth_token=account.auth_token,
        cookies=cookie_key(account.sid, call.from_, call.to),
        leaves_audio=True,
    )
    try:
        response = await http.fetch(request)
    except FetchError as error:
        note(TimelineKind.WEBHOOK, "failed", _failure(request, params, error))
        return events.FetchFailed(effect.request, error.code, error.detail)
    note(TimelineKind.WEBHOOK, "fetched", _answer(request, params, response))
    return events.Fetched(effect.request, response.url, response.status, response.content_type, response.body)


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
