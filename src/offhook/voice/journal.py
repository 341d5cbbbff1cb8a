"""What one call puts on record: statuses with their callbacks, notifications, its timeline; in order, never lost.

The call does not wait for its rows: they are written one after the other behind it. While PostgreSQL is away they
wait, and a write that fails for another reason is tried again; the call goes on.
"""

from __future__ import annotations

import asyncio
import logging
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
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import CallbackDraft, CallRecord, NotificationRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.webhook.params import RecordingParams

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 30.0
"""How long to wait before a write that failed is tried again: twice as long each time, up to the last."""
MOST_TRIES: Final = 5
"""A notification that cannot be written is given up after this many tries. A status never is: a row would live on."""


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
        self._writes: asyncio.Queue[_Write | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"{record.sid}-journal")

    def changed(self, effect: Changed, recording: RecordingParams | None = None) -> None:
        """Commit a new status. `recording`: that of the whole call, once the call is over."""
        at = utcnow()
        detail: dict[str, int] = {}
        if effect.response:
            detail["response"] = effect.response
        if effect.duration is not None:
            detail["duration"] = effect.duration
        self.note(TimelineKind.STATUS, effect.status, detail)
        self._writes.put_nowait(
            _Write(lambda: self._commit(effect, at, recording), effect.status in TERMINAL)
        )

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
        self._writes.put_nowait(_Write(lambda: self._store.notifications.create(row)))

    async def write(self, work: Callable[[], Awaitable[object]]) -> None:
        """Do another write of the call's in its turn; return when it is done, or given up for good."""
        write = _Write(work)
        self._writes.put_nowait(write)
        await write.done.wait()

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""
        record = self._record
        entry = TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail or {})
        self._store.timelines.add(entry)

    async def close(self) -> None:
        """Return when everything is written."""
        self._writes.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while (write := await self._writes.get()) is not None:
            await self._persist(write)
            write.done.set()

    async def _persist(self, write: _Write) -> None:
        """Write, however long the database is away or its disk is full."""
        pause, tries = FIRST_PAUSE, 0
        while True:
            try:
                await write.work()
                return
            except DatabaseUnavailableError as error:
                logger.warning("%s waits for the database: %s", self._record.sid, error)
            except Exception:
                tries += 1
                if tries >= MOST_TRIES and not write.final:
                    logger.exception("%s could not be written, and is given up", self._record.sid)
                    return
                logger.exception("%s could not be written, and is tried again", self._record.sid)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

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


class _Write:
    """A write that waits. `final`: it is tried until it succeeds, because a live row would be left otherwise."""

    __slots__ = ("done", "final", "work")

    def __init__(self, work: Callable[[], Awaitable[object]], final: bool = False) -> None:
        self.work = work
        self.final = final
        self.done = asyncio.Event()


def row_status(status: CallStatus) -> str:
    """The status a Call resource shows: it has no word for `initiated`, and stays queued."""
    return CallStatus.QUEUED if status is CallStatus.INITIATED else status


_FROM: dict[CallStatus, frozenset[str]] = {
    target: frozenset(row_status(status) for status, targets in TRANSITIONS.items() if target in targets)
    for target in CallStatus
}
