"""Coalescing: many concurrent single writes become few transactions.

While one batch is being committed the next one gathers, so that batches are as large as the load is high
and a lone write waits for nobody: under little load a batch is one row, under much load hundreds. Where nobody
waits for the commit, a pace makes them larger yet: a batch begins that much later than the one before it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs `write` on batches of what `add` was given and hands each caller its own result.

    When a batch fails because of its data (`poison`), it is halved until the rows that cannot be written are
    alone: one bad row never fails its neighbours. Any other failure goes to every caller of the batch.

    Args:
        write: writes a batch in one transaction, and returns as many results, in order.
        size: the most items of a batch.
        workers: how many batches may be on their way at one time.
        key: items of one key never share a batch, and are written in the order they came; this needs
            `workers` to be 1.
        pace: the least seconds from the beginning of a worker's batch to that of its next.
        poison: the exceptions that blame the data.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        size: int = 500,
        workers: int = 1,
        key: Callable[[Item], Hashable] | None = None,
        pace: float = 0.0,
        poison: tuple[type[BaseException], ...] = (),
    ) -> None:
        if key is not None and workers != 1:
            raise ValueError("items of one key are kept in order by a single worker only")
        self._write = write
        self._size = size
        self._workers = workers
        self._key = key
        self._pace = pace
        self._may_begin = 0.0
        self._poison = poison
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._active = 0
        self._running: set[asyncio.Task[None]] = set()

    async def add(self, item: Item) -> Result:
        """Write `item` in the next batch and return its result once that is committed.

        A caller that is cancelled stops waiting; the item is written all the same.
        """
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._active < self._workers:
            self._active += 1
            task = asyncio.create_task(self._drain())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await future

    async def join(self) -> None:
        """Wait until everything that was added is written."""
        while self._running:
            await asyncio.wait(self._running)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if self._pace:
                    await asyncio.sleep(self._may_begin - loop.time())
                    self._may_begin = loop.time() + self._pace
                await self._run(self._take())
        finally:
            self._active -= 1

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        seen: set[Hashable] = set()
        later: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._size:
            entry = self._waiting.popleft()
            if self._key is not None:
                key = self._key(entry[0])
                if key in seen:
                    later.append(entry)
                    continue
                seen.add(key)
            batch.append(entry)
        self._waiting.extendleft(reversed(later))
        return batch

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._write([item for item, _ in batch])
        except self._poison as error:
            if len(batch) == 1:
                self._fail(batch, error)
                return
            middle = len(batch) // 2
            await self._run(batch[:middle])
            await self._run(batch[middle:])
        except Exception as error:
            self._fail(batch, error)
        else:
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)

    @staticmethod
    def _fail(batch: list[tuple[Item, asyncio.Future[Result]]], error: BaseException) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
