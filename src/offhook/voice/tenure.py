"""The lease by which a node answers for its calls: taken when it starts, renewed while it runs.

While the store cannot be reached no lease ends (`offhook.store.leases`), so that an outage kills no call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from offhook.store.database import DatabaseUnavailableError
from offhook.store.leases import RENEW_SECONDS, Lease, Leases

logger = logging.getLogger(__name__)


class Tenure:
    """A node's lease, which another one may follow."""

    def __init__(self, leases: Leases, lease: Lease) -> None:
        self._leases = leases
        self.lease = lease

    @classmethod
    async def begin(cls, leases: Leases, node: str) -> Tenure:
        """Take the lease; that of an earlier life of the node ends."""
        return cls(leases, await leases.acquire(node))

    async def keep(self, lost: Callable[[], None]) -> None:
        """Renew for ever. When the store has given the node's calls up, `lost` is called and a new lease taken."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                if not await self._leases.renew(self.lease):
                    logger.error("the lease has ended: the live calls are given up")
                    lost()
                    self.lease = await self._leases.acquire(self.lease.node)
            except DatabaseUnavailableError:
                logger.warning("the lease waits for the database")
            except Exception:
                logger.exception("the lease could not be renewed")

    async def end(self) -> None:
        """Give the lease back."""
        await self._leases.release(self.lease)
