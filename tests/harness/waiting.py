"""Waiting for what another process brings about and nothing in this one announces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

Value = TypeVar("Value")

HANGS: Final = 60.0
"""Seconds after which what a test waits for hangs. A bound and no measure: a busy machine takes its time."""


def until(ask: Callable[[], Value], seconds: float = HANGS) -> Value:
    """As `eventually`, for a test without a loop."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it stays {answer!r}")
        time.sleep(0.05)
    return answer


async def eventually(ask: Callable[[], Awaitable[Value]], seconds: float = HANGS) -> Value:
    """Ask until the answer is true, and return it.

    Raises:
        TimeoutError: it did not become true in time.
    """
    async with asyncio.timeout(seconds):
        while True:
            answer = await ask()
            if answer:
                return answer
            await asyncio.sleep(0.02)
