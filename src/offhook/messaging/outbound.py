"""Texts on their way out: claimed in batches, given to the carrier that serves them, and what came of it recorded.

A young job belongs to the node that the bus tells of it, and nothing is written before its text is sent; one
that takes longer is kept, which makes it `sending`, and one found later is claimed. A job that no carrier has
room for is neither: it stays `queued` and is remembered here until a carrier is there again (the outbox
remembers it too, should this process die), or until its validity ends: how long a text is tried is a matter of
time, never of tries. A text that is not answered for becomes due again when its claim ends: it is sent again,
but for the segments whose ids are known, and may arrive twice, but is not lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from offhook.bus.nats import Work
from offhook.clock import monotonic, utcnow
from offhook.messaging.carriers import Carrier, DeliveryReport, IncomingText, OutgoingText
from offhook.messaging.moves import failed_move, queued_move, sent_move
from offhook.messaging.outcomes import ACCOUNT_SUSPENDED, VALIDITY_EXPIRED
from offhook.messaging.receipt_ids import canonical
from offhook.messaging.settlement import Settlement
from offhook.messaging.waiting import Waiting
from offhook.sms.message_state import MessageStatus
from offhook.store.database import DatabaseUnavailableError
from offhook.store.message_transitions import MessageTransition
from offhook.store.records import MessageRecord, TimelineEntry, TimelineKind, Topic
from offhook.store.store import Store

logger = logging.getLogger(__name__)

VALIDITY_SECONDS: Final = 14_400
"""How long a text may wait to be sent, unless its request says otherwise (ValidityPeriod)."""

EXPIRY_CHECK: Final = 0.5

ONE_SEGMENT: Final = 35
"""Characters that are one segment in any alphabet."""

FRESH_SECONDS: Final = 1.0
"""No segment of a text that is younger can be at an SMSC already."""

BATCH: Final = 200
"""Jobs claimed at a time."""

EXTEND_SECONDS: Final = 2.0
"""Twice this and the time that a job is young are well within `HOLD`."""

NO_READINGS: Final[Mapping[str, str]] = {}

Inbound = Callable[[MessageRecord], None]
"""Takes the webhook job of a received message, whose end `Outbound.release` reports."""


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
        readings: how carriers' receipts write ids, see `receipts.Receipts`.
    """

    def __init__(
        self,
        store: Store,
        carriers: Sequence[Carrier],
        answer: Inbound,
        receive: Callable[[IncomingText], Awaitable[None]],
        readings: Mapping[str, str] = NO_READINGS,
    ) -> None:
        self._store = store
        self._carriers = carriers
        self._answer = answer
        self._receive = receive
        self._settlement = Settlement(store.messages, self._moved, self._missed, self._told, readings)
        self._claimed: dict[str, _Claimed] = {}
        self._unclaimed: list[str] = []
        self._closing = False
        self._waiting = Waiting()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._settlement.start()
        for carrier in self._carriers:
            carrier.start(self)
        self._keep(self._extend())
        self._keep(self._expire())

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
        """Have these jobs done, which the bus announced, as far as there is room for them."""
        ids = {item.sid: item.id for item in work}
        sids = await self._ready(list(ids))
        records = await self._store.messages.announced([ids[sid] for sid in sids]) if sids else []
        young = {record.sid for record in records}
        await self._do(records)
        await self._claim([sid for sid in sids if sid not in young])

    async def take(self, sids: Sequence[str]) -> None:
        """Claim the jobs of these texts and have them done, as far as there is room for them."""
        await self._claim(await self._ready(sids))

    async def _ready(self, sids: Sequence[str]) -> list[str]:
        """Those of the texts that are not under way and that there is room for; the others are remembered."""
        sids = [sid for sid in sids if sid not in self._claimed]
        if sids and any(carrier.room() == 0 for carrier in self._carriers):
            return await self._those_with_room(sids)
        return sids

    async def _claim(self, sids: Sequence[str]) -> None:
        if sids:
            await self._do(await self._store.messages.claim_batch(sids))
            self._waiting.claimed(sids)

    async def _do(self, records: Sequence[MessageRecord]) -> None:
        """Do jobs that are ours; when they cannot be begun they are ours no more."""
        now = monotonic()
        self._claimed.update((record.sid, _Claimed(record, now)) for record in records)
        try:
            codes = [await self._error_of(record) for record in records]
            outgoing = [
                record
                for record, code in zip(records, codes, strict=True)
                if code is None and record.direction != "inbound"
            ]
            taken = await self._taken(outgoing)
            routes = await self._routes(outgoing)
        except BaseException:
            for record in records:
                self.release(record.sid)
            raise
        for record, code in zip(records, codes, strict=True):
            if code is not None:
                self._settlement.move(record, failed_move(record, code))
            elif record.direction == "inbound":
                self._answer(record)
        for carrier, theirs in routes.items():
            self._carriers[carrier].submit([_text(record, taken.get(record.sid, ())) for record in theirs])

    async def _error_of(self, record: MessageRecord) -> int | None:
        """The error code of an outbound text that may not be sent any more, else None."""
        if record.direction == "inbound":
            return None
        if _seconds_left(record) <= 0:
            return VALIDITY_EXPIRED
        return None if await self._store.accounts.is_active(record.account_sid) else ACCOUNT_SUSPENDED

    async def _taken(self, records: Sequence[MessageRecord]) -> dict[str, tuple[str | None, ...]]:
        """The ids of segments that an SMSC took before, of texts that were tried before."""
        limit = utcnow() - timedelta(seconds=FRESH_SECONDS)
        sids = [
            record.sid for record in records if len(record.body) > ONE_SEGMENT and record.date_created < limit
        ]
        if not sids:
            return {}
        taken: dict[str, tuple[str | None, ...]] = {}
        for sid, segments in (await self._store.messages.segments_of(sids)).items():
            ids = {segment.segment: segment.smsc_id for segment in segments}
            taken[sid] = tuple(ids.get(number) for number in range(max(ids) + 1))
        return taken

    async def _those_with_room(self, sids: Sequence[str]) -> list[str]:
        """Those of the jobs that can be done now; the others are remembered."""
        records = await self._store.messages.fetch_batch(sids)
        ready = [sid for sid, record in records.items() if record.direction == "inbound"]
        routes = await self._routes([r for r in records.values() if r.direction != "inbound"])
        for carrier, theirs in routes.items():
            if self._carriers[carrier].room():
                ready.extend(record.sid for record in theirs)
                continue
            obstacle = self._carriers[carrier].obstacle()
            for record in theirs:
                left = _seconds_left(record)
                if left <= 0:
                    ready.append(record.sid)
                    continue
                self._waiting.add(record.sid, monotonic() + left)
                if obstacle and self._waiting.first_told(record.sid):
                    detail = {"carrier": self._carriers[carrier].name, "reason": obstacle}
                    self._note(record, _kind(self._carriers[carrier].name), "waiting", detail)
        return ready

    async def _routes(self, records: Sequence[MessageRecord]) -> dict[int, list[MessageRecord]]:
        """The records by the index of the first carrier that serves them and is up, else the first at all."""
        routes: dict[int, list[MessageRecord]] = {}
        down: dict[str, int] = {}
        for index, carrier in enumerate(self._carriers):
            if not records:
                break
            served = await carrier.serves([record.to for record in records])
            is_up = not carrier.obstacle()
            rest: list[MessageRecord] = []
            for record, serves in zip(records, served, strict=True):
                if serves and is_up:
                    routes.setdefault(index, []).append(record)
                    continue
                if serves:
                    down.setdefault(record.sid, index)
                rest.append(record)
            records = rest
        for record in records:
            if record.sid in down:
                routes.setdefault(down[record.sid], []).append(record)
        return routes

    def release(self, sid: str) -> None:
        """A job of this node has ended, or is not its any more."""
        self._claimed.pop(sid, None)

    # Carriers report.

    def accepted(self, carrier: str, text: OutgoingText, carrier_ids: Sequence[str]) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        milliseconds = round((monotonic() - claimed.since) * 1000)
        self._note(
            claimed.record,
            _kind(carrier),
            "submitted",
            {"carrier": carrier, "ids": list(carrier_ids), "segments": len(carrier_ids), "ms": milliseconds},
        )
        self._settlement.move(
            claimed.record, sent_move(claimed.record, carrier, _new_ids(text, carrier_ids), utcnow())
        )

    def refused(self, carrier: str, text: OutgoingText, error_code: int, detail: str) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        self._note(
            claimed.record,
            TimelineKind.ERROR,
            "refused",
            {"carrier": carrier, "reason": detail, "code": error_code},
        )
        self._settlement.move(claimed.record, failed_move(claimed.record, error_code))

    def deferred(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], detail: str, seconds: float | None
    ) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        if detail:
            what = {"carrier": carrier, "reason": detail, "again_in": seconds}
            self._note(claimed.record, _kind(carrier), "deferred", what)
        if any(new := _new_ids(text, ids)):
            self._settlement.partly(text.sid, carrier, new)

    def returned(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], written: bool, detail: str
    ) -> None:
        """See `Reports`."""
        if (claimed := self._claimed.get(text.sid)) is None:
            return
        if written:
            what = {"carrier": carrier, "reason": detail}
            self._note(claimed.record, _kind(carrier), "unanswered", what)
        self._settlement.move(claimed.record, queued_move(claimed.record, carrier, _new_ids(text, ids)))

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

    def _moved(self, record: MessageRecord, move: MessageTransition) -> None:
        self.release(move.sid)
        if move.status == MessageStatus.QUEUED:
            if not self._unclaimed and not self._closing:
                self._keep(self._give_back())
            self._unclaimed.append(move.sid)
            return
        detail: dict[str, Any] = {"status": move.status}
        if move.error_code is not None:
            detail |= {"error_code": move.error_code, "error_message": move.error_message}
        if move.status == MessageStatus.SENT:
            detail |= {"segments": move.num_segments, "price": str(move.price)}
        self._note(record, TimelineKind.STATUS, move.status, detail)

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

    async def _give_back(self) -> None:
        """End the claims of texts that are queued again, and try again if there is a carrier."""
        await asyncio.sleep(0)
        sids, self._unclaimed = self._unclaimed, []
        await self._store.outbox.extend(Topic.MESSAGES, sids, timedelta(0))
        for start in range(0, len(sids), BATCH):
            await self.take(sids[start : start + BATCH])

    async def _take_waiting(self) -> None:
        while self._waiting:
            sids = self._waiting.take(BATCH)
            await self.take(sids)
            if any(sid in self._waiting for sid in sids):
                return

    async def _expire(self) -> None:
        """Fail the texts whose validity ends while they wait."""
        while True:
            await asyncio.sleep(EXPIRY_CHECK)
            if sids := self._waiting.take_expired(monotonic()):
                try:
                    await self.take(sids)
                except DatabaseUnavailableError:
                    logger.warning("%d texts whose validity is over wait for PostgreSQL", len(sids))
                    for sid in sids:
                        self._waiting.add(sid, monotonic())

    async def _extend(self) -> None:
        """Keep the claims of what is under way for long: paced, throttled, or waiting for a slow webhook."""
        while True:
            await asyncio.sleep(EXTEND_SECONDS)
            limit = monotonic() - EXTEND_SECONDS
            held = [sid for sid, claimed in self._claimed.items() if claimed.since < limit]
            if held:
                try:
                    await self._store.messages.keep(held)
                except Exception:
                    logger.exception("the claims of %d messages could not be extended", len(held))

    def _note(self, record: MessageRecord, kind: TimelineKind, name: str, detail: dict[str, Any]) -> None:
        self._store.timelines.add(TimelineEntry(record.sid, record.account_sid, utcnow(), kind, name, detail))

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("a task of the node failed", exc_info=error)


def _kind(carrier: str) -> TimelineKind:
    return TimelineKind.SMPP if carrier.startswith("smpp:") else TimelineKind.SMS


def _new_ids(text: OutgoingText, ids: Sequence[str | None]) -> list[str | None]:
    """The ids as they are kept, None for those that were noted before."""
    return [
        None if carrier_id is None or any(text.taken[number : number + 1]) else canonical(carrier_id)
        for number, carrier_id in enumerate(ids)
    ]


def _text(record: MessageRecord, taken: tuple[str | None, ...]) -> OutgoingText:
    expires = asyncio.get_running_loop().time() + _seconds_left(record)
    return OutgoingText(record.sid, record.from_ or "", record.to, record.body, expires, taken)


def _seconds_left(record: MessageRecord) -> float:
    """How long a text may still wait to be sent."""
    validity: float = record.request.get("validity_period") or VALIDITY_SECONDS
    return validity - (utcnow() - record.date_created).total_seconds()
