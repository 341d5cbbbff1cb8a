"""Sends status callbacks from the outbox.

Callbacks of one resource to one URL go out in the order of their events, one at a time: the next is not taken
before the one before it was answered, given up, or has failed for `store.outbox.HOLD`. A failing URL keeps back
no other URL's. Each callback carries the `I-Twilio-Idempotency-Token` that it got when its event was committed,
the same on every attempt.

A callback is deleted after it was answered. A process that dies between the two leaves it to be sent again when
its claim ends, with the same token: callbacks come at least once.

What is tried again, after `RETRY_SECONDS`, is decided by `offhook.delivery.verdict`. The first failed attempt of
a callback is a notification (15003 for a status other than success about a call, 11200 about a message, else the
code of the failure) and a warning in the log; every attempt is in the timeline.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from offhook import ids, metrics
from offhook.clock import monotonic, new_sid, utcnow
from offhook.delivery.client import (
    FetchError,
    FetchRequest,
    FetchResponse,
    WebhookClient,
)
from offhook.delivery.evidence import Evidence
from offhook.delivery.failure_log import log_failed_webhook
from offhook.delivery.failures import CONNECTION_FAILURE
from offhook.delivery.verdict import Verdict, judge
from offhook.errors import NOTIFICATIONS, title
from offhook.store.outbox import HOLD
from offhook.store.records import NotificationRecord, OutboxRow, TimelineEntry, TimelineKind
from offhook.store.store import Store

logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = (1.0, 5.0, 25.0, 120.0, 600.0)
"""Pauses before the second, third… attempt; after the last one a callback is given up."""

SLOTS: Final = 500
"""Callbacks on their way at one time."""

SLOTS_PER_HOST: Final = 100
"""Of those, to one host: a server that hangs does not hold up the others' callbacks."""

_BATCH = 100
_TIMEOUT_SECONDS = 15.0
_SHORTEST_WAIT = 0.02
_LONGEST_WAIT = 2.0
_CLOSE_SECONDS = 3.0

_sent = metrics.registry.counter("callback_attempts", labels=1)
_seconds = metrics.registry.counter("callback_seconds")


class Dispatcher:
    """The loop that claims callbacks and sends them. Any number of them may run on one outbox.

    Args:
        store: its outbox, accounts, notifications and timelines are used.
        client: sends them.
        name: its own among all dispatchers of the outbox, the same when it is started again.
        retry_seconds: pauses between attempts.
        behind_failed: how long a callback that failed keeps back the later ones of its lane.
    """

    def __init__(
        self,
        store: Store,
        client: WebhookClient,
        name: str,
        *,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        slots: int = SLOTS,
        slots_per_host: int = SLOTS_PER_HOST,
        behind_failed: timedelta = HOLD,
    ) -> None:
        self._store = store
        self._client = client
        self._name = name
        self._retry_seconds = retry_seconds
        self._slots = slots
        self._slots_per_host = slots_per_host
        self._behind_failed = behind_failed
        self._running: dict[asyncio.Task[None], OutboxRow] = {}
        self._hosts: Counter[str] = Counter()
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look into the outbox now: there may be something new. `wake.callbacks` of the bus means this."""
        self._wake.set()

    async def run(self) -> None:
        """Send callbacks until cancelled; then give back what was not answered within a few seconds."""
        began = False
        try:
            while True:
                try:
                    if not began:
                        began = await self._begin()
                    await self._round()
                except Exception:
                    logger.exception("callbacks could not be claimed")
                    await asyncio.sleep(_LONGEST_WAIT)
        finally:
            await self._give_back()

    async def _begin(self) -> bool:
        """Take up what an earlier life was about to send when it died: it may be sent twice, but does not wait."""
        if left := await self._store.outbox.give_back(self._name):
            logger.info("%d callbacks that were under way are sent again", left)
        return True

    async def _round(self) -> None:
        """Take what is due, or else wait until something may be."""
        self._wake.clear()
        free = self._slots - len(self._running)
        if not free:
            await self._wake.wait()
            return
        rows = await self._store.outbox.claim_callbacks(
            min(free, _BATCH), self._name, behind_failed=self._behind_failed
        )
        for row in rows:
            await self._start(row)
        if not rows:
            await self._sleep()

    async def _sleep(self) -> None:
        due = await self._store.outbox.callback_due_in()
        pause = _LONGEST_WAIT if due is None else min(max(due, _SHORTEST_WAIT), _LONGEST_WAIT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _start(self, row: OutboxRow) -> None:
        host = _host(row.payload["url"])
        if self._hosts[host] >= self._slots_per_host:
            await self._store.outbox.postpone(row.id, timedelta(seconds=1))
            return
        self._hosts[host] += 1
        task = asyncio.create_task(self._send(row))
        self._running[task] = row
        task.add_done_callback(lambda done: self._ended(done, host))

    def _ended(self, task: asyncio.Task[None], host: str) -> None:
        row = self._running.pop(task)
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("callback %d of %s failed here", row.id, row.resource_sid, exc_info=error)
        self._wake.set()

    async def _send(self, row: OutboxRow) -> None:
        """Make one attempt, and settle what it means."""
        payload = row.payload
        account = await self._store.accounts.cached.get(payload["account_sid"])
        if account is not None and not account.is_active:
            await self._drop(row, f"the account is {account.status}")
            return
        request = FetchRequest(
            payload["url"],
            payload["method"],
            [(name, value) for name, value in payload["params"]],
            auth_token=account.auth_token if account is not None else None,
            timeout=_TIMEOUT_SECONDS,
            idempotency_token=payload["token"],
            once=True,
        )
        began = monotonic()
        try:
            outcome: FetchResponse | FetchError = await self._client.fetch(request)
        except FetchError as error:
            outcome = error
        except Exception as error:
            logger.exception("a callback of %s cannot be made", row.resource_sid)
            detail = f"the request cannot be made: {type(error).__name__}"
            outcome = FetchError(CONNECTION_FAILURE, detail)
        _seconds.add(monotonic() - began)
        await self._settle(row, outcome)

    async def _drop(self, row: OutboxRow, reason: str) -> None:
        """Give up a callback that is not to be sent."""
        _sent.add(1, "dropped")
        entry = TimelineEntry(
            row.resource_sid,
            row.payload["account_sid"],
            utcnow(),
            TimelineKind.NOTE,
            "callback not sent",
            {"event": row.payload["event"], "reason": reason},
        )
        self._store.timelines.add(entry)
        await self._store.outbox.done(row.id)

    async def _settle(self, row: OutboxRow, outcome: FetchResponse | FetchError) -> None:
        """Give the row up or back, and put on record what the attempt was."""
        verdict = judge(row.resource_sid, row.payload["url"], outcome, row.attempts, self._retry_seconds)
        self._store.timelines.add(_timeline_entry(row, outcome, verdict))
        if verdict.code is None:
            _sent.add(1, "answered")
            await self._store.outbox.done(row.id)
            return
        self._warn(row, verdict)
        if verdict.retry_after is None:
            _sent.add(1, "given-up")
            await self._store.outbox.done(row.id)
        else:
            _sent.add(1, "to-retry")
            await self._store.outbox.retry(row.id, timedelta(seconds=verdict.retry_after))
            asyncio.get_running_loop().call_later(self._behind_failed.total_seconds(), self.wake)
        if row.failed_at is None:
            await self._store.notifications.create(_notification(row, outcome, verdict.code))

    def _warn(self, row: OutboxRow, verdict: Verdict) -> None:
        """Log the first failure of a callback and the last."""
        repeated = row.failed_at is not None and verdict.retry_after is not None
        if verdict.code is None or repeated:
            return
        request = f"callback {row.payload['event']}"
        log_failed_webhook(row.resource_sid, row.payload["url"], verdict.code, verdict.words, request=request)

    async def _give_back(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_SECONDS)
        unanswered = dict(self._running)
        for task in unanswered:
            task.cancel()
        for row in unanswered.values():
            with contextlib.suppress(Exception):
                await self._store.outbox.postpone(row.id, timedelta())
        await self._store.outbox.flush()


def _timeline_entry(row: OutboxRow, outcome: FetchResponse | FetchError, verdict: Verdict) -> TimelineEntry:
    """What the attempt was, in the shape of a webhook's detail; of a failed one also why, and when the next is."""
    payload, now = row.payload, utcnow()
    detail = _evidence(row, outcome).detail() | {"attempt": row.attempts, "error": verdict.code}
    if verdict.code is not None:
        detail["reason"] = verdict.words
    if verdict.retry_after is not None:
        detail["next_attempt"] = (now + timedelta(seconds=verdict.retry_after)).isoformat(timespec="seconds")
    return TimelineEntry(
        row.resource_sid, payload["account_sid"], now, TimelineKind.CALLBACK, payload["event"], detail
    )


def _notification(row: OutboxRow, outcome: FetchResponse | FetchError, code: int) -> NotificationRecord:
    payload = row.payload
    about_call = ids.is_sid(row.resource_sid, ids.CALL)
    entry = NOTIFICATIONS.get(code)
    status = f" (HTTP {outcome.status})" if outcome.status else ""
    return NotificationRecord(
        sid=new_sid(ids.NOTIFICATION),
        account_sid=payload["account_sid"],
        call_sid=row.resource_sid if about_call else None,
        message_sid=None if about_call else row.resource_sid,
        log=1 if entry is not None and entry.level == "warning" else 0,
        error_code=code,
        message_date=utcnow(),
        message_text=f"{title(code)}{status}",
        **_evidence(row, outcome).notified(),
    )


def _evidence(row: OutboxRow, outcome: FetchResponse | FetchError) -> Evidence:
    payload = row.payload
    params = [(name, value) for name, value in payload["params"]]
    return Evidence(payload["url"], payload["method"], params, outcome)


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
