"""Requests a second of one api process: POST /Messages and POST /Calls, each committed before its 201.

    python benchmarks/api_requests.py [--seconds 10] [--connections 64]

In the same run a bare Falcon handler is served by the same uvicorn (uvloop, httptools) and asked in the
same way, so that the ratio says what the platform's own work costs, whatever the machine is. The client is
a process of its own that writes requests over keep-alive connections; it and PostgreSQL share the
machine's cores with the server.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import multiprocessing
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import msgspec

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.http_client import HttpClient  # noqa: E402
from tests.contract.conftest import make_settings  # noqa: E402
from tests.harness.services import running_nats, running_postgres  # noqa: E402

from offhook import clock  # noqa: E402
from offhook.config import READY_VARIABLE, SETTINGS_VARIABLE, Settings  # noqa: E402
from offhook.store.migrate import migrate  # noqa: E402
from offhook.store.records import AccountRecord, NumberRecord  # noqa: E402
from offhook.store.store import Store  # noqa: E402

NUMBER = "+15105550100"
BARE = """
import asyncio, socket, sys
import falcon.asgi, uvicorn, uvloop

class Bare:
    async def on_post(self, req, resp, path):
        await req.stream.read()
        resp.status = 201
        resp.data = b'{"status":"queued"}'

app = falcon.asgi.App()
app.add_route("/{path}", Bare())
config = uvicorn.Config(app, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None)
listener = socket.socket(fileno=int(sys.argv[1]))
asyncio.Runner(loop_factory=uvloop.new_event_loop).run(uvicorn.Server(config).serve(sockets=[listener]))
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a client process is to send, and for how long."""

    port: int
    request: bytes
    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it saw."""

    answered: int
    failed: int
    seconds: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.answered / self.seconds


def main() -> None:
    """Measure the bare handler, then both operations; print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    with running_postgres() as postgres, running_nats() as nats, listening() as public, listening() as bare:
        asyncio.run(migrate(postgres.url))
        settings = make_settings(public, postgres.url, nats.url, Path.cwd())
        account = asyncio.run(seed(postgres.url))
        with serving_bare(bare), serving_api(settings, public) as api:
            plain = measure(Load(port(bare), request("/x", {"a": "1"}, account), *_shape(options)))
            report("bare Falcon handler", plain, plain, 0)
            texts = {"To": "+15551230000", "From": NUMBER, "Body": "Hello world."}
            calls = {"To": "+15551230000", "From": NUMBER, "Url": "http://example.com/voice"}
            for name, form in (("Messages", texts), ("Calls", calls)):
                path = f"/2010-04-01/Accounts/{account.sid}/{name}.json"
                before = cpu_seconds(api)
                outcome = measure(Load(port(public), request(path, form, account), *_shape(options)))
                report(f"POST /{name}", outcome, plain, cpu_seconds(api) - before)


def _shape(options: argparse.Namespace) -> tuple[int, float]:
    return options.connections, options.seconds


def report(name: str, outcome: Outcome, plain: Outcome, cpu: float) -> None:
    """Print one line.

    Raises:
        SystemExit: requests failed; a rate of refusals, and a ratio to one, would say nothing.
    """
    if outcome.failed or not outcome.answered:
        raise SystemExit(f"{name}: {outcome.failed} of {outcome.answered} requests failed; no figure")
    cost = f", {cpu / outcome.answered * 1e6:.0f} us of CPU each" if cpu else ""
    print(
        f"{name:20} {outcome.rate:8.0f}/s  p99 {outcome.p99_ms:6.1f} ms"
        f"  ratio {outcome.rate / plain.rate:.2f}{cost}",
        flush=True,
    )


async def seed(url: str) -> AccountRecord:
    """An account with a number."""
    store = await Store.open(url)
    now = clock.utcnow()
    account = AccountRecord(clock.new_sid("AC"), "t" * 32, "Benchmark", now, now)
    await store.accounts.create(account)
    await store.numbers.create(NumberRecord(clock.new_sid("PN"), account.sid, NUMBER, NUMBER, now, now))
    await store.close()
    return account


def request(path: str, form: dict[str, str], account: AccountRecord) -> bytes:
    """The bytes of a POST."""
    body = urlencode(form).encode()
    login = base64.b64encode(f"{account.sid}:{account.auth_token}".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {login}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A listening socket on a free port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        yield listener


def port(listener: socket.socket) -> int:
    """Its port."""
    number: int = listener.getsockname()[1]
    return number


@contextmanager
def serving_bare(listener: socket.socket) -> Iterator[None]:
    """The bare handler, in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", BARE, str(listener.fileno())], pass_fds=(listener.fileno(),)
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def serving_api(settings: Settings, listener: socket.socket) -> Iterator[int]:
    """The api role; gives its process id once it accepts requests."""
    ready, told = os.pipe()
    variables = {SETTINGS_VARIABLE: msgspec.json.encode(settings).decode(), READY_VARIABLE: str(told)}
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook", "role", "api"],
        env={**os.environ, **variables},
        pass_fds=(told, listener.fileno()),
    )
    os.close(told)
    with os.fdopen(ready) as line:
        line.readline()
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(load: Load) -> Outcome:
    """Send requests from another process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(send, (load,))


def send(load: Load) -> Outcome:
    """Keep `connections` requests under way for `seconds`, after a second to warm up."""
    import uvloop

    resource.setrlimit(resource.RLIMIT_NOFILE, (load.connections + 64, load.connections + 64))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_send(load, 1.0))
        return runner.run(_send(load, load.seconds))


async def _send(load: Load, seconds: float) -> Outcome:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [Client(load.request, started + seconds) for _ in range(load.connections)]
    for client in clients:
        await loop.create_connection(partial(_same, client), "127.0.0.1", load.port)
    await asyncio.gather(*(client.done for client in clients))
    delays = sorted(delay for client in clients for delay in client.delays)
    failed = sum(client.failed for client in clients)
    p99 = delays[int(len(delays) * 0.99)] * 1000 if delays else 0.0
    return Outcome(len(delays), failed, time.perf_counter() - started, p99)


def _same(client: Client) -> Client:
    return client


class Client(HttpClient):
    """Sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes, until: float) -> None:
        super().__init__()
        self._request = request
        self._until = until

    def next(self) -> None:
        if time.perf_counter() < self._until:
            self.send(self._request)
        else:
            self.finish()


if __name__ == "__main__":
    main()
