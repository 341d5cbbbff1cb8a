"""What one call puts on record: statuses with their callbacks, notifications, its timeline; in order, never lost.

The call does not wait for its rows: they are written one after the other behind it. While PostgreSQL is away they
wait, and a write that fails for another reason is tried again; the call goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from offhook.billing.rating import rate_call
from offhook.calls.callbacks import Outcome, status_callback
from offhook.calls.effects import Changed
from offhook.calls.status import TERMINAL, TRANSITIONS, CallbackEvent, CallStatus
from offhook.clock import new_sid, utcnow
from offhook.delivery.evidence import Evidence, shown_url
from offhook.delivery.failure_log import log_failed_webhook
from offhook.errors import NOTIFICATIONS
from offhook.store.records import CallbackDraft, CallRecord, NotificationRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.voice.writes import Writes
from offhook.webhook.params import RecordingParams

KEPT_REPEATS: Final = 5
"""Of what happens again and again while a call waits so many entries are kept at first;"""
KEPT_ONE_IN: Final = 100
"""then one in so many, with how often it has happened."""
_MOST_COUNTED: Final = 200
"""Different things that are counted; when there are more, counting begins anew."""


async def abandon(store: Store, record: CallRecord) -> None:
    """Write that a call was given up before anybody was called."""
    journal = Journal(store, record)
    journal.changed(Changed(CallStatus.CANCELED, CallbackEvent.COMPLETED, duration=0))
    await journal.close()


class Journal:
    """The writes of one call."""

    def __init__(self, store: Store, record: CallRecord) -> None:
        self._store = store
        self._record = record
        self._asked = record.asked
        self._started = record.start_time is not None
        self._writes = Writes(record.sid)
        self._repeats: dict[tuple[str, str], int] = {}

    def changed(self, effect: Changed, recording: RecordingParams | None = None) -> None:
        """Commit a new status. `recording`: that of the whole call, once the call is over."""
        at = utcnow()
        detail: dict[str, int] = {}
        if effect.response:
            detail["response"] = effect.response
        if effect.duration is not None:
            detail["duration"] = effect.duration
        self.note(TimelineKind.STATUS, effect.status, detail)
        self._writes.put(lambda: self._commit(effect, at, recording), final=effect.status in TERMINAL)

    def notify(self, code: int, message: str, url: str, evidence: Evidence | None = None) -> None:
        """Commit a notification. `evidence`: the request that is to blame, if there was one."""
        entry = NOTIFICATIONS.get(code)
        level = entry.level if entry is not None else "error"
        if url and level == "error":
            log_failed_webhook(self._record.sid, url, code, message)
        self.note(TimelineKind.ERROR, str(code), {"level": level, "message": message, "url": url})
        row = NotificationRecord(
            sid=new_sid("NO"),
            account_sid=self._record.account_sid,
            call_sid=self._record.sid,
            message_sid=None,
            log=1 if level == "warning" else 0,
            error_code=code,
            message_date=utcnow(),
            message_text=message or (entry.title if entry is not None else ""),
            request_url=shown_url(url) or None,
        )
        if evidence is not None:
            row = replace(row, **evidence.notified())
        self._writes.put(lambda: self._store.notifications.create(row))

    async def write(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do another write of the call's in its turn; return when it is done, or given up for good."""
        await self._writes.put(work).done.wait()

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""
        record = self._record
        entry = TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail or {})
        self._store.timelines.add(entry)

    def note_repeated(
        self, kind: TimelineKind, name: str, detail: Mapping[str, Any], again: str = ""
    ) -> None:
        """Write what may happen without end, as in music that is repeated, the less the oftener it does.

        `again`: what makes it the same as before, besides its name.
        """
        if len(self._repeats) >= _MOST_COUNTED:
            self._repeats.clear()
        times = self._repeats[name, again] = self._repeats.get((name, again), 0) + 1
        if times <= KEPT_REPEATS:
            self.note(kind, name, detail)
        elif times % KEPT_ONE_IN == 0:
            self.note(kind, name, {**detail, "times": times})

    async def close(self) -> None:
        """Return when everything is written."""
        await self._writes.close()

    async def _commit(self, effect: Changed, at: datetime, recording: RecordingParams | None) -> None:
        over = effect.status in TERMINAL
        await self._store.calls.transition(
            self._record.sid,
            row_status(effect.status),
            from_statuses=_FROM[effect.status],
            start_time=None if over or self._started else at,
            end_time=at if over else None,
            duration=effect.duration,
            price=rate_call(self._record.direction, effect.duration or 0).amount if over else None,
            sip_response_code=effect.response,
            callbacks=self._drafts(effect, at, recording),
        )
        self._started = True

    def _drafts(
        self, effect: Changed, at: datetime, recording: RecordingParams | None
    ) -> list[CallbackDraft]:
        """The status callback, if this event was asked for."""
        outcome = None
        if effect.duration is not None:
            outcome = Outcome(effect.duration, effect.response, recording=recording)
        params = self._record.params(effect.status)
        callback = status_callback(self._asked, params, effect.event, at, outcome)
        return [CallbackDraft.of_call(self._record.account_sid, callback)] if callback else []


def row_status(status: CallStatus) -> str:
    """The status a Call resource shows: it has no word for `initiated`, and stays queued."""
    return CallStatus.QUEUED if status is CallStatus.INITIATED else status


_FROM: dict[CallStatus, frozenset[str]] = {
    target: frozenset(row_status(status) for status, targets in TRANSITIONS.items() if target in targets)
    for target in CallStatus
}
