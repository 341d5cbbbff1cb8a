"""Texts a second from POST /Messages to submit_sm at an SMSC, through the whole platform.

    python benchmarks/messages.py [--rate 1500] [--seconds 30] [--receipts]

`offhook up` runs as an operator runs it; one more process posts texts at an even rate, each answered with
201 once it is committed, and is the SMSC that takes them. The ratio is what arrived at the SMSC within the
measured time to what was posted in it: 1.00 means that the platform keeps up. Everything shares the
machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import multiprocessing
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.http_client import HttpClient  # noqa: E402
from tests.fault.running import ANY_PORTS, Running  # noqa: E402
from tests.harness.smsc import Smsc  # noqa: E402

from offhook.smpp.bodies import SubmitSm  # noqa: E402

CONNECTIONS = 64
DRAIN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Load:
    """What to post, and for how long."""

    host: str
    port: int
    account_sid: str
    auth_token: str
    sender: str
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: times in milliseconds."""

    posted: int
    failed: int
    in_time: int
    arrived: int
    posting_seconds: float
    last_seconds: float
    answer_p99: float
    submit_p50: float
    submit_p99: float


def main() -> None:
    """Run the platform and the load, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--rate", type=float, default=1500)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--receipts", action="store_true", help="send a delivery receipt for each")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    peer = context.Process(target=serve, args=(theirs, options.receipts), daemon=True)
    peer.start()
    smsc_port = ours.recv()
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as data:
        smsc = f"smpp://offhook:secret@127.0.0.1:{smsc_port}"
        running = Running(Path(data) / "data", *ANY_PORTS, "--smsc", smsc)
        try:
            facts = running.ready()
            warm_up = load_of(facts, 200, 2)
            ours.send(warm_up)
            ours.recv()
            before = cpu(running)
            ours.send(load_of(facts, options.rate, options.seconds))
            outcome: Outcome = ours.recv()
            used = {name: seconds - before.get(name, 0.0) for name, seconds in cpu(running).items()}
        finally:
            running.stop()
            peer.kill()
    report(outcome, used)


def load_of(facts: dict[str, Any], rate: float, seconds: float) -> Load:
    """The load for a platform that printed these facts."""
    host, _, port = facts["api_url"].removeprefix("http://").rstrip("/").rpartition(":")
    return Load(
        host, int(port), facts["account_sid"], facts["auth_token"], facts["phone_numbers"][0], rate, seconds
    )


def report(outcome: Outcome, used: dict[str, float]) -> None:
    """Print the figures.

    Raises:
        SystemExit: a text was not taken, or did not arrive.
    """
    print(
        f"posted {outcome.posted} texts in {outcome.posting_seconds:.1f} s: "
        f"{outcome.posted / outcome.posting_seconds:.0f}/s, 201 p99 {outcome.answer_p99:.0f} ms"
    )
    print(
        f"arrived {outcome.arrived}, the last after {outcome.last_seconds:.1f} s; from POST to submit_sm "
        f"p50 {outcome.submit_p50:.0f} ms, p99 {outcome.submit_p99:.0f} ms"
    )
    busy = ", ".join(f"{name} {seconds:.1f}" for name, seconds in sorted(used.items(), key=lambda i: -i[1]))
    print(f"CPU seconds: {busy}")
    print(f"ratio of arrived to posted within the time: {outcome.in_time / max(1, outcome.posted):.3f}")
    if outcome.failed or outcome.arrived < outcome.posted:
        raise SystemExit(
            f"{outcome.failed} requests failed, {outcome.posted - outcome.arrived} texts missing"
        )


def cpu(running: Running) -> dict[str, float]:
    """CPU seconds used by each part of the platform."""
    used: dict[str, float] = {}
    for pid in running.family():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        words = [word.decode() for word in command if word]
        name = words[-1] if "role" in words else Path(words[0]).name.split(":")[0] if words else "?"
        used[name] = used.get(name, 0.0) + sum(int(f) for f in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return used


def serve(pipe: Connection, receipts: bool) -> None:
    """The other process: the SMSC, and the client that posts."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(pipe, receipts))


async def _serve(pipe: Connection, receipts: bool) -> None:
    loop = asyncio.get_running_loop()
    arrived: dict[bytes, float] = {}
    async with Smsc(keep=False) as smsc:

        def answer(text: SubmitSm) -> int:
            arrived.setdefault(text.short_message, time.perf_counter())
            return 0

        smsc.answer = answer
        smsc.receipt_after = 0.0 if receipts else None
        pipe.send(smsc.port)
        while True:
            load = await loop.run_in_executor(None, pipe.recv)
            arrived.clear()
            pipe.send(await _measure(load, arrived))


async def _measure(load: Load, arrived: dict[bytes, float]) -> Outcome:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [Client(load, index, started) for index in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, load.host, load.port)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    ended = time.perf_counter()
    sent = {body: at for client in clients for body, at in client.sent.items()}
    in_time = len(arrived)
    while len(arrived) < len(sent) and time.perf_counter() < ended + DRAIN_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    delays = sorted((arrived[body] - at) * 1000 for body, at in sent.items() if body in arrived)
    answers = sorted(delay * 1000 for client in clients for delay in client.delays)
    return Outcome(
        posted=len(sent),
        failed=sum(client.failed for client in clients),
        in_time=in_time,
        arrived=len(delays),
        posting_seconds=ended - started,
        last_seconds=max(arrived.values(), default=started) - started,
        answer_p99=_percentile(answers, 0.99),
        submit_p50=_percentile(delays, 0.5),
        submit_p99=_percentile(delays, 0.99),
    )


def _percentile(values: list[float], fraction: float) -> float:
    return values[int(len(values) * fraction)] if values else 0.0


class Client(HttpClient):
    """Posts its share of the texts, each at its moment or as soon as it can."""

    def __init__(self, load: Load, index: int, started: float) -> None:
        super().__init__()
        login = base64.b64encode(f"{load.account_sid}:{load.auth_token}".encode()).decode()
        self._head = (
            f"POST /2010-04-01/Accounts/{load.account_sid}/Messages.json HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Basic {login}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        )
        self._load = load
        self._index = index
        self._started = started
        self._turn = 0
        self.sent: dict[bytes, float] = {}

    def next(self) -> None:
        """Post the next text at its moment, or end."""
        moment = (self._turn * CONNECTIONS + self._index) / self._load.rate
        if moment >= self._load.seconds:
            self.finish()
            return
        self._turn += 1
        delay = self._started + moment - time.perf_counter()
        asyncio.get_running_loop().call_later(max(0.0, delay), self._post)

    def _post(self) -> None:
        text = f"Hello world. {self._index} {self._turn}"
        form = {"To": f"+1555{self._index:03d}{self._turn:04d}", "From": self._load.sender, "Body": text}
        body = urlencode(form).encode()
        request = f"{self._head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        self.sent[text.encode()] = self.send(request)


if __name__ == "__main__":
    main()
