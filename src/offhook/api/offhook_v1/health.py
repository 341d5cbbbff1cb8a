"""Health:

whether this api process can do its work. Unauthenticated, for load balancers; it names no account.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import falcon.asgi

from offhook.api.services import Services
from offhook.store.database import DatabaseUnavailableError

PATIENCE: Final = 2.0


class Health:
    """``GET /offhook/v1/health``: 200 ``{"status": "ok", …}`` or 503 ``{"status": "unavailable", …}``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Ask PostgreSQL and NATS. Without NATS requests are still accepted: work waits in the outbox."""
        database = await self._database()
        resp.status = 200 if database else 503
        resp.media = {
            "status": "ok" if database else "unavailable",
            "node": self._services.settings.node,
            "database": database,
            "bus": self._services.bus.is_connected,
        }

    async def _database(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._services.store.database.fetchval("SELECT 1")
        except (TimeoutError, DatabaseUnavailableError, asyncpg.PostgresError, OSError):
            return False
        return True
