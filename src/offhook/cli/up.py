"""`offhook up`: run the platform in the foreground and say how to reach it."""

import asyncio
import os
import sys
from typing import Annotated

import msgspec
import typer

from offhook.cli.naming import command_name
from offhook.config import read_options
from offhook.supervisor.datadir import InstanceFacts, Secrets
from offhook.supervisor.instance import run


def up(
    data: Annotated[str | None, typer.Option(metavar="DIR", help="Where to keep all data.")] = None,
    http: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="REST API, default 127.0.0.1:8080.")
    ] = None,
    sip: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="SIP over UDP and TCP, default 127.0.0.1:5060.")
    ] = None,
    smpp: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The sandbox's SMSC, default 127.0.0.1:2775.")
    ] = None,
    sandbox: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="The sandbox's HTTP API, default 127.0.0.1:8081.")
    ] = None,
    expose_sandbox: Annotated[
        bool, typer.Option("--expose-sandbox", help="Let --sandbox be an address that others reach.")
    ] = False,
    trunk: Annotated[
        list[str] | None,
        typer.Option(
            metavar="sip:[USER:PASSWORD@]HOST:PORT;transport=udp",
            help="A SIP peer for calls to numbers that are not yours, instead of the sandbox's phones. "
            "Repeatable; more parameters: ;name= ;priority= ;from=NETWORK.",
        ),
    ] = None,
    public_address: Annotated[
        str | None,
        typer.Option(
            metavar="IP", help="The address given to SIP and RTP peers, behind a 1:1 NAT or a wildcard."
        ),
    ] = None,
    smsc: Annotated[
        list[str] | None,
        typer.Option(
            metavar="smpp://SYSTEM_ID:PASSWORD@HOST:PORT",
            help="An SMSC for texts, instead of the sandbox's. Repeatable; see docs/configuration.md.",
        ),
    ] = None,
    allow_net: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="A network that customers' URLs may point to. Repeatable."),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The URL under which others reach the REST API.")
    ] = None,
    log_level: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="debug, info (default), warning or error.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one line of JSON on stdout once all accepts traffic.")
    ] = False,
) -> None:
    """Start the platform and keep it running until Ctrl-C or SIGTERM.

    Each option has an environment variable: OFFHOOK_DATA, OFFHOOK_HTTP and so on. OFFHOOK_DATABASE_URL and
    OFFHOOK_NATS_URL use servers of yours instead of the embedded ones. Port 0 means any free port.
    """
    flags = {
        "data": data,
        "http": http,
        "sip": sip,
        "smpp": smpp,
        "sandbox": sandbox,
        "expose_sandbox": expose_sandbox,
        "trunk": trunk,
        "public_address": public_address,
        "smsc": smsc,
        "allow_net": allow_net,
        "public_url": public_url,
        "log_level": log_level,
    }
    asyncio.run(run(read_options(flags, os.environ), print_json if json else print_welcome))


def print_json(facts: InstanceFacts, made: Secrets) -> None:
    """Print the facts as one line of JSON."""
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


def print_welcome(facts: InstanceFacts, made: Secrets) -> None:
    """Print how to reach the platform, and what to try next."""
    data = "" if "OFFHOOK_DATA" not in os.environ and _is_default(facts) else f" --data {facts.data_dir}"
    command = command_name()
    print(
        f"""
Offhook is up. Data is kept in {facts.data_dir}

  API URL        {facts.api_url}
  Account SID    {facts.account_sid}
  Auth token     {facts.auth_token}
  Your numbers   {", ".join(facts.phone_numbers)}
  SIP            {reachable(facts.sip)} (UDP and TCP)
  Softphone      user {made.sip_username}, password {made.sip_password}, registrar {connectable(facts.sip)}
  SMPP           {reachable(facts.smpp)} (the sandbox's SMSC: system id {made.smsc_system_id}, \
password {made.smsc_password})
  Sandbox        {facts.sandbox_url} (every number that is not yours is a virtual phone, \
unless --trunk or --smsc leads elsewhere)

Try next, in another terminal:
  {command} call +15551230000 --say "Hello" --follow{data}
  {command} number {facts.phone_numbers[0]} --voice-url http://127.0.0.1:5000/voice{data}
  {command} phone +15551230000 call {facts.phone_numbers[0]} --follow{data}
  {command} tail{data}

Ctrl-C ends everything.""",
        flush=True,
    )


def reachable(address: str) -> str:
    """An address to listen on, as this machine reaches it; one on all addresses is named as such."""
    here = connectable(address)
    return address if here == address else f"{here}, and on all other addresses of this machine"


def connectable(address: str) -> str:
    """An address to listen on, as one that this machine can connect to."""
    return address.replace("0.0.0.0:", "127.0.0.1:", 1).replace("[::]:", "[::1]:", 1)


def _is_default(facts: InstanceFacts) -> bool:
    return str(read_options({}, os.environ).data_dir) == facts.data_dir
