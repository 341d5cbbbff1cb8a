"""`offhook tail`: everything that happens to the account's calls and texts, as it happens."""

import time
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console

from offhook.cli.console import new_console
from offhook.cli.rest import RestClient, RestFailure, connect
from offhook.cli.timeline import line_of

_PAUSE_SECONDS = 1.0


def tail(
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")] = None,
) -> None:
    """Follow all calls and texts until Ctrl-C, one line an event: time, SID, what happened."""
    console = new_console()
    client = connect(data)

    def listening() -> None:
        facts = client.facts
        console.print(f"Following {facts.account_sid} at {facts.local_url}; Ctrl-C ends it.", style="dim")

    while True:
        for entry in client.live(listening):
            _show(console, entry)
        client = _reconnect(console, data)


def _show(console: Console, entry: dict[str, Any]) -> None:
    if "lost" in entry:
        console.print(f"{entry['lost']} entries came too fast to be shown", style="yellow")
        return
    at = datetime.fromisoformat(entry["at"]).astimezone()
    console.print(line_of(entry, f"{at:%H:%M:%S}.{at.microsecond // 1000:03} {entry['sid']}"))


def _reconnect(console: Console, data: str | None) -> RestClient:
    """The client of the instance once it answers again; it may have been started again on other ports.

    Raises:
        ConfigurationError: no instance runs any more.
    """
    while True:
        time.sleep(_PAUSE_SECONDS)
        client = connect(data)
        try:
            client.get("/offhook/v1/health")
        except RestFailure:
            continue
        console.print("The connection was lost; what happened meanwhile is in the timelines.", style="yellow")
        return client
