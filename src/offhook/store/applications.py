"""Applications: URLs that numbers and calls point to by a SID."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from offhook.store.cache import Cache, notify
from offhook.store.database import Connection, Database
from offhook.store.numbers import Numbers
from offhook.store.paging import Conditions, Page, PageResult, list_page
from offhook.store.records import ApplicationRecord
from offhook.store.sql import column_names, columns, load, values

_ALL: Final = columns(ApplicationRecord)
_FIXED: Final = frozenset({"sid", "account_sid", "date_created", "date_updated"})
WRITABLE: Final = frozenset(column_names(ApplicationRecord)) - _FIXED
"""The fields that `Applications.update` takes."""

_UNASSIGN: Final = """
    UPDATE numbers SET
        voice_application_sid = nullif(voice_application_sid, $1),
        sms_application_sid = nullif(sms_application_sid, $1),
        date_updated = now()
    WHERE account_sid = $2 AND $1 IN (voice_application_sid, sms_application_sid)
    RETURNING phone_number
"""


class Applications:
    """The repository of applications.

    Attributes:
        cached: applications by SID, for what is asked with each call and text: `await applications.cached.get("AP…")`.
    """

    KIND = "application"

    def __init__(self, database: Database) -> None:
        self._database = database
        self.cached: Cache[ApplicationRecord] = Cache(self._find)

    async def of_account(self, account_sid: str, sid: str | None) -> ApplicationRecord | None:
        """An application of an account as it is cached, or None."""
        found = await self.cached.get(sid) if sid else None
        return found if found is not None and found.account_sid == account_sid else None

    async def fetch(self, account_sid: str, sid: str) -> ApplicationRecord | None:
        """An application of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM applications WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(ApplicationRecord, row)

    async def create(self, application: ApplicationRecord) -> None:
        """Add an application; does nothing if its SID is there already."""
        row = values(application)
        marks = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        await self._database.execute(
            f"INSERT INTO applications ({_ALL}) VALUES ({marks}) ON CONFLICT (sid) DO NOTHING", *row
        )
        self.cached.drop(application.sid)

    async def list_page(
        self, account_sid: str, friendly_name: str | None, page: Page
    ) -> PageResult[ApplicationRecord]:
        """Applications of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("friendly_name", friendly_name)
        return await list_page(self._database, "applications", ApplicationRecord, conditions, page)

    async def update(
        self, account_sid: str, sid: str, changes: Mapping[str, Any]
    ) -> ApplicationRecord | None:
        """Set the columns of `changes` (of `WRITABLE`) and return the application; None if there is none.

        Raises:
            ValueError: a change names no writable column.
        """
        if unknown := changes.keys() - WRITABLE:
            raise ValueError(f"not writable: {sorted(unknown)}")
        sets = "".join(f'"{name}" = ${at}, ' for at, name in enumerate(changes, 3))

        async def update(connection: Connection) -> ApplicationRecord | None:
            row = await connection.fetchrow(
                f"UPDATE applications SET {sets}date_updated = now() "
                f"WHERE sid = $1 AND account_sid = $2 RETURNING {_ALL}",
                sid,
                account_sid,
                *changes.values(),
            )
            await notify(connection, self.KIND, sid)
            return None if row is None else load(ApplicationRecord, row)

        application = await self._database.transact(update)
        self.cached.drop(sid)
        return application

    async def delete(self, account_sid: str, sid: str) -> bool:
        """Delete an application and take it off the numbers that point to it; False if there is none."""

        async def delete(connection: Connection) -> bool:
            deleted = await connection.fetchval(
                "DELETE FROM applications WHERE sid = $1 AND account_sid = $2 RETURNING true",
                sid,
                account_sid,
            )
            if deleted:
                for (number,) in await connection.fetch(_UNASSIGN, sid, account_sid):
                    await notify(connection, Numbers.KIND, number)
                await notify(connection, self.KIND, sid)
            return bool(deleted)

        deleted = await self._database.transact(delete)
        self.cached.drop(sid)
        return deleted

    async def _find(self, sid: str) -> ApplicationRecord | None:
        row = await self._database.fetchrow(f"SELECT {_ALL} FROM applications WHERE sid = $1", sid)
        return None if row is None else load(ApplicationRecord, row)
