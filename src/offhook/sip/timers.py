"""Timers without a clock: a heap of deadlines, cheap to set, cheaper to forget."""

from __future__ import annotations

import heapq
from typing import Protocol


class TimerOwner(Protocol):
    """Whoever a timer runs for."""

    def on_timer(self, name: str, now: float) -> None:
        """The timer `name` fired."""


_SMALL = 1024
"""Below this many entries a heap full of stopped timers is not worth rebuilding."""


class Timer:
    """One running timer; it drops its owner when it stops, so that nothing is kept alive by the heap."""

    __slots__ = ("name", "owner")

    def __init__(self, owner: TimerOwner, name: str) -> None:
        self.owner: TimerOwner | None = owner
        self.name = name


class Timers:
    """All timers of one endpoint.

    Starting and firing are O(log n); stopping marks the entry and leaves it.
    """

    __slots__ = ("_heap", "_serial", "_stopped")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._stopped = 0

    def __len__(self) -> int:
        return len(self._heap) - self._stopped

    def start(self, deadline: float, owner: TimerOwner, name: str) -> Timer:
        """Have `owner.on_timer(name, now)` called at `deadline`; returns the handle to stop it with."""
        entry = Timer(owner, name)
        self._serial += 1
        heapq.heappush(self._heap, (deadline, self._serial, entry))
        return entry

    def stop(self, entry: Timer) -> None:
        """Forget a timer; one that fired or was stopped before is left alone."""
        if entry.owner is not None:
            entry.owner = None
            self._stopped += 1
            if self._stopped > _SMALL and self._stopped * 2 > len(self._heap):
                self._compact()

    def next(self) -> float | None:
        """The earliest deadline, None when no timer runs."""
        heap = self._heap
        while heap and heap[0][2].owner is None:
            heapq.heappop(heap)
            self._stopped -= 1
        return heap[0][0] if heap else None

    def fire(self, now: float) -> None:
        """Run every timer due at `now`, in the order of their deadlines."""
        while (deadline := self.next()) is not None and deadline <= now:
            entry = heapq.heappop(self._heap)[2]
            owner, entry.owner = entry.owner, None
            if owner is not None:
                owner.on_timer(entry.name, now)

    def _compact(self) -> None:
        self._heap = [item for item in self._heap if item[2].owner is not None]
        heapq.heapify(self._heap)
        self._stopped = 0
