"""Python's cycle collector, kept out of the way of calls.

A full collection stops everything for as long as it takes to look at all that lives, and with some hundred
calls that is longer than a caller notices. A call leaves no cycle behind when it closes, so there is next to
nothing to find: what lives at the start is never looked at, young objects seldom, and all of them only while
nobody is on the line or once in ten minutes. `report` shows what was found and how long it took, so that a leak
shows itself.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from typing import Final

from offhook import heap, metrics

THRESHOLDS: Final = (20_000, 1_000_000, 1_000_000)
"""Objects made in excess of those freed before the young are looked at. What outlives that is left to `keep_clean`."""
QUIET_SECONDS: Final = 60.0
LONGEST_SECONDS: Final = 600.0


class Collector:
    """Takes over from the automatic collections of everything."""

    def __init__(self) -> None:
        self._began = 0.0
        self._longest = 0.0
        self._found = 0

    def start(self) -> None:
        """Leave what lives now alone for good."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*THRESHOLDS)
        gc.callbacks.append(self._collected)
        metrics.registry.fact("garbage", self.report)

    def stop(self) -> None:
        """Count no more."""
        gc.callbacks.remove(self._collected)

    def report(self) -> dict[str, metrics.Value]:
        """How many objects were found in cycles, and the longest pause."""
        return {"found": self._found, "longest_ms": round(1000 * self._longest, 1)}

    async def keep_clean(self, calls: Callable[[], int]) -> None:
        """Look at everything while no call is live, or when that has not been for long.

        What a flood of requests has made and left is given back then.
        """
        last = time.monotonic()
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            if calls() and time.monotonic() - last < LONGEST_SECONDS:
                continue
            gc.collect()
            heap.give_back()
            last = time.monotonic()

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = time.perf_counter()
            return
        self._longest = max(self._longest, time.perf_counter() - self._began)
        self._found += info["collected"] + info["uncollectable"]
