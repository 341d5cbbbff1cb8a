"""Lists in pages: which page a request asks for, and the addresses of its neighbours.

The body of a list has exactly one key besides those of paging; SDKs refuse any other. The addresses are
relative to the host and repeat the filters of the request. Reading rows is `offhook.store.paging`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from offhook.api.forms import Values, read_int
from offhook.errors import rest
from offhook.store.paging import DEFAULT_PAGE_SIZE, MAX_PAGE, MAX_PAGE_SIZE, Page, PageResult

Record = TypeVar("Record")

_PAGING = ("PageSize", "Page", "PageToken")


def read_page(values: Values) -> Page:
    """Which page is asked for.

    Raises:
        RestError: 20007 PageSize over 1000, 20001 not a number or out of range.
    """
    size = _number(values, "PageSize", DEFAULT_PAGE_SIZE)
    if size > MAX_PAGE_SIZE:
        raise rest(20007)
    if size < 1:
        raise rest(20001, "PageSize must be from 1 to 1000", parameter="PageSize")
    page = _number(values, "Page", 0)
    if not 0 <= page <= MAX_PAGE:
        raise rest(20001, f"Page must be from 0 to {MAX_PAGE}", parameter="Page")
    return Page(page, size, values.get("PageToken", [""])[-1] or None)


def _number(values: Values, name: str, default: int) -> int:
    text = values.get(name, [""])[-1]
    try:
        return read_int(text) if text else default
    except ValueError as error:
        raise rest(20001, f"{name} {error}", parameter=name) from None


def body(
    path: str,
    values: Values,
    key: str,
    result: PageResult[Record],
    represent: Callable[[Record], Mapping[str, Any]],
) -> dict[str, Any]:
    """The body of a list as the 2010 API writes it."""

    def address(page: int, token: str | None) -> str:
        filters = [(name, value) for name, given in values.items() if name not in _PAGING for value in given]
        query = [*filters, ("PageSize", result.page_size), ("Page", page)]
        return f"{path}?{urlencode([*query, ('PageToken', token)] if token else query)}"

    first, after, before = result.page * result.page_size, result.next_token, result.previous_token
    return {
        key: [represent(record) for record in result.items],
        "first_page_uri": address(0, None),
        "next_page_uri": address(result.page + 1, after) if after is not None else None,
        "previous_page_uri": address(max(0, result.page - 1), before) if before is not None else None,
        "page": result.page,
        "page_size": result.page_size,
        "start": first,
        "end": first + max(0, len(result.items) - 1),
        "uri": address(result.page, values.get("PageToken", [""])[-1] or None),
    }


def of_sequence(records: list[Record], page: Page) -> PageResult[Record]:
    """A page of records that are all at hand; its neighbours are found by number, without a token."""
    start = page.page * page.page_size
    more = start + page.page_size < len(records)
    items = records[start : start + page.page_size]
    return PageResult(items, page.page, page.page_size, "" if more else None, "" if page.page else None)
