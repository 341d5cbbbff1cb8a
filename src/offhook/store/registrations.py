"""Where SIP users can be reached: the bindings of the registrar (RFC 3261 §10)."""

from __future__ import annotations

from offhook.store.database import Database
from offhook.store.records import RegistrationRecord
from offhook.store.sql import column_names, columns, loads, values

_ALL = columns(RegistrationRecord)
_SET = ", ".join(
    f"{name} = excluded.{name}" for name in column_names(RegistrationRecord) if name not in {"aor", "contact"}
)


class Registrations:
    """The repository of bindings. An address of record is `sip:user@domain`, in lower case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def bind(self, registration: RegistrationRecord) -> bool:
        """Add or refresh a binding.

        Returns False, and changes nothing, when the same Call-ID has bound it with a higher CSeq already
        (RFC 3261 §10.3 step 7).
        """
        marks = ", ".join(f"${at}" for at in range(1, len(values(registration)) + 1))
        count = await self._database.execute(
            f"INSERT INTO registrations AS r ({_ALL}) VALUES ({marks}) "
            f"ON CONFLICT (aor, contact) DO UPDATE SET {_SET} "
            "WHERE r.call_id <> excluded.call_id OR r.cseq <= excluded.cseq",
            *values(registration),
        )
        return bool(count)

    async def unbind(self, aor: str, contact: str | None = None) -> int:
        """Remove a binding, or all of an address (`Contact: *`), and return how many there were."""
        return await self._database.execute(
            "DELETE FROM registrations WHERE aor = $1 AND ($2::text IS NULL OR contact = $2)", aor, contact
        )

    async def find(self, aor: str) -> list[RegistrationRecord]:
        """The bindings of an address that have not expired, the most preferred first."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM registrations WHERE aor = $1 AND expires_at > now() "
            "ORDER BY q DESC, expires_at DESC",
            aor,
        )
        return loads(RegistrationRecord, rows)

    async def expire(self) -> int:
        """Remove bindings that have expired, and return how many."""
        return await self._database.execute("DELETE FROM registrations WHERE expires_at <= now()")
