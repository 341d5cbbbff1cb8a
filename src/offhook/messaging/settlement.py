"""Commits what became of texts, in batches: one loop, in which what was accepted comes before the receipts.

Nobody waits for a query of a single text. What is to be committed stays here while PostgreSQL is away; what
dies with the process is either still claimed (and is sent again) or not acknowledged (and is reported again
by the SMSC).
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from offhook.messaging.carriers import DeliveryReport
from offhook.messaging.moves import settled_move
from offhook.messaging.receipts import Receipts, verdict_of
from offhook.store.database import DatabaseUnavailableError
from offhook.store.message_transitions import MessageTransition
from offhook.store.messages import Messages
from offhook.store.records import MessageRecord

logger = logging.getLogger(__name__)

BATCH: Final = 500
RETRY_SECONDS: Final = 0.2

Moved = Callable[[MessageRecord, MessageTransition], None]
"""Told of each move that was made, with the message as it was."""

Partly = tuple[str, str, Sequence[str | None]]
"""A message, the carrier that has taken some of its segments, and their ids."""

Told = Callable[[MessageRecord, str, DeliveryReport], None]
"""Told of a receipt: the message, the carrier, and what it reported."""


class Settlement:
    """The loop. Use `start` and `close`; see the module.

    Args:
        moved: hears of moves once they are committed.
        told: hears of each receipt of a message, before the move that it may mean.
        missed: hears of moves that were not made, because the message had moved on.
        readings: see `Receipts`.
    """

    def __init__(
        self,
        messages: Messages,
        moved: Moved,
        missed: Callable[[MessageTransition], None],
        told: Told,
        readings: Mapping[str, str],
    ) -> None:
        self._messages = messages
        self._moved = moved
        self._missed = missed
        self._told = told
        self._moves: deque[tuple[MessageRecord, MessageTransition]] = deque()
        self._partly: deque[Partly] = deque()
        self._receipts = Receipts(messages, readings)
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

    def move(self, record: MessageRecord, move: MessageTransition) -> None:
        """Have a move of a message committed soon."""
        self._moves.append((record, move))
        self._wake.set()

    def partly(self, sid: str, carrier: str, ids: Sequence[str | None]) -> None:
        """Have the ids of those segments of a text that a carrier has taken committed soon."""
        self._partly.append((sid, carrier, ids))
        self._wake.set()

    def receipt(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        """Have a receipt committed soon; `settled` is called then, or when it is given up."""
        self._receipts.add(carrier, report, settled)
        self._wake.set()

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_SECONDS if self._receipts.unmatched else None):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._settle_all()
            except DatabaseUnavailableError:
                logger.warning("%d outcomes wait for PostgreSQL", len(self._moves) + len(self._receipts))
                self._wake.set()
            except Exception:
                logger.exception("outcomes could not be committed and are tried again")
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def _settle_all(self) -> None:
        self._receipts.again()
        while self._moves or self._partly or len(self._receipts):
            await self._settle_partly()
            await self._settle_moves()
            await self._settle_receipts()

    async def _settle_partly(self) -> None:
        if not self._partly:
            return
        count = len(self._partly)
        latest = {self._partly[index][0]: self._partly[index] for index in range(count)}
        await self._messages.record_segments(list(latest.values()))
        for _ in range(count):
            self._partly.popleft()

    async def _settle_moves(self) -> None:
        """Make the moves at the head of the queue, which holds them until they are committed."""
        batch = _different(self._moves)
        if not batch:
            return
        moves = [move for _, move in batch]
        made = await self._transition(moves)
        for _ in batch:
            self._moves.popleft()
        self._receipts.sent(moves)
        for record, move in batch:
            if move.sid in made:
                self._moved(record, move)
            else:
                self._missed(move)

    async def _transition(self, moves: Sequence[MessageTransition]) -> set[str]:
        """Make moves in one transaction, or one by one when one cannot be written; the SIDs of those made."""
        try:
            return await self._messages.transition_batch(moves)
        except DatabaseUnavailableError:
            raise
        except Exception:
            logger.exception("a batch of %d outcomes is written one by one", len(moves))
        made: set[str] = set()
        for move in moves:
            try:
                made |= await self._messages.transition_batch([move])
            except DatabaseUnavailableError:
                raise
            except Exception:
                logger.exception("%s: its outcome cannot be written", move.sid)
        return made

    async def _settle_receipts(self) -> None:
        if not len(self._receipts):
            return
        matched = await self._receipts.commit()
        if not matched.reports:
            return
        records = await self._messages.fetch_batch(list(matched.segments))
        moves: dict[str, MessageTransition] = {}
        for sid, waiting in matched.reports:
            if (record := records.get(sid)) is None:
                continue
            self._told(record, waiting.carrier, waiting.report)
            verdict = verdict_of(matched.segments[sid])
            if waiting.report.final and verdict is not None:
                moves[sid] = settled_move(record, verdict, waiting.report)
        for sid in await self._transition(list(moves.values())):
            self._moved(records[sid], moves[sid])
        for _, waiting in matched.reports:
            waiting.settled()


def _different(
    moves: deque[tuple[MessageRecord, MessageTransition]],
) -> list[tuple[MessageRecord, MessageTransition]]:
    """The moves at the head, up to the first that is about a message again."""
    batch: list[tuple[MessageRecord, MessageTransition]] = []
    seen: set[str] = set()
    for record, move in moves:
        if move.sid in seen or len(batch) == BATCH:
            break
        seen.add(move.sid)
        batch.append((record, move))
    return batch
