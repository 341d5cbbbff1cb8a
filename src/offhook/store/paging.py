"""Lists, a page at a time, newest first.

Twilio's shape: `Page` counts from 0, `PageSize` is at most 1000, and `PageToken` says where the page
begins. The token names the row at the edge of the page it was made for (keyset), so that a page costs
the same however far back it is, and rows that are made meanwhile neither repeat nor hide others. A
`Page` without a token is found by counting, as old clients ask for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Generic, TypeVar

from offhook.store.database import Database
from offhook.store.sql import columns, loads

Record = TypeVar("Record")

MAX_PAGE_SIZE: Final = 1000
DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE: Final = 100_000

_TOKEN = re.compile(r"P([AB])([0-9a-f]{14})([A-Z]{2}[0-9a-f]{32})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class InvalidPageTokenError(ValueError):
    """The token is none that a list gave out (REST 21481)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for."""

    page: int = 0
    page_size: int = DEFAULT_PAGE_SIZE
    token: str | None = None


@dataclass(frozen=True, slots=True)
class PageResult(Generic[Record]):
    """A page of a list, newest first, and the tokens of its neighbours; None where there is none."""

    items: list[Record]
    page: int
    page_size: int
    next_token: str | None
    previous_token: str | None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `since` on and before `until`; None leaves that side open."""

    since: datetime | None = None
    until: datetime | None = None


ANY_TIME: Final = TimeRange()


class Conditions:
    """The WHERE of a list, put together condition by condition; every value is an argument, none is in the SQL."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self.arguments: list[Any] = []

    def add(self, sql: str, *arguments: Any) -> None:
        """Add a condition that writes `{}` for each of its arguments."""
        numbers = []
        for argument in arguments:
            self.arguments.append(argument)
            numbers.append(f"${len(self.arguments)}")
        self._parts.append(sql.format(*numbers))

    def equal(self, column: str, value: Any) -> None:
        """Add `column = value`, unless the value is None."""
        if value is not None:
            self.add(f'"{column}" = {{}}', value)

    def within(self, column: str, period: TimeRange) -> None:
        """Add the sides of `period` that are not open."""
        if period.since is not None:
            self.add(f'"{column}" >= {{}}', period.since)
        if period.until is not None:
            self.add(f'"{column}" < {{}}', period.until)

    @property
    def where(self) -> str:
        """The conditions after WHERE."""
        return " AND ".join(self._parts) or "true"


async def list_page(
    database: Database,
    table: str,
    record: type[Record],
    conditions: Conditions,
    page: Page,
    by: str = "date_created",
    key: str = "sid",
) -> PageResult[Record]:
    """One page of `table` (or of a subquery with an alias), newest first by `by` and then by the SID in `key`.

    Raises:
        InvalidPageTokenError: the token is malformed.
    """
    size = max(1, min(page.page_size, MAX_PAGE_SIZE))
    backwards = _seek(conditions, page, by, key)
    direction = "ASC" if backwards else "DESC"
    offset = min(page.page, MAX_PAGE) * size if page.token is None else 0
    sql = (
        f"SELECT {columns(record)} FROM {table} WHERE {conditions.where} "
        f'ORDER BY "{by}" {direction}, {key} {direction} LIMIT {size + 1} OFFSET {offset}'
    )
    rows = loads(record, await database.fetch(sql, *conditions.arguments))
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    newer, older = (more, bool(rows)) if backwards else (page.page > 0 and bool(rows), more)
    return PageResult(
        rows,
        page.page,
        size,
        next_token=_token("A", rows[-1], by, key) if older else None,
        previous_token=_token("B", rows[0], by, key) if newer else None,
    )


def _seek(conditions: Conditions, page: Page, by: str, key: str) -> bool:
    if page.token is None:
        return False
    match = _TOKEN.fullmatch(page.token)
    if match is None:
        raise InvalidPageTokenError(page.token)
    at = _EPOCH + timedelta(microseconds=int(match[2], 16))
    backwards = match[1] == "B"
    conditions.add(f'("{by}", {key}) {">" if backwards else "<"} ({{}}, {{}})', at, match[3])
    return backwards


def _token(side: str, record: Any, by: str, key: str) -> str:
    microseconds = (getattr(record, by) - _EPOCH) // timedelta(microseconds=1)
    return f"P{side}{microseconds:014x}{getattr(record, key)}"
