"""`offhook call` and `offhook text`: make a call or send a text from a shell."""

from typing import Annotated, Any
from xml.sax.saxutils import escape

import typer

from offhook.cli.console import new_console
from offhook.cli.rest import RestClient, connect
from offhook.cli.timeline import follow_timeline, show
from offhook.config import ConfigurationError

TEXT_SETTINGS = {"ignore_unknown_options": True}
"""Settings of a command whose last argument is a text, which may begin with a dash: "-5 °C today"."""

_Data = Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")]
_From = Annotated[
    str | None, typer.Option("--from", metavar="NUMBER", help="One of your numbers; the first by default.")
]
_Follow = Annotated[bool, typer.Option("--follow", help="Show each step until it has ended.")]
_To = Annotated[str, typer.Argument(help="A phone number such as +15551230000, or a sip: address.")]


def call(
    to: _To,
    say: Annotated[str | None, typer.Option(metavar="TEXT", help="What to say when it is answered.")] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where the call's TwiML is.")] = None,
    from_: _From = None,
    follow: _Follow = False,
    data: _Data = None,
) -> None:
    """Call a phone, and say something or do what the TwiML at a URL says."""
    if (say is None) == (url is None):
        raise ConfigurationError("say what the call shall do: --say TEXT or --url URL")
    client = connect(data)
    form = {"To": to, "From": from_ or client.facts.phone_numbers[0]}
    if say is not None:
        form["Twiml"] = f"<Response><Say>{escape(say)}</Say></Response>"
    elif url is not None:
        form["Url"] = url
    _report(client, client.create("Calls", form), follow)


def text(
    to: Annotated[str, typer.Argument(help="A phone number such as +15551230000.")],
    body: Annotated[str, typer.Argument(help="What the text says.")],
    from_: _From = None,
    follow: _Follow = False,
    data: _Data = None,
) -> None:
    """Send a text message."""
    client = connect(data)
    form = {"To": to, "From": from_ or client.facts.phone_numbers[0], "Body": body}
    _report(client, client.create("Messages", form), follow)


def _report(client: RestClient, resource: dict[str, Any], follow: bool) -> None:
    """Print what was made; with `follow`, each step of it. A bad end is exit status 1."""
    console = new_console()
    sid = str(resource["sid"])
    console.print(f"{sid}  {resource['status']}")
    if not follow:
        return
    show(follow_timeline(client, sid), console)
    ended = client.resource("Calls" if sid.startswith("CA") else "Messages", sid)
    console.print(f"{sid}  {ended['status']}", style="bold")
    if ended["status"] not in ("completed", "delivered", "sent"):
        raise typer.Exit(1)
