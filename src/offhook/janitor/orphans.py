"""Ends the calls of voice nodes that are gone.

A live call whose lease has ended has lost its audio and its node. It gets its one terminal status here,
with its money and its final callback, in one transaction; should the node be alive after all and end it
too, the store lets only one of the two do it. A call that was answered is `completed`, any other
`failed`; in neither case is it dialled again: nobody knows whether the phone has rung.
"""

from __future__ import annotations

import logging
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from offhook.billing.rating import rate_call
from offhook.calls.status import CallbackEvent
from offhook.clock import utcnow
from offhook.store.calls import CallTransition
from offhook.store.records import CallbackDraft, CallRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.webhook.params import CallParams, call_status_params

_log = logging.getLogger(__name__)

_LIVE: Final = frozenset({"queued", "initiated", "ringing", "in-progress"})


async def end_orphans(store: Store, limit: int = 200) -> int:
    """End up to `limit` orphaned calls, and return how many."""
    orphans = await store.calls.orphans(limit)
    if not orphans:
        return 0
    now = utcnow()
    results = await store.calls.transition_batch([ending(call, now) for call in orphans])
    ended = [call for call in results if call is not None]
    for call in ended:
        detail = {
            "node": call.node,
            "duration": call.duration,
            "reason": "the voice node of the call is gone",
        }
        store.timelines.add(
            TimelineEntry(call.sid, call.account_sid, now, TimelineKind.STATUS, call.status, detail)
        )
    _log.warning("ended %d calls whose voice node is gone", len(ended))
    return len(ended)


def ending(call: CallRecord, at: datetime) -> CallTransition:
    """How an orphaned call ends. Pure."""
    answered = call.status == "in-progress" and call.start_time is not None
    status = "completed" if answered else "failed"
    seconds = max(0, round((at - call.start_time).total_seconds())) if answered and call.start_time else 0
    return CallTransition(
        call.sid,
        status,
        _LIVE,
        end_time=at,
        duration=seconds,
        price=rate_call(call.direction, seconds).amount,
        callbacks=final_callback(call, status, seconds, at),
    )


def final_callback(call: CallRecord, status: str, seconds: int, at: datetime) -> list[CallbackDraft]:
    """The callback that tells a call's end, if the call's maker asked for one. Pure."""
    url = call.request.get("status_callback")
    events = call.request.get("status_callback_event") or [CallbackEvent.COMPLETED.value]
    if not url or CallbackEvent.COMPLETED.value not in events:
        return []
    params = call_status_params(
        CallParams(
            call.sid,
            call.account_sid,
            call.from_,
            call.to,
            status,
            call.direction,
            forwarded_from=call.forwarded_from,
            caller_name=call.caller_name,
            parent_call_sid=call.parent_call_sid,
        ),
        sequence=0,
        timestamp=format_datetime(at),
        duration=seconds,
        sip_response_code=call.sip_response_code,
        answered_by=call.answered_by,
    )
    unnumbered = tuple(pair for pair in params if pair[0] != "SequenceNumber")
    method = call.request.get("status_callback_method") or "POST"
    return [CallbackDraft(call.account_sid, url, method, unnumbered, CallbackEvent.COMPLETED, numbered=True)]
