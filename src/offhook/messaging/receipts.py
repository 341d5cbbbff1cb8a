"""Delivery receipts on their way to the texts they are about.

A receipt may overtake the ids it speaks of: those of a text of several segments are known when the last is
accepted, another node may have sent it, or the response may only be late. One that matches nothing is tried
again for `PATIENCE` seconds, and then acknowledged; it is kept for `EARLY` seconds more, in case its text is
sent yet.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from offhook.clock import monotonic
from offhook.messaging.carriers import DeliveryReport
from offhook.messaging.receipt_ids import READINGS, Form, candidates, canonical, preferring
from offhook.store.message_transitions import MessageTransition
from offhook.store.messages import Match, Messages, Receipt, SegmentRecord

logger = logging.getLogger(__name__)

BATCH: Final = 500
PATIENCE: Final = 5.0
EARLY: Final = 600.0
MOST_EARLY: Final = 10_000

DELIVERED: Final = "DELIVERED"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A receipt that is not committed yet; `settled` is called when it may be acknowledged."""

    carrier: str
    report: DeliveryReport
    settled: Callable[[], None]
    since: float


@dataclass(frozen=True, slots=True)
class Matched:
    """Receipts with the message each is about, and the segments of those messages."""

    reports: Sequence[tuple[str, Waiting]]
    segments: Mapping[str, Sequence[SegmentRecord]]


class Receipts:
    """The queue; the settlement's loop drives it.

    Args:
        readings: how each carrier's receipts write ids (`receipt_ids.READINGS`), "auto" for any other.
    """

    def __init__(self, messages: Messages, readings: Mapping[str, str]) -> None:
        self._messages = messages
        self._forms = {carrier: READINGS[reading] for carrier, reading in readings.items()}
        self._queue: deque[Waiting] = deque()
        self._unmatched: list[Waiting] = []
        self._early: dict[tuple[str, str], Waiting] = {}

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def unmatched(self) -> bool:
        """Whether receipts are to be tried again soon."""
        return bool(self._unmatched)

    def add(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        """Have a receipt committed."""
        self._queue.append(Waiting(carrier, report, settled, monotonic()))

    def again(self) -> None:
        """Try those that matched nothing again."""
        self._queue.extend(self._unmatched)
        self._unmatched.clear()

    def sent(self, moves: Iterable[MessageTransition]) -> None:
        """These moves were made: try what came before them."""
        if not self._early:
            return
        for move in moves:
            for smsc_id in move.smsc_ids:
                waiting = self._early.get((move.smsc, canonical(smsc_id or "")))
                if waiting is not None:
                    self._forget(waiting)
                    self._queue.append(waiting)

    async def commit(self) -> Matched:
        """Note the receipts at the head of the queue, which holds them until that is done."""
        batch = [self._queue[index] for index in range(min(BATCH, len(self._queue)))]
        wanted = [candidates(w.report.carrier_id, self._forms_of(w.carrier)) for w in batch]
        matches, segments = await self._messages.record_receipts(
            [
                Receipt(waiting.carrier, list(ids), _state(waiting.report))
                for waiting, ids in zip(batch, wanted, strict=True)
            ]
        )
        for _ in batch:
            self._queue.popleft()
        reports: list[tuple[str, Waiting]] = []
        for waiting, ids, match in zip(batch, wanted, matches, strict=True):
            if match is None:
                self._keep(waiting)
            else:
                self._learn(waiting.carrier, ids, match)
                reports.append((match.message_sid, waiting))
        return Matched(reports, segments)

    def _forms_of(self, carrier: str) -> tuple[Form, ...]:
        return self._forms.get(carrier, READINGS["auto"])

    def _learn(self, carrier: str, ids: Mapping[str, Form], match: Match) -> None:
        """An id that could have been read otherwise, but only so matched anything, says how they are written."""
        if len(ids) > 1 and match.only:
            form = list(ids.values())[match.rank]
            self._forms[carrier] = preferring(form, self._forms_of(carrier))

    def _keep(self, waiting: Waiting) -> None:
        """Keep a receipt that matched nothing for as long as there is hope."""
        now = monotonic()
        if now < waiting.since + PATIENCE:
            self._unmatched.append(waiting)
            return
        logger.warning(
            "%s: a receipt of a message that is not known (yet): %.64r",
            waiting.carrier,
            waiting.report.carrier_id,
        )
        waiting.settled()
        for kept_id in candidates(waiting.report.carrier_id, READINGS["auto"]):
            self._early.setdefault((waiting.carrier, kept_id), waiting)
        while self._early:
            oldest = next(iter(self._early.values()))
            if len(self._early) <= MOST_EARLY and now < oldest.since + EARLY:
                break
            self._forget(oldest)

    def _forget(self, waiting: Waiting) -> None:
        for kept_id in candidates(waiting.report.carrier_id, READINGS["auto"]):
            if self._early.get((waiting.carrier, kept_id)) is waiting:
                del self._early[waiting.carrier, kept_id]


def _state(report: DeliveryReport) -> str | None:
    """What is kept of a receipt: that it was delivered, or the error code; nothing of one that is not final."""
    if not report.final:
        return None
    return DELIVERED if report.error_code is None else str(report.error_code)


def verdict_of(segments: Sequence[SegmentRecord]) -> str | None:
    """What became of a message: the first error code of its segments, delivered when all are, else None."""
    states = [segment.receipt for segment in segments]
    failed = next((state for state in states if state is not None and state != DELIVERED), None)
    if failed is not None:
        return failed
    return DELIVERED if all(states) else None
