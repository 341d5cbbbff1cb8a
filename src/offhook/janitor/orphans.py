"""Ends the calls of voice nodes that are gone.

A live call whose lease has ended has lost its audio and its node. It gets its one terminal status here,
with its money and its final callback, in one transaction; should the node be alive after all and end it
too, the store lets only one of the two do it. A call that was answered is `completed`, any other
`failed`; in neither case is it dialled again: nobody knows whether the phone has rung.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final

from offhook.billing.rating import rate_call
from offhook.calls.callbacks import Outcome, status_callback
from offhook.calls.status import CallbackEvent, billable_seconds
from offhook.clock import utcnow
from offhook.store.call_transitions import CallTransition
from offhook.store.records import CallbackDraft, CallRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store

logger = logging.getLogger(__name__)

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
    logger.warning("ended %d calls whose voice node is gone", len(ended))
    return len(ended)


def ending(call: CallRecord, at: datetime) -> CallTransition:
    """How an orphaned call ends. Pure."""
    answered = call.status == "in-progress" and call.start_time is not None
    status = "completed" if answered else "failed"
    began = call.start_time.timestamp() if answered and call.start_time else None
    seconds = billable_seconds(began, at.timestamp())
    outcome = Outcome(seconds, call.sip_response_code, call.answered_by)
    callback = status_callback(call.asked, call.params(status), CallbackEvent.COMPLETED, at, outcome)
    return CallTransition(
        call.sid,
        status,
        _LIVE,
        end_time=at,
        duration=seconds,
        price=rate_call(call.direction, seconds).amount,
        callbacks=[CallbackDraft.of_call(call.account_sid, callback)] if callback else [],
    )
