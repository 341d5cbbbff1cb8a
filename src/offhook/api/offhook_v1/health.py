"""Whether the platform can do its work, in two resources.

`health` is for load balancers: unauthenticated, it names no account and no peer. `diagnosis` is what `offhook
doctor` reads: what each role counts and knows about itself (`metrics.Registry.report`), for the account that the
platform was set up with.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
import falcon.asgi
import msgspec

from offhook import metrics
from offhook.api.authentication import account_of_path, authenticate
from offhook.api.services import Services
from offhook.bus import subjects
from offhook.bus.nats import RequestError
from offhook.store.database import DatabaseUnavailableError

PATIENCE: Final = 2.0

ROLES: Final = ("voice", "messaging")
"""The roles that can be asked over the bus."""


class Health:
    """``GET /offhook/v1/health``: 200 ``{"status": "ok", …}`` or 503 ``{"status": "unavailable", …}``.

    The status is "degraded", with 200, while new work is refused or only the outbox carries it.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Ask PostgreSQL and NATS. Without NATS requests are still accepted: work waits in the outbox."""
        database = await self._database()
        bus, disk = self._services.bus.is_connected, not self._services.disk.full()
        resp.status = 200 if database else 503
        resp.media = {
            "status": "unavailable" if not database else "ok" if bus and disk else "degraded",
            "node": self._services.settings.node,
            "database": database,
            "bus": bus,
            "disk": disk,
        }

    on_head = on_get

    async def _database(self) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._services.store.database.fetchval("SELECT 1")
        except (TimeoutError, DatabaseUnavailableError, asyncpg.PostgresError, OSError):
            return False
        return True


class Diagnosis:
    """``GET /offhook/v1/diagnosis``: ``{"node", "trunks", "roles": {"api": {…}, "voice": {…}, "messaging": null}}``.

    A role that does not answer is null. The trunks are those that were configured, without passwords.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Ask every role of this node at once."""
        caller = await authenticate(self._services, req.get_header("Authorization"))
        await account_of_path(self._services, caller, self._services.settings.account_sid)
        reports = await asyncio.gather(*map(self._ask, ROLES))
        resp.media = {
            "node": self._services.settings.node,
            "trunks": [
                {"name": trunk.label, "host": trunk.host, "port": trunk.port, "transport": trunk.transport}
                for trunk in self._services.settings.trunks
            ],
            "roles": {"api": metrics.registry.report(), **dict(zip(ROLES, reports, strict=True))},
        }

    async def _ask(self, role: str) -> dict[str, Any] | None:
        subject = subjects.health(self._services.settings.node, role)
        try:
            answer = await self._services.bus.request(subject, b"", PATIENCE)
        except RequestError:
            return None
        return dict(msgspec.json.decode(answer))
