"""What one call puts on record: statuses with their callbacks, notifications, its timeline; in order, never lost.

The call does not wait for its rows: they are written one after the other behind it. While PostgreSQL is away
they wait; the call goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from offhook.billing.rating import rate_call
from offhook.calls.effects import Changed
from offhook.calls.status import TERMINAL, TRANSITIONS, CallbackEvent, CallStatus
from offhook.clock import new_sid, utcnow
from offhook.delivery.failure_log import log_failed_webhook
from offhook.errors import NOTIFICATIONS
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import CallbackDraft, CallRecord, NotificationRecord, TimelineEntry, TimelineKind
from offhook.voice.documents import record_params
from offhook.webhook.params import CallParams, call_status_params

if TYPE_CHECKING:
    from offhook.voice.exchange import Exchange

logger = logging.getLogger(__name__)

_DEFAULT_EVENTS = (CallbackEvent.COMPLETED.value,)


async def abandon(exchange: Exchange, record: CallRecord) -> None:
    """Write that a call was given up before anybody was called."""
    journal = Journal(exchange, record, lambda status: record_params(record, status))
    journal.changed(Changed(CallStatus.CANCELED, CallbackEvent.COMPLETED, duration=0))
    await journal.close()


class Journal:
    """The writes of one call."""

    def __init__(self, exchange: Exchange, record: CallRecord, params: Callable[[str], CallParams]) -> None:
        """`params` gives what a webhook says of the call when it has a status."""
        self._exchange = exchange
        self._record = record
        self._params = params
        self._started = record.start_time is not None
        self._writes: asyncio.Queue[Callable[[], Awaitable[object]] | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"{record.sid}-journal")

    def changed(self, effect: Changed) -> None:
        """Commit a new status."""
        at = utcnow()
        detail: dict[str, int] = {}
        if effect.response:
            detail["response"] = effect.response
        if effect.duration is not None:
            detail["duration"] = effect.duration
        self.note(TimelineKind.STATUS, effect.status, detail)
        self._writes.put_nowait(lambda: self._commit(effect, at))

    def notify(self, code: int, message: str, url: str) -> None:
        """Commit a notification."""
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
            request_url=url or None,
        )
        self._writes.put_nowait(lambda: self._exchange.store.notifications.create(row))

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""
        record = self._record
        entry = TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail or {})
        self._exchange.store.timelines.add(entry)

    async def close(self) -> None:
        """Return when everything is written."""
        self._writes.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while (write := await self._writes.get()) is not None:
            await self._persist(write)

    async def _persist(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write, however long the database is away."""
        while True:
            try:
                await write()
                return
            except DatabaseUnavailableError:
                logger.warning("%s waits for the database", self._record.sid)
            except Exception:
                logger.exception("%s could not be written", self._record.sid)
                return

    async def _commit(self, effect: Changed, at: datetime) -> None:
        over = effect.status in TERMINAL
        await self._exchange.store.calls.transition(
            self._record.sid,
            row_status(effect.status),
            from_statuses=_FROM[effect.status],
            start_time=None if over or self._started else at,
            end_time=at if over else None,
            duration=effect.duration,
            price=self._price(effect) if over else None,
            sip_response_code=effect.response,
            callbacks=self._drafts(effect, at),
        )
        self._started = True

    def _price(self, effect: Changed) -> Decimal:
        """What the call costs: its started minutes."""
        return rate_call(self._record.direction, effect.duration or 0).amount

    def _drafts(self, effect: Changed, at: datetime) -> list[CallbackDraft]:
        """The status callback, if this event was asked for."""
        asked = self._record.request
        url = asked.get("status_callback")
        if not url or effect.event not in (asked.get("status_callback_event") or _DEFAULT_EVENTS):
            return []
        params = call_status_params(
            self._params(effect.status),
            sequence=0,
            timestamp=format_datetime(at),
            duration=effect.duration,
            sip_response_code=effect.response,
        )
        unnumbered = tuple(pair for pair in params if pair[0] != "SequenceNumber")
        method = asked.get("status_callback_method") or "POST"
        draft = CallbackDraft(self._record.account_sid, url, method, unnumbered, effect.event, numbered=True)
        return [draft]


def row_status(status: CallStatus) -> str:
    """The status a Call resource shows: it has no word for `initiated`, and stays queued."""
    return CallStatus.QUEUED if status is CallStatus.INITIATED else status


_FROM: dict[CallStatus, frozenset[str]] = {
    target: frozenset(row_status(status) for status, targets in TRANSITIONS.items() if target in targets)
    for target in CallStatus
}
