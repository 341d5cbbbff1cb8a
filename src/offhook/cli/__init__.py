"""The `offhook` command: start the platform, use it from a shell, find out what is wrong.

A command a file; whatever ends a command early is one line on stderr and exit status 2 (the request or the
configuration is wrong) or 1 (the platform could not do it).
"""

import sys

import typer

from offhook.cli.demo import demo
from offhook.cli.doctor import doctor
from offhook.cli.resources import call, text
from offhook.cli.rest import RestFailure
from offhook.cli.timeline import timeline
from offhook.cli.up import up
from offhook.config import ConfigurationError
from offhook.supervisor.process import StartError
from offhook.supervisor.role import run_role

app = typer.Typer(
    name="offhook",
    help="A self-hosted communications platform that speaks Twilio's public interfaces.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (up, call, text, timeline, demo, doctor):
    app.command()(command)


@app.command(hidden=True)
def role(name: str) -> None:
    """Run one role; the supervisor does this."""
    raise typer.Exit(run_role(name))


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ConfigurationError as error:
        sys.exit(_complain(str(error), 2))
    except (StartError, RestFailure) as error:
        sys.exit(_complain(str(error), 1))


def _complain(line: str, status: int) -> int:
    print(f"offhook: {line}", file=sys.stderr)
    return status
