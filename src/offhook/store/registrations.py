"""Where SIP users can be reached: the bindings of the registrar (RFC 3261 §10)."""

from __future__ import annotations

from collections.abc import Sequence

from offhook.store.database import Connection, Database
from offhook.store.records import RegistrationRecord
from offhook.store.sql import column_names, columns, loads, values

_ALL = columns(RegistrationRecord)
_SET = ", ".join(
    f"{name} = excluded.{name}" for name in column_names(RegistrationRecord) if name not in {"aor", "contact"}
)

_MARKS = ", ".join(f"${at}" for at in range(1, len(column_names(RegistrationRecord)) + 1))
_UPSERT = (
    f"INSERT INTO registrations ({_ALL}) VALUES ({_MARKS}) ON CONFLICT (aor, contact) DO UPDATE SET {_SET}"
)


class Registrations:
    """The repository of bindings: what a node's registrar takes over when it starts again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, aor: str, node: str, registrations: Sequence[RegistrationRecord]) -> None:
        """Make these the bindings of an address of record at a node."""

        async def write(connection: Connection) -> None:
            contacts = [registration.contact for registration in registrations]
            await connection.execute(
                "DELETE FROM registrations WHERE aor = $1 AND node = $2 AND contact <> ALL($3::text[])",
                aor,
                node,
                contacts,
            )
            if registrations:
                await connection.executemany(_UPSERT, [values(item) for item in registrations])

        await self._database.transact(write)

    async def of_node(self, node: str) -> list[RegistrationRecord]:
        """The bindings of a node that have not expired, the oldest first."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM registrations WHERE node = $1 AND expires_at > now() ORDER BY expires_at",
            node,
        )
        return loads(RegistrationRecord, rows)

    async def expire(self) -> int:
        """Remove bindings that have expired, and return how many."""
        return await self._database.execute("DELETE FROM registrations WHERE expires_at <= now()")
