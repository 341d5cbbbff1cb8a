"""The `offhook` command: start the platform, use it from a shell, find out what is wrong.

A command a file; whatever ends a command early is one line on stderr and exit status 2 (the request or the
configuration is wrong) or 1 (the platform could not do it).
"""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from offhook.cli.console import prepare_streams
from offhook.cli.demo import demo
from offhook.cli.doctor import doctor
from offhook.cli.listing import calls, texts
from offhook.cli.number import number
from offhook.cli.phone import phone
from offhook.cli.resources import TEXT_SETTINGS, call, text
from offhook.cli.rest import RestFailure
from offhook.cli.tail import tail
from offhook.cli.timeline import timeline
from offhook.cli.up import up
from offhook.config import ConfigurationError
from offhook.supervisor.process import StartError
from offhook.supervisor.role import run_role

app = typer.Typer(
    name="offhook",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(up)
app.command()(number)
app.add_typer(phone, name="phone")
app.command()(call)
app.command(context_settings=TEXT_SETTINGS)(text)
app.command()(calls)
app.command()(texts)
app.command()(timeline)
app.command()(tail)
app.command()(demo)
app.command()(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"offhook {version('offhook')}")
        raise typer.Exit


@app.callback()
def offhook(
    wanted: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """A self-hosted communications platform that speaks Twilio's public interfaces."""


@app.command(hidden=True)
def role(name: str) -> None:
    """Run one role; the supervisor does this."""
    raise typer.Exit(run_role(name))


def main() -> None:
    """Run the command line."""
    prepare_streams()
    try:
        app()
    except ConfigurationError as error:
        sys.exit(_complain(str(error), 2))
    except (StartError, RestFailure) as error:
        sys.exit(_complain(str(error), 1))


def _complain(line: str, status: int) -> int:
    print(f"offhook: {line}", file=sys.stderr)
    return status
