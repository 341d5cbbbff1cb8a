"""Leases of voice nodes, by the store's own clock.

A voice node holds a lease and renews it; the live calls of a node whose lease has ended are orphans, and the
janitor ends them. The time of leases is not the time of day: `lease_clock` advances only while a janitor
ticks it, by at most `LONGEST_TICK` at once. While PostgreSQL cannot be reached the clock stands still, so an
outage, however long, ends no lease; when it is back every node has the rest of its time to renew.

A node that starts takes a new lease and ends the older ones of its name: the calls of a process that
died and was restarted are orphans at once, without waiting for the time to pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from offhook.store.database import Connection, Database

TTL: Final = 60.0
"""Seconds of the lease clock that a lease lives without renewal."""

RENEW_SECONDS: Final = 10.0
"""How often a node renews."""

LONGEST_TICK: Final = 5.0
"""Seconds that the clock advances at most from one tick to the next."""

ALIVE: Final = "SELECT FROM leases, lease_clock WHERE leases.deadline > lease_clock.reading AND leases.id ="
"""A subquery for EXISTS, to be completed by a lease: whether it has not ended."""

_TICK: Final = """
    UPDATE lease_clock SET
        reading = reading
            + greatest(0, least(extract(epoch FROM clock_timestamp() - ticked_at)::float8, $1)),
        ticked_at = clock_timestamp()
    RETURNING reading
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that `Leases.acquire` gave: what a call's `node` and `lease` columns hold."""

    id: int
    node: str


class Leases:
    """Takes, renews and ends leases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def acquire(self, node: str, ttl: float = TTL) -> Lease:
        """Take a new lease for a node that starts, and end those that its name had before."""

        async def acquire(connection: Connection) -> Lease:
            await connection.execute("DELETE FROM leases WHERE node = $1", node)
            lease_id = await connection.fetchval(
                "INSERT INTO leases (node, deadline) SELECT $1, reading + $2 FROM lease_clock RETURNING id",
                node,
                ttl,
            )
            return Lease(lease_id, node)

        return await self._database.transact(acquire)

    async def renew(self, lease: Lease, ttl: float = TTL) -> bool:
        """Renew a lease; False if it has ended or was taken: its holder's calls are no longer its own."""
        renewed = await self._database.execute(
            "UPDATE leases SET deadline = reading + $2 FROM lease_clock "
            "WHERE leases.id = $1 AND deadline > reading",
            lease.id,
            ttl,
        )
        return bool(renewed)

    async def is_alive(self, lease: Lease) -> bool:
        """Whether a lease, of this or another node, has not ended."""
        return bool(await self._database.fetchval(f"SELECT EXISTS ({ALIVE} $1)", lease.id))

    async def release(self, lease: Lease) -> None:
        """End a lease, when its holder stops in good order."""
        await self._database.execute("DELETE FROM leases WHERE id = $1", lease.id)

    async def tick(self) -> float:
        """Advance the lease clock and return its reading, in seconds. Any number of janitors may tick."""
        reading: float = await self._database.fetchval(_TICK, LONGEST_TICK)
        return reading

    async def expire(self) -> int:
        """Remove leases that have ended; returns how many. Their calls are orphans until they are ended."""
        return await self._database.execute(
            "DELETE FROM leases USING lease_clock WHERE leases.deadline <= lease_clock.reading"
        )
