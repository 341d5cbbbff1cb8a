"""Notifications: the debugger's lines about webhooks, documents and calls that went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.store.database import Database, GroupCommit
from offhook.store.paging import ANY_TIME, Conditions, Page, PageResult, TimeRange, list_page
from offhook.store.records import NotificationRecord
from offhook.store.retention import Retained
from offhook.store.sql import column_names, columns, load, loads, recordset

_NAMES = column_names(NotificationRecord)
_ALL = columns(NotificationRecord)
_QUOTES = frozenset({"request_variables", "response_headers", "response_body"})
"""The columns that may hold what was redacted or deleted since."""

_COLUMNS = (
    f"CASE WHEN erased.sid IS NULL THEN {name} END" if name in _QUOTES else f"input.{name}" for name in _NAMES
)
_INSERT = f"""
    INSERT INTO notifications ({_ALL})
    SELECT {", ".join(_COLUMNS)} FROM {recordset(NotificationRecord)}
        LEFT JOIN erased ON erased.sid = coalesce(call_sid, message_sid)
    ON CONFLICT (sid) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class NotificationFilters:
    """Filters of a list of notifications; None filters nothing. `log`: 0 error, 1 warning."""

    log: int | None = None
    message_date: TimeRange = ANY_TIME
    call_sid: str | None = None


class Notifications:
    """The repository of notifications.

    Attributes:
        retained: its rows, to be removed when they are old.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.retained = Retained(database, "notifications", key="sid", at="message_date")
        self._insert = GroupCommit(database, _INSERT)

    async def create(self, notification: NotificationRecord) -> None:
        """Commit a notification; those made at the same time share a transaction."""
        await self._insert.add(notification)

    async def fetch(self, account_sid: str, sid: str) -> NotificationRecord | None:
        """A notification of an account, or None."""
        row = await self._database.fetchrow(
            f"SELECT {_ALL} FROM notifications WHERE sid = $1 AND account_sid = $2", sid, account_sid
        )
        return None if row is None else load(NotificationRecord, row)

    async def list_page(
        self, account_sid: str, filters: NotificationFilters, page: Page
    ) -> PageResult[NotificationRecord]:
        """Notifications of an account, newest first.

        Raises:
            InvalidPageTokenError: the page's token is malformed.
        """
        conditions = Conditions()
        conditions.equal("account_sid", account_sid)
        conditions.equal("call_sid", filters.call_sid)
        conditions.equal("log", filters.log)
        conditions.within("message_date", filters.message_date)
        return await list_page(
            self._database, "notifications", NotificationRecord, conditions, page, by="message_date"
        )

    async def about(self, sid: str) -> list[NotificationRecord]:
        """Every notification about a call or message, oldest first."""
        rows = await self._database.fetch(
            f"SELECT {_ALL} FROM notifications WHERE call_sid = $1 OR message_sid = $1 "
            "ORDER BY message_date, sid",
            sid,
        )
        return loads(NotificationRecord, rows)
