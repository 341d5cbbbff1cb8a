"""`offhook number`: the account's numbers, and the programs that answer them."""

from typing import Annotated, Any

import typer
from rich.console import Console

from offhook.cli.console import new_console
from offhook.cli.rest import RestClient, connect

_RESOURCE = "IncomingPhoneNumbers"


def number(
    phone_number: Annotated[
        str | None,
        typer.Argument(help="A number such as +15105550100; without one, all of yours are listed."),
    ] = None,
    voice_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The program that answers its calls with TwiML.")
    ] = None,
    sms_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The program that answers its texts with TwiML.")
    ] = None,
    status_callback: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the end of each of its calls is reported.")
    ] = None,
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The instance's data directory.")] = None,
) -> None:
    """Point a number at your program; one that nobody owns becomes yours. An empty URL takes it away."""
    client, console = connect(data), new_console()
    if phone_number is None:
        for owned in reversed(client.newest(_RESOURCE, 1000)):
            _show(console, owned)
        return
    asked = {"VoiceUrl": voice_url, "SmsUrl": sms_url, "StatusCallback": status_callback}
    _show(
        console, _set_up(client, phone_number, {name: url for name, url in asked.items() if url is not None})
    )


def _set_up(client: RestClient, phone_number: str, settings: dict[str, str]) -> dict[str, Any]:
    """Change a number of the account, or take a free one into it.

    Raises:
        RestFailure: it is somebody else's, or a URL is none.
    """
    owned = find_number(client, phone_number)
    if owned is None:
        return client.create(_RESOURCE, {"PhoneNumber": phone_number, **settings})
    return client.update(_RESOURCE, owned["sid"], settings) if settings else owned


def find_number(client: RestClient, phone_number: str) -> dict[str, Any] | None:
    """Return one of the account's numbers, None when it does not own it."""
    digits = phone_number.removeprefix("+")
    found = client.newest(_RESOURCE, 1000, PhoneNumber=digits)
    return next((item for item in found if item["phone_number"] == f"+{digits}"), None)


def _show(console: Console, item: dict[str, Any]) -> None:
    calls, texts = (item[name] or "nobody answers" for name in ("voice_url", "sms_url"))
    console.print(f"{item['phone_number']}  {item['sid']}  calls → {calls}  texts → {texts}")
