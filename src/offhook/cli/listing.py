"""`offhook calls` and `offhook texts`: the newest of each, one line a resource."""

from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from offhook.cli.console import new_console
from offhook.cli.rest import connect

_GOOD = frozenset({"completed", "delivered", "received"})
_BAD = frozenset({"failed", "undelivered", "busy", "no-answer", "canceled"})
_LONGEST_BODY = 60

_Count = Annotated[int, typer.Option("--count", min=1, max=1000, help="How many.")]
_Data = Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")]


def calls(count: _Count = 20, data: _Data = None) -> None:
    """List the newest calls, the newest last: when, SID, from, to, status, seconds, price."""
    _list("Calls", count, data, _call_details)


def texts(count: _Count = 20, data: _Data = None) -> None:
    """List the newest texts, the newest last: when, SID, from, to, status, error or price, what it says."""
    _list("Messages", count, data, _text_details)


def _list(resource: str, count: int, data: str | None, details: Callable[[dict[str, Any]], str]) -> None:
    console = new_console()
    for item in reversed(connect(data).newest(resource, count)):
        line = Text(f"{_when(item['date_created'])}  ")
        line.append(item["sid"], style="cyan")
        line.append(f"  {item['from'] or '-':>16} → {item['to'] or '-':<16}  ")
        line.append(f"{item['status']:<11}", style=_style(item["status"]))
        line.append(f"  {details(item)}")
        console.print(line)


def _call_details(item: dict[str, Any]) -> str:
    seconds = f"{item['duration']} s" if item["duration"] else ""
    return f"{seconds:>7}  {item['price'] or '':>8}".rstrip()


def _text_details(item: dict[str, Any]) -> str:
    outcome = f"error {item['error_code']}" if item["error_code"] else item["price"] or ""
    body = " ".join((item["body"] or "").split())
    return f"{outcome:>11}  {body if len(body) <= _LONGEST_BODY else body[:_LONGEST_BODY] + '…'}"


def _when(date: str) -> str:
    """An RFC 2822 date as this machine's time of day, with the day when it is not today."""
    at = parsedate_to_datetime(date).astimezone()
    return f"{at:%H:%M:%S}" if at.date() == datetime.now().astimezone().date() else f"{at:%Y-%m-%d %H:%M:%S}"


def _style(status: str) -> str:
    return "green" if status in _GOOD else "red" if status in _BAD else "yellow"
