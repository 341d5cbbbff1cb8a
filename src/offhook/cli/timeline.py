"""`offhook timeline`: what happened to a call, a message or a conference, one line an event."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from offhook.cli.console import new_console
from offhook.cli.rest import RestClient, RestFailure, connect
from offhook.errors import title
from offhook.ids import sid_milliseconds

FINAL = frozenset(
    {"completed", "busy", "failed", "no-answer", "canceled", "delivered", "undelivered", "received"}
)
"""The statuses after which nothing is followed any more."""

_STYLES = {
    "status": "bold",
    "error": "bold red",
    "warning": "yellow",
    "twiml": "cyan",
    "webhook": "magenta",
    "callback": "magenta",
}
_WHOLE_LINE = frozenset({"status", "error", "warning"})
"""Kinds whose words have their colour too."""

_RESOURCES = {"CA": "Calls", "CF": "Conferences"}
_POLL_SECONDS = 0.2
_LONGEST_VALUE = 60
_LONGEST_REASON = 1000
_REASONS = frozenset({"message", "reason", "detail", "error", "url"})
"""Details that say what went wrong: they are shown whole."""
_LAST_WORDS_SECONDS = 1.0

Entry = dict[str, Any]


def timeline(
    sid: Annotated[
        str | None,
        typer.Argument(
            help="The SID of a call, a message or a conference; of calls and messages the latest by default."
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Keep printing until it has ended.")] = False,
) -> None:
    """Show everything that happened to a call, a message or a conference."""
    client, console = connect(data), new_console()
    if sid is None:
        sid = latest(client)
        console.print(sid, style="bold")
    show(follow_timeline(client, sid) if follow else client.timeline(sid)[0], console)


def latest(client: RestClient) -> str:
    """Return the SID of the newest call or message.

    Raises:
        RestFailure: there is none yet.
    """
    newest = [str(item["sid"]) for name in ("Calls", "Messages") for item in client.newest(name, 1)]
    if not newest:
        raise RestFailure("there are no calls and no texts yet")
    return max(newest, key=sid_milliseconds)


def show(entries: Iterable[Entry], console: Console) -> None:
    """Print entries as they come, each with the seconds since the first."""
    for line in _lines(entries):
        console.print(line)


def lines_of(entries: Iterable[Entry]) -> list[str]:
    """Return the same lines without colours."""
    return [line.plain for line in _lines(entries)]


def _lines(entries: Iterable[Entry]) -> Iterator[Text]:
    began: datetime | None = None
    for entry in entries:
        at = datetime.fromisoformat(entry["at"])
        began = began or at
        yield line_of(entry, f"{(at - began).total_seconds():8.3f} s")


def follow_timeline(client: RestClient, sid: str, timeout: float = 4 * 3600) -> Iterator[Entry]:
    """Yield the entries of a call, message or conference until it has a final status and fell silent."""
    cursor = ""
    deadline = time.monotonic() + timeout
    ended_at: float | None = None
    resource = _RESOURCES.get(sid[:2], "Messages")
    while time.monotonic() < deadline:
        entries, cursor = client.timeline(sid, cursor)
        yield from entries
        if ended_at is None and client.resource(resource, sid)["status"] in FINAL:
            ended_at = time.monotonic()
        elif ended_at is not None and not entries and time.monotonic() - ended_at > _LAST_WORDS_SECONDS:
            return
        time.sleep(_POLL_SECONDS)


def line_of(entry: Entry, when: str) -> Text:
    """Return an entry as a line for a terminal, after the words that say when it was."""
    kind = str(entry["kind"])
    if kind == "error" and entry["detail"].get("level") == "warning":
        kind = "warning"
    elif kind in ("webhook", "callback") and _failed(entry["detail"]):
        kind = "error"
    line = Text()
    line.append(f"{when}  ", style="dim")
    line.append(f"{entry['kind']:<9}", style=_STYLES.get(kind, "dim"))
    line.append(describe(entry), style=_STYLES[kind] if kind in _WHOLE_LINE else "")
    return line


def describe(entry: Entry) -> str:
    """Say in one line what an entry records."""
    name, detail = str(entry["name"]), dict(entry["detail"])
    if entry["kind"] in ("webhook", "callback") and "url" in detail:
        return _request(name, detail)
    if entry["kind"] == "sip" and "direction" in detail:
        arrow = "→" if detail["direction"] == "sent" else "←"
        return f"{arrow} {name} ({detail.get('peer', '')})"
    if entry["kind"] == "twiml":
        name = f"<{name}>"
    detail.pop("level", None)
    values = (
        f"{key}={_short(value, _LONGEST_REASON if key in _REASONS else _LONGEST_VALUE)}"
        for key, value in detail.items()
        if value not in (None, "", {}, [])
    )
    return " ".join([name, *values])


def _request(name: str, detail: dict[str, Any]) -> str:
    """A request to a customer's program, and what came of it."""
    hops = "".join(f"{hop['status']} → {hop['to']} → " for hop in detail.get("redirects", ()))
    took = f" in {detail['ms']} ms" if detail.get("ms") is not None else ""
    code, status = detail.get("error"), detail.get("status")
    outcome = f"error {code}{took}: {_reason(detail)}" if code else f"{status}{took}"
    return f"{name} {detail.get('method', '')} {detail['url']} → {hops}{outcome}"


def _reason(detail: dict[str, Any]) -> str:
    """Why a request failed and, of a callback, when the next attempt is."""
    status = detail.get("status")
    reason = detail.get("reason") or detail.get("detail")
    return _short(
        reason or (f"answered {status}" if status else title(int(detail["error"]))), _LONGEST_REASON
    )


def _failed(detail: dict[str, Any]) -> bool:
    status = detail.get("status")
    return bool(detail.get("error")) or (isinstance(status, int) and status >= 400)


def _short(value: object, longest: int) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {item}" for key, item in value.items())
    text = " ".join(str(value).split())
    return text if len(text) <= longest else f"{text[:longest]}…"
