"""Fetching TwiML: the request that an interpreter wants, and its outcome as the interpreter's event."""

from __future__ import annotations

from pathlib import Path

from offhook.delivery.client import FetchError, FetchRequest, FetchResponse, WebhookClient
from offhook.delivery.evidence import Evidence
from offhook.twiml import effects, events
from offhook.webhook.params import Params, error_params


async def fetch_document(
    http: WebhookClient,
    effect: effects.Fetch,
    params: Params,
    *,
    auth_token: str,
    cookies: str,
    idempotency_token: str | None = None,
    audio_to: Path | None = None,
) -> tuple[events.Fetched | events.FetchFailed, Evidence]:
    """Ask for TwiML: what came back, and the evidence of it.

    Args:
        params: of the call or the text, those of `effect` included; an error that led here is added.
        auth_token, cookies, idempotency_token, audio_to: see `FetchRequest`.
    """
    if effect.error is not None:
        params = params + error_params(*effect.error)
    request = FetchRequest(
        effect.url,
        effect.method,
        params,
        auth_token=auth_token,
        cookies=cookies,
        idempotency_token=idempotency_token,
        audio_to=audio_to,
    )
    outcome: FetchResponse | FetchError
    event: events.Fetched | events.FetchFailed
    try:
        outcome = await http.fetch(request)
    except FetchError as error:
        outcome = error
        event = events.FetchFailed(effect.request, error.code, error.detail)
    else:
        event = events.Fetched(
            effect.request, outcome.url, outcome.status, outcome.content_type, outcome.body
        )
    return event, Evidence(request.url, request.method, params, outcome)
