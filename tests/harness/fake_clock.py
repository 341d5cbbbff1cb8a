"""An event loop whose clock goes only when nothing else is to be done, so that no machine is too slow for a test."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "nothing is left that could wake the test"
            self.now += max(0.0, timeout)
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def on_fake_clock(scene: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine that needs neither threads nor other processes; what it sleeps costs no time."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(scene)
