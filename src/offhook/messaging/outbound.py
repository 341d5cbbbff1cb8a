"""Texts on their way out: claimed in batches, given to the carrier that serves them, and what came of it
recorded.

A job that no carrier has room for is not claimed: it stays `queued` and is remembered here until a carrier
is there again (the outbox remembers it too, should this process die). A text that is claimed and not
answered for becomes due again when its claim ends: it is sent again, and may arrive twice, but is not lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from offhook.bus.nats import Work
from offhook.clock import monotonic, utcnow
from offhook.messaging.carriers import Carrier, DeliveryReport, IncomingText, OutgoingText
from offhook.messaging.moves import failed_move, queued_move, sent_move
from offhook.messaging.outcomes import ACCOUNT_SUSPENDED, QUEUE_OVERFLOW, UNKNOWN_ERROR
from offhook.messaging.settlement import Settlement
from offhook.sms.message_state import MessageStatus
from offhook.store.messages import MessageTransition
from offhook.store.records import MessageRecord, TimelineEntry, TimelineKind, Topic
from offhook.store.store import Store

_log = logging.getLogger(__name__)

VALIDITY_SECONDS: Final = 14_400
"""How long a text may wait to be sent, unless its request says otherwise (ValidityPeriod)."""

MOST_WAITING: Final = 100_000
"""Jobs remembered while no carrier takes them; more are left to the outbox's sweeper."""

MOST_ATTEMPTS: Final = 5
"""How often a text is sent whose fate nobody tells, before it is failed."""

BATCH: Final = 200
"""Jobs claimed at a time."""

EXTEND_SECONDS: Final = 5.0
HOLD: Final = timedelta(seconds=15)
"""How long a claim outlives a process that dies: until then its texts wait."""

Inbound = Callable[[MessageRecord], None]
"""Takes the webhook job of a received message, whose end is told by `Outbound.release`."""


@dataclass(slots=True)
class _Claimed:
    """A message that this node holds the job of."""

    record: MessageRecord
    since: float


class Outbound:
    """Consumes `work.messages` and is told by the carriers what becomes of texts (`carriers.Reports`).

    Args:
        carriers: in the order in which they are asked whether they serve a recipient.
        answer: see `Inbound`.
        receive: commits a text from outside.
    """

    def __init__(
        self,
        store: Store,
        carriers: Sequence[Carrier],
        answer: Inbound,
        receive: Callable[[IncomingText], Awaitable[None]],
    ) -> None:
        self._store = store
        self._carriers = carriers
        self._answer = answer
        self._receive = receive
        self._settlement = Settlement(store.messages, self._moved, self._missed, self._told)
        self._claimed: dict[str, _Claimed] = {}
        self._attempts: dict[str, int] = {}
        self._unclaimed: list[str] = []
        self._closing = False
        self._waiting: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._settlement.start()
        for carrier in self._carriers:
            carrier.start(self)
        self._keep(self._extend())

    async def close(self) -> None:
        """Let carriers finish, record what they did, and end the claims of what they gave back."""
        self._closing = True
        for carrier in self._carriers:
            await carrier.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._settlement.close()
        if self._unclaimed:
            await self._store.outbox.extend(Topic.MESSAGES, self._unclaimed, timedelta(0))

    # Work comes in.

    async def handle(self, work: Sequence[Work]) -> None:
        """Claim these jobs, which the bus announced, see `take`."""
        await self.take([item.sid for item in work])

    async def take(self, sids: Sequence[str]) -> None:
        """Claim the jobs of these texts and have them done, as far as there is room for them."""
        sids = [sid for sid in sids if sid not in self._claimed]
        if sids and any(carrier.room() == 0 for carrier in self._carriers):
            sids = await self._those_with_room(sids)
        if not sids:
            return
        records = await self._store.messages.claim_batch(sids, HOLD)
        now = monotonic()
        outgoing: list[MessageRecord] = []
        for record in records:
            self._claimed[record.sid] = _Claimed(record, now)
            if record.direction == "inbound":
                self._answer(record)
            elif _expired(record):
                self._settlement.move(failed_move(record, QUEUE_OVERFLOW))
            elif not await self._store.accounts.is_active(record.account_sid):
                self._settlement.move(failed_move(record, ACCOUNT_SUSPENDED))
            else:
                outgoing.append(record)
        for carrier, theirs in (await self._routes(outgoing)).items():
            self._carriers[carrier].submit([self._text(record) for record in theirs])

    async def _those_with_room(self, sids: Sequence[str]) -> list[str]:
        """Those of the jobs that can be done now; the others are remembered."""
        records = await self._store.messages.fetch_batch(sids)
        ready = [sid for sid, record in records.items() if record.direction == "inbound"]
        routes = await self._routes([r for r in records.values() if r.direction != "inbound"])
        for carrier, theirs in routes.items():
            if self._carriers[carrier].room():
                ready.extend(record.sid for record in theirs)
                continue
            for record in theirs:
                if _expired(record):
                    ready.append(record.sid)
                elif len(self._waiting) < MOST_WAITING:
                    self._waiting[record.sid] = None
        return ready

    async def _routes(self, records: Sequence[MessageRecord]) -> dict[int, list[MessageRecord]]:
        """The records by the index of the first carrier that serves them."""
        routes: dict[int, list[MessageRecord]] = {}
        for index, carrier in enumerate(self._carriers):
            if not records:
                break
            served = await carrier.serves([record.to for record in records])
            theirs = [record for record, serves in zip(records, served, strict=True) if serves]
            if theirs:
                routes[index] = theirs
            records = [record for record, serves in zip(records, served, strict=True) if not serves]
        return routes

    def _text(self, record: MessageRecord) -> OutgoingText:
        attempt = self._attempts.get(record.sid, 0) + 1
        return OutgoingText(record.sid, record.from_ or "", record.to, record.body, attempt)

    def release(self, sid: str) -> None:
        """A job of this node has ended, or is not its any more."""
        self._claimed.pop(sid, None)

    # Carriers report.

    def accepted(self, carrier: str, text: OutgoingText, carrier_ids: Sequence[str]) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        self._attempts.pop(text.sid, None)
        milliseconds = round((monotonic() - claimed.since) * 1000)
        self._note(
            claimed.record,
            _kind(carrier),
            "submitted",
            {"carrier": carrier, "ids": list(carrier_ids), "segments": len(carrier_ids), "ms": milliseconds},
        )
        self._settlement.move(sent_move(claimed.record, carrier, carrier_ids, utcnow()))

    def refused(self, carrier: str, text: OutgoingText, error_code: int, detail: str) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        self._attempts.pop(text.sid, None)
        self._note(
            claimed.record,
            TimelineKind.ERROR,
            "refused",
            {"carrier": carrier, "reason": detail, "code": error_code},
        )
        self._settlement.move(failed_move(claimed.record, error_code))

    def returned(self, carrier: str, text: OutgoingText, written: bool, detail: str) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        if written:
            self._attempts[text.sid] = text.attempt
            self._note(
                claimed.record, TimelineKind.SMPP, "unanswered", {"carrier": carrier, "reason": detail}
            )
        if self._attempts.get(text.sid, 0) >= MOST_ATTEMPTS:
            self.refused(carrier, text, UNKNOWN_ERROR, detail)
        else:
            self._settlement.move(queued_move(claimed.record))

    def reported(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        """See `Reports`."""
        self._settlement.receipt(carrier, report, settled)

    def available(self, carrier: str) -> None:
        """See `Reports`."""
        self._keep(self._take_waiting())

    async def incoming(self, text: IncomingText) -> None:
        """See `Reports`."""
        await self._receive(text)

    # Moves are committed.

    def _moved(self, move: MessageTransition, record: MessageRecord) -> None:
        self.release(record.sid)
        if record.status == MessageStatus.QUEUED:
            if not self._unclaimed and not self._closing:
                self._keep(self._give_back())
            self._unclaimed.append(record.sid)
            return
        detail: dict[str, Any] = {"status": record.status}
        if record.error_code is not None:
            detail |= {"error_code": record.error_code, "error_message": record.error_message}
        if record.status == MessageStatus.SENT:
            detail |= {"segments": record.num_segments, "price": str(record.price)}
        self._note(record, TimelineKind.STATUS, record.status, detail)

    def _told(self, record: MessageRecord, carrier: str, report: DeliveryReport) -> None:
        detail = {
            "carrier": carrier,
            "id": report.carrier_id,
            "state": report.state,
            "err": report.error,
            "done": report.done_at,
        }
        self._note(record, _kind(carrier), "receipt", detail)

    def _missed(self, move: MessageTransition) -> None:
        """The message has moved on without us: it was deleted, or another node sent it."""
        self.release(move.sid)
        self._attempts.pop(move.sid, None)

    async def _give_back(self) -> None:
        """End the claims of texts that are queued again, and try again if there is a carrier."""
        await asyncio.sleep(0)
        sids, self._unclaimed = self._unclaimed, []
        await self._store.outbox.extend(Topic.MESSAGES, sids, timedelta(0))
        self._waiting.update(dict.fromkeys(sids))
        await self._take_waiting()

    async def _take_waiting(self) -> None:
        while self._waiting:
            sids = list(islice(self._waiting, BATCH))
            for sid in sids:
                del self._waiting[sid]
            await self.take(sids)
            if any(sid in self._waiting for sid in sids):
                return

    async def _extend(self) -> None:
        """Keep the claims of what is under way for long: paced, throttled, or waiting for a slow webhook."""
        while True:
            await asyncio.sleep(EXTEND_SECONDS)
            limit = monotonic() - EXTEND_SECONDS
            held = [sid for sid, claimed in self._claimed.items() if claimed.since < limit]
            if held:
                try:
                    await self._store.outbox.extend(Topic.MESSAGES, held, HOLD)
                except Exception:
                    _log.exception("the claims of %d messages could not be extended", len(held))

    def _note(self, record: MessageRecord, kind: TimelineKind, name: str, detail: dict[str, Any]) -> None:
        self._store.timelines.add(TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail))

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a task of the node failed", exc_info=error)


def _kind(carrier: str) -> TimelineKind:
    return TimelineKind.SMPP if carrier.startswith("smpp:") else TimelineKind.SMS


def _expired(record: MessageRecord) -> bool:
    """Whether a text has waited for longer than it may."""
    validity = record.request.get("validity_period") or VALIDITY_SECONDS
    return (utcnow() - record.date_created).total_seconds() > validity
