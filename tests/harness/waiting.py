"""Waiting for what another process brings about and nothing in this one announces."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")


async def eventually(ask: Callable[[], Awaitable[Value]], seconds: float = 20.0) -> Value:
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
