"""The janitor's round: what it does every two seconds, and what every two minutes.

Any number of janitors may run on one store; each step takes its rows with `SKIP LOCKED` or does nothing the
second time.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from offhook.janitor.conferences import end_conferences
from offhook.janitor.orphans import end_orphans
from offhook.store.database import DatabaseUnavailableError
from offhook.store.store import Store

logger = logging.getLogger(__name__)

ROUND_SECONDS: Final = 2.0
_ROUNDS_BETWEEN_CLEANING = 60


class Janitor:
    """Runs rounds until cancelled.

    Args:
        store: what it keeps in order.
    """

    def __init__(self, store: Store, round_seconds: float = ROUND_SECONDS) -> None:
        self._store = store
        self._round_seconds = round_seconds
        self._rounds = 0

    async def run(self) -> None:
        """Make a round every two seconds until cancelled."""
        while True:
            try:
                await self.round()
            except DatabaseUnavailableError:
                logger.warning("the janitor waits for PostgreSQL")
            except Exception:
                logger.exception("a round of the janitor failed")
            await asyncio.sleep(self._round_seconds)

    async def round(self) -> None:
        """Advance the lease clock, end orphaned calls and rooms, and erase what came late about what was erased."""
        await self._store.leases.tick()
        await self._store.leases.expire()
        await end_orphans(self._store)
        await end_conferences(self._store)
        await self._store.queues.sweep()
        await self._store.erasure.repeat()
        if self._rounds % _ROUNDS_BETWEEN_CLEANING == 0:
            await self._store.registrations.expire()
            await self._store.conferences.sweep()
            await self._store.erasure.forget()
        self._rounds += 1
