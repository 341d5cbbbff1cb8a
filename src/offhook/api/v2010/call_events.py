"""Call Events: the webhook requests that a call made, and what was answered.

https://www.twilio.com/docs/voice/api/call-event-resource. They are the webhook entries of the call's
timeline, where there is more: ``GET /offhook/v1/timelines/{CallSid}``.
"""

from __future__ import annotations

from typing import Any

from offhook.api.operations import Context, Resource
from offhook.api.paging import of_sequence
from offhook.api.schema import rfc2822, snake
from offhook.store.paging import Page, PageResult
from offhook.store.records import TimelineEntry


def _request(entry: TimelineEntry) -> dict[str, Any]:
    detail = entry.detail
    params = (detail.get("request") or {}).get("params") or {}
    pairs = params.items() if isinstance(params, dict) else params
    return {
        "method": detail.get("method"),
        "url": detail.get("url"),
        "parameters": {snake(name): value for name, value in pairs},
    }


def _response(entry: TimelineEntry) -> dict[str, Any]:
    detail = entry.detail
    answer = detail.get("response") or {}
    return {
        "response_code": detail.get("status"),
        "request_duration": detail.get("ms"),
        "content_type": answer.get("content_type"),
        "response_body": answer.get("body"),
        "date_created": rfc2822(entry.at),
    }


call_events = Resource(TimelineEntry, {"request": _request, "response": _response})


@call_events.operation("ListCallEvent")
async def list_call_events(context: Context, call_sid: str, page: Page) -> PageResult[TimelineEntry] | None:
    """The requests of a call, oldest first."""
    if await context.store.calls.fetch(context.account.sid, call_sid) is None:
        return None
    return of_sequence(list(await context.store.timeline.webhooks(call_sid)), page)
