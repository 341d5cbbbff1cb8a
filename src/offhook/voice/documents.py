"""Fetching a call's TwiML: the request with its standard parameters, and what came of it."""

from __future__ import annotations

from offhook.delivery.client import FetchError, FetchRequest, FetchResponse, WebhookClient
from offhook.delivery.evidence import Evidence
from offhook.store.records import AccountRecord
from offhook.twiml import effects, events
from offhook.webhook.params import CallParams, error_params, voice_params
from offhook.webhook.policy import cookie_key


async def fetch_document(
    http: WebhookClient, account: AccountRecord, call: CallParams, effect: effects.Fetch
) -> tuple[events.Fetched | events.FetchFailed, Evidence]:
    """Ask for TwiML: what came back, and the evidence of it."""
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
    outcome: FetchResponse | FetchError
    told: events.Fetched | events.FetchFailed
    try:
        outcome = await http.fetch(request)
    except FetchError as error:
        outcome = error
        told = events.FetchFailed(effect.request, error.code, error.detail)
    else:
        told = events.Fetched(effect.request, outcome.url, outcome.status, outcome.content_type, outcome.body)
    return told, Evidence(request.url, request.method, params, outcome)
