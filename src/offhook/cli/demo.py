"""`offhook demo`: start the platform, run the guide's two programs, show what happens, end.

The programs are those of `examples/guide`, filled in as their reader would: account, token and numbers. One
calls a virtual phone, the other texts it; what the phone heard is kept as a WAV file.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
import typer
from rich.console import Console

import offhook
from offhook.cli.naming import command_name
from offhook.cli.rest import RestClient
from offhook.cli.timeline import describe, follow_timeline, show
from offhook.supervisor.datadir import InstanceFacts
from offhook.supervisor.process import StartError, die_with_parent

PHONE = "15551230000"
"""The virtual phone of the demonstration, written as in the guide: eleven digits."""

_ANSWERED = {"in-progress": "answered", "completed": "ended"}
"""What a caller would call these statuses."""

_LONGEST_SECONDS = 60.0
_STOP_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one program's call or text ended."""

    sid: str
    status: str
    price: str | None
    worked: bool


def demo(
    data: Annotated[str, typer.Option(metavar="DIR", help="Where the demonstration keeps its data.")] = (
        ".offhook"
    ),
) -> None:
    """Call a virtual phone and text it by two programs written for Twilio; exit status 0 when both worked."""
    console = Console(highlight=False, soft_wrap=True)
    console.print("Starting the platform: PostgreSQL, NATS, api, voice, media, streams, messaging, sandbox …")
    with running_platform(Path(data).absolute()) as facts:
        client = RestClient(facts)
        console.print(f"It runs: {facts.api_url}, account {facts.account_sid}\n")
        called = run_program(client, console, "make_call.py", "Calls")
        texted = run_program(client, console, "send_text.py", "Messages")
        heard = keep_recording(client, called)
        print_summary(client, console, called, texted, heard)
    if not (called.worked and texted.worked and heard is not None):
        raise typer.Exit(1)


@contextmanager
def running_platform(data: Path) -> Iterator[InstanceFacts]:
    """Run a platform of its own on free ports; yield its facts once all of it accepts traffic.

    Raises:
        StartError: it did not come up; it has said why on stderr.
    """
    any_port = "127.0.0.1:0"
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "offhook", "up", "--json", "--data", str(data)),
            *("--http", any_port, "--sip", any_port, "--smpp", any_port, "--sandbox", any_port),
            *("--log-level", "error"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise StartError(f"the platform did not start (exit status {process.wait()})")
        yield msgspec.json.decode(line, type=InstanceFacts)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run_program(client: RestClient, console: Console, name: str, resource: str) -> Outcome:
    """Run one of the guide's programs and show each step of what it started."""
    console.print(f"[bold]$ python {name}[/bold]")
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / name
        program.write_text(fill_in((programs() / name).read_text(), client.facts))
        done = subprocess.run(
            [sys.executable, str(program)],
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
            check=False,
            env={**os.environ, "OFFHOOK_API_URL": client.facts.api_url},
        )
    if done.returncode != 0:
        console.print(done.stderr.strip(), style="red", markup=False)
        return Outcome("", "not made", None, False)
    sid = done.stdout.strip()
    console.print(f"{sid}")
    for entry in follow_timeline(client, sid, _LONGEST_SECONDS):
        if step := step_of(entry):
            console.print(f"  {step}", markup=False)
    ended = client.resource(resource, sid)
    status = str(ended["status"])
    console.print(f"[bold]{status}[/bold]\n")
    return Outcome(sid, status, ended["price"], status in ("completed", "delivered"))


def fill_in(program: str, facts: InstanceFacts) -> str:
    """Put account, token and numbers where the program's reader would."""
    for placeholder, value in (
        ("your_account_sid", facts.account_sid),
        ("your_auth_token", facts.auth_token),
        ("NNNNNNNNNNN", facts.phone_numbers[0].removeprefix("+")),
        ("MMMMMMMMMMM", PHONE),
    ):
        program = program.replace(placeholder, value)
    return program


def programs() -> Path:
    """Return the directory of the guide's programs, in a checkout or as installed."""
    package = Path(offhook.__file__).parent
    installed = package / "examples" / "guide"
    return installed if installed.is_dir() else package.parents[1] / "examples" / "guide"


def keep_recording(client: RestClient, called: Outcome) -> Path | None:
    """Keep what the phone heard in its latest call as a WAV file; None when it heard nothing."""
    phone = f"{client.facts.sandbox_url}/v1/phones/{quote(f'+{PHONE}')}"
    calls: list[dict[str, Any]] = client.get(f"{phone}/calls")["calls"]
    if not calls or not calls[-1].get("heard_url"):
        return None
    path = Path(client.facts.data_dir) / "demo" / f"{called.sid}.wav"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(client.fetch(calls[-1]["heard_url"]))
    return path


def print_summary(
    client: RestClient, console: Console, called: Outcome, texted: Outcome, heard: Path | None
) -> None:
    """Print where to hear the call, both timelines, prices, and what to try next."""
    for title, outcome in (("call", called), ("text", texted)):
        if outcome.sid:
            console.print(f"[bold]Timeline of the {title}[/bold] {outcome.sid}")
            show(client.timeline(outcome.sid)[0], console)
            console.print(f"            price {outcome.price or 'none'} USD\n")
    console.print(f"What the phone heard:  {heard or 'nothing'}")
    command, data = command_name(), f"--data {client.facts.data_dir}"
    console.print(
        f"""
Try next:
  {command} up {data}
and in another terminal:
  {command} call +{PHONE} --say "Hello" --follow {data}
  {command} text +{PHONE} "Hello" --follow {data}
  {command} timeline {called.sid or "SID"} {data}
and read examples/, where the same programs answer calls and texts.""",
        markup=False,
    )


def step_of(entry: dict[str, Any]) -> str:
    """Return the words for an entry that is a step of a call or text; empty for the others."""
    kind, name, detail = entry["kind"], str(entry["name"]), entry["detail"]
    if kind == "status":
        return _ANSWERED.get(name, name)
    if kind == "twiml" and name == "Say":
        return f'said "{detail.get("text", "")}"'
    if kind in ("webhook", "error"):
        return describe(entry)
    return ""
