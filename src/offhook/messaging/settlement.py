"""Commits what became of texts, in batches: one loop, in which what was accepted comes before the receipts.

Nobody waits for a query of a single text. What is to be committed stays here while PostgreSQL is away; what
dies with the process is either still claimed (and is sent again) or not acknowledged (and is reported again
by the SMSC).

A receipt may overtake the ids it speaks of: those of a text of several segments are known when the last is
accepted, and another node may have sent it. One that matches nothing is tried again for `PATIENCE` seconds,
then given up.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from offhook.clock import monotonic
from offhook.messaging.carriers import DeliveryReport
from offhook.messaging.moves import settled_move
from offhook.store.database import DatabaseUnavailableError
from offhook.store.messages import Messages, MessageTransition, Receipt, SegmentRecord
from offhook.store.records import MessageRecord

_log = logging.getLogger(__name__)

BATCH: Final = 500
PATIENCE: Final = 5.0
RETRY_SECONDS: Final = 0.2

DELIVERED: Final = "DELIVERED"

Moved = Callable[[MessageTransition, MessageRecord], None]
"""Told of each move that was made, with the new row."""

Told = Callable[[MessageRecord, str, DeliveryReport], None]
"""Told of a receipt: the message, the carrier, and what it reported."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A receipt that is not committed yet."""

    carrier: str
    report: DeliveryReport
    settled: Callable[[], None]
    until: float


class Settlement:
    """The loop. Use `start` and `close`; see the module.

    Args:
        moved: hears of moves once they are committed.
        told: hears of the last receipt of each message whose receipts are complete, before its move.
        missed: hears of moves that were not made, because the message had moved on.
    """

    def __init__(
        self, messages: Messages, moved: Moved, missed: Callable[[MessageTransition], None], told: Told
    ) -> None:
        self._messages = messages
        self._moved = moved
        self._missed = missed
        self._told = told
        self._moves: deque[MessageTransition] = deque()
        self._receipts: deque[_Waiting] = deque()
        self._unmatched: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Commit what there is to commit, then stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        with contextlib.suppress(DatabaseUnavailableError):
            await self._settle_all()

    def move(self, move: MessageTransition) -> None:
        """Have a move committed soon."""
        self._moves.append(move)
        self._wake.set()

    def receipt(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        """Have a receipt committed soon; `settled` is called then, or when it is given up."""
        self._receipts.append(_Waiting(carrier, report, settled, monotonic() + PATIENCE))
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if self._unmatched else None):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._settle_all()
            except DatabaseUnavailableError:
                _log.warning("%d outcomes wait for PostgreSQL", len(self._moves) + len(self._receipts))
                self._wake.set()
            except Exception:
                _log.exception("outcomes could not be committed and are tried again")
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def _settle_all(self) -> None:
        self._receipts.extend(self._unmatched)
        self._unmatched.clear()
        while self._moves or self._receipts:
            await self._settle_moves()
            await self._settle_receipts()

    async def _settle_moves(self) -> None:
        """Make the moves at the head of the queue, which holds them until they are committed."""
        batch = _different(self._moves)
        if not batch:
            return
        made = await self._transition(batch)
        for _ in batch:
            self._moves.popleft()
        for move, record in zip(batch, made, strict=True):
            if record is None:
                self._missed(move)
            else:
                self._moved(move, record)

    async def _transition(self, batch: Sequence[MessageTransition]) -> Sequence[MessageRecord | None]:
        """All in one transaction; one by one when something in it cannot be written."""
        try:
            return await self._messages.transition_batch(batch)
        except DatabaseUnavailableError:
            raise
        except Exception:
            _log.exception("a batch of %d outcomes is written one by one", len(batch))
        made: list[MessageRecord | None] = []
        for move in batch:
            try:
                made.append((await self._messages.transition_batch([move]))[0])
            except DatabaseUnavailableError:
                raise
            except Exception:
                _log.exception("%s: its outcome cannot be written", move.sid)
                made.append(None)
        return made

    async def _settle_receipts(self) -> None:
        batch = [self._receipts[index] for index in range(min(BATCH, len(self._receipts)))]
        if not batch:
            return
        found = await self._messages.record_receipts(
            [Receipt(waiting.carrier, waiting.report.carrier_id, _state(waiting.report)) for waiting in batch]
        )
        known = {(s.smsc, s.smsc_id) for segments in found.values() for s in segments}
        reports = {(w.carrier, w.report.carrier_id): w.report for w in batch}
        await self._deliver(found, reports)
        for _ in batch:
            self._receipts.popleft()
        self._part(batch, known)

    async def _deliver(
        self,
        found: dict[str, list[SegmentRecord]],
        reports: dict[tuple[str, str], DeliveryReport],
    ) -> None:
        """Move the messages whose receipts are complete."""
        verdicts = {sid: verdict for sid, segments in found.items() if (verdict := _verdict(segments))}
        if not verdicts:
            return
        records = await self._messages.fetch_batch(list(verdicts))
        moves = []
        for sid, record in records.items():
            carrier, report = next(
                (s.smsc, r) for s in found[sid] if (r := reports.get((s.smsc, s.smsc_id))) is not None
            )
            self._told(record, carrier, report)
            moves.append(settled_move(record, verdicts[sid], report))
        for move, made in zip(moves, await self._transition(moves), strict=True):
            if made is not None:
                self._moved(move, made)

    def _part(self, batch: Iterable[_Waiting], known: set[tuple[str, str]]) -> None:
        """Settle what was found, and keep what was not while there is hope."""
        now = monotonic()
        for waiting in batch:
            if (waiting.carrier, waiting.report.carrier_id) in known:
                waiting.settled()
            elif now < waiting.until:
                self._unmatched.append(waiting)
            else:
                _log.warning("%s: a receipt of a message that is not known", waiting.carrier)
                waiting.settled()


def _different(moves: deque[MessageTransition]) -> list[MessageTransition]:
    """The moves at the head, up to the first that is about a message again."""
    batch: list[MessageTransition] = []
    seen: set[str] = set()
    for move in moves:
        if move.sid in seen or len(batch) == BATCH:
            break
        seen.add(move.sid)
        batch.append(move)
    return batch


def _state(report: DeliveryReport) -> str:
    """What is kept of a receipt: that it was delivered, or the error code."""
    return DELIVERED if report.error_code is None else str(report.error_code)


def _verdict(segments: Sequence[SegmentRecord]) -> str | None:
    """What became of a message: the first error code of its segments, delivered when all are, else None."""
    states = [segment.receipt for segment in segments]
    failed = next((state for state in states if state is not None and state != DELIVERED), None)
    if failed is not None:
        return failed
    return DELIVERED if all(states) else None
