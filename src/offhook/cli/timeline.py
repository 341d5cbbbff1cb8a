"""`offhook timeline`: what happened to a call or a message, one line an event."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from offhook.cli.rest import RestClient, connect

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
_POLL_SECONDS = 0.2
_LONGEST_VALUE = 60
_LAST_WORDS_SECONDS = 1.0

Entry = dict[str, Any]


def timeline(
    sid: Annotated[str, typer.Argument(help="A call's or a message's SID.")],
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")] = None,
    follow: Annotated[bool, typer.Option(help="Keep printing until it has ended.")] = False,
) -> None:
    """Show everything that happened to a call or a message."""
    client = connect(data)
    show(follow_timeline(client, sid) if follow else client.timeline(sid)[0], Console())


def show(entries: Iterable[Entry], console: Console) -> None:
    """Print entries as they come, each with the seconds since the first."""
    began: datetime | None = None
    for entry in entries:
        at = datetime.fromisoformat(entry["at"])
        began = began or at
        console.print(_line(entry, (at - began).total_seconds()), soft_wrap=True, highlight=False)


def follow_timeline(client: RestClient, sid: str, timeout: float = 4 * 3600) -> Iterator[Entry]:
    """Yield the entries of a call or message as they happen, until it has a final status and fell silent."""
    cursor = ""
    deadline = time.monotonic() + timeout
    ended_at: float | None = None
    resource = "Calls" if sid.startswith("CA") else "Messages"
    while time.monotonic() < deadline:
        entries, cursor = client.timeline(sid, cursor)
        yield from entries
        if ended_at is None and client.resource(resource, sid)["status"] in FINAL:
            ended_at = time.monotonic()
        elif ended_at is not None and not entries and time.monotonic() - ended_at > _LAST_WORDS_SECONDS:
            return
        time.sleep(_POLL_SECONDS)


def _line(entry: Entry, seconds: float) -> Text:
    kind = str(entry["kind"])
    if kind == "error" and entry["detail"].get("level") == "warning":
        kind = "warning"
    line = Text(f"{seconds:8.3f} s  ", style="dim")
    line.append(f"{kind:<9}", style=_STYLES.get(kind, "dim"))
    line.append(
        describe(entry), style=_STYLES.get(kind, "") if kind in ("status", "error", "warning") else ""
    )
    return line


def describe(entry: Entry) -> str:
    """Say in one line what an entry records."""
    name, detail = str(entry["name"]), dict(entry["detail"])
    if entry["kind"] in ("webhook", "callback") and "url" in detail:
        outcome = f"error {detail['error']}" if detail.get("error") else detail.get("status")
        words = f"{name} {detail.get('method', '')} {detail['url']} → {outcome}"
        return f"{words} in {detail['ms']} ms" if detail.get("ms") is not None else words
    if entry["kind"] == "sip":
        arrow = "→" if detail.get("direction") == "sent" else "←"
        return f"{arrow} {name} ({detail.get('peer', '')})"
    if entry["kind"] == "twiml":
        name = f"<{name}>"
    detail.pop("level", None)
    values = (f"{key}={_short(value)}" for key, value in detail.items() if value not in (None, "", {}, []))
    return " ".join([name, *values])


def _short(value: object) -> str:
    if isinstance(value, dict):
        value = ", ".join(f"{key} {item}" for key, item in value.items())
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
