"""`offhook phone`: a virtual phone that calls or texts one of the account's numbers, as a person would."""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console

from offhook.cli.console import new_console
from offhook.cli.number import find_number
from offhook.cli.resources import TEXT_SETTINGS
from offhook.cli.rest import RestClient, RestFailure, connect
from offhook.cli.timeline import follow_timeline, show
from offhook.config import ConfigurationError

phone = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

_Data = Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")]
_Follow = Annotated[bool, typer.Option("--follow", help="Show each step until it has ended.")]
_To = Annotated[str, typer.Argument(help="The number that it turns to, one of yours such as +15105550100.")]
_NAMED_SECONDS = 5


@phone.callback(invoke_without_command=True)
def of_number(
    context: typer.Context,
    number: Annotated[
        str, typer.Argument(help="The phone: any number that is not yours, such as +15551230000.")
    ],
    data: _Data = None,
) -> None:
    """Have a virtual phone call or text a number; by itself, show what the phone heard and was sent."""
    context.obj = (number, data)
    if context.invoked_subcommand is None:
        _show_history(connect(data), number)


@phone.command()
def call(
    context: typer.Context,
    to: _To,
    say: Annotated[str, typer.Option(metavar="TEXT", help="What it says when it is answered.")] = "",
    say_after: Annotated[float, typer.Option(metavar="SECONDS", help="When it begins to speak.")] = 0.0,
    press: Annotated[
        str, typer.Option(metavar="KEYS", help="Keys that it presses; w waits half a second, W a second.")
    ] = "",
    press_after: Annotated[float, typer.Option(metavar="SECONDS", help="When it presses the first.")] = 1.0,
    hangup_after: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="When it hangs up, if the other side does not.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep what it heard as a WAV file; follows the call.")
    ] = None,
    follow: _Follow = False,
    data: _Data = None,
) -> None:
    """Call a number."""
    client, number = _client(context, data)
    script = {
        "to": to,
        "say": say,
        "say_after": say_after,
        "press": press,
        "press_after": press_after,
        "hangup_after": hangup_after,
    }
    made = client.sandbox("POST", f"{_path(number)}/calls", script)
    made = client.sandbox("GET", f"/v1/calls/{made['id']}?known=call_sid&timeout={_NAMED_SECONDS}")
    sid = made["call_sid"]
    if sid is None:
        raise RestFailure(_not_taken(client, to, made["outcome"]))
    console = new_console()
    console.print(f"{sid}  {made['state']}")
    if follow or save is not None:
        show(follow_timeline(client, sid), console)
        _show_heard(client, console, client.sandbox("GET", f"/v1/calls/{made['id']}"), save)


@phone.command(context_settings=TEXT_SETTINGS)
def text(
    context: typer.Context,
    to: _To,
    body: Annotated[str, typer.Argument(help="What the text says.")],
    data: _Data = None,
) -> None:
    """Text a number."""
    client, number = _client(context, data)
    sent = client.sandbox("POST", f"{_path(number)}/texts", {"to": to, "body": body})
    new_console().print(f"{number} → {to}: sent in {_segments(sent['parts'])}")


def _client(context: typer.Context, data: str | None) -> tuple[RestClient, str]:
    """The client, and the number of a phone that is virtual.

    Raises:
        ConfigurationError: the number is the account's own.
    """
    number, group_data = context.obj
    client = connect(data or group_data)
    if find_number(client, number) is not None:
        raise ConfigurationError(f"{number} is one of your own numbers: a virtual phone is any other number")
    return client, number


def _path(number: str) -> str:
    return f"/v1/phones/{quote(number, safe='')}"


def _not_taken(client: RestClient, to: str, outcome: str | None) -> str:
    """Why the platform made no call of it."""
    if find_number(client, to) is None:
        return f"{to} is not one of your numbers: `offhook number {to} --voice-url URL` makes it one"
    return f"{to} did not take the call: {outcome or 'no answer came'}"


def _show_heard(client: RestClient, console: Console, call: dict[str, Any], save: Path | None) -> None:
    keys = f", pressed keys {call['digits_heard']}" if call["digits_heard"] else ""
    console.print(f"The phone heard {call['heard_seconds']:.1f} s{keys}; {call['outcome'] or call['state']}.")
    if save is not None:
        save.write_bytes(client.fetch(call["heard_url"]))
        console.print(f"What it heard is in {save}")


def _show_history(client: RestClient, number: str) -> None:
    console = new_console()
    for item in client.sandbox("GET", f"{_path(number)}/calls")["calls"]:
        console.print(
            f"{item['started']}  {item['from']} → {item['to']}  {item['outcome'] or item['state']}  "
            f"heard {item['heard_seconds']:.1f} s  {item['call_sid'] or ''}  {item['heard_url']}"
        )
    for item in client.sandbox("GET", f"{_path(number)}/texts")["texts"]:
        console.print(f"{item['at']}  {item['from']} → {item['to']}  {item['body']}")


def _segments(count: int) -> str:
    return "one segment" if count == 1 else f"{count} segments"
