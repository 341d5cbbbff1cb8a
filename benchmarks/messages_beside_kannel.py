"""Texts a second from POST to submit_sm, beside Kannel with its spool: the same poster, the same SMSC.

    python benchmarks/messages_beside_kannel.py [--texts 5000] [--rounds 3]

Each round has a number of texts taken by each of the two, in turn: the poster keeps 64 connections busy and the
SMSC notes when the last text came. Both take every text before they answer: the platform commits it, Kannel
writes it to its spool. Printed are the texts a second of each round and the ratio of the medians. Everything
shares the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import uvloop

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.http_client import HttpClient  # noqa: E402
from tests.fault.running import ANY_PORTS, Running  # noqa: E402
from tests.harness import kannel as programs  # noqa: E402
from tests.harness.smsc import Smsc  # noqa: E402

from offhook.smpp.bodies import SubmitSm  # noqa: E402

CONNECTIONS = 64
WINDOW = 500
LONGEST_ROUND = 300.0

MakeRequest = Callable[[str, str], bytes]
"""A request that sends a text with this recipient and body."""


def main() -> None:
    """Run both and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not programs.available():
        print("skipped: kannel is not installed")
        return
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as folder:
        uvloop.run(_run(Path(folder), options.texts, options.rounds))


async def _run(folder: Path, texts: int, rounds: int) -> None:
    async with Smsc(keep=False) as ours, Smsc(keep=False) as theirs:
        ours.receipt_after = theirs.receipt_after = None
        with programs.kannel(
            folder / "kannel", ("127.0.0.1", theirs.port), ("offhook", "secret"), window=WINDOW
        ) as kannel:
            smsc = f"smpp://offhook:secret@127.0.0.1:{ours.port}?window={WINDOW}"
            running = await asyncio.to_thread(Running, folder / "data", *ANY_PORTS, "--smsc", smsc)
            try:
                facts = await asyncio.to_thread(running.ready)
                host, port, request = platform_request(facts)
                speeds: dict[str, list[float]] = {"offhook": [], "kannel": []}
                for turn in range(rounds + 1):
                    count = texts if turn else min(texts, 500)
                    speed = {
                        "offhook": await measure(host, port, request, ours, count, turn),
                        "kannel": await measure(
                            "127.0.0.1", kannel.http_port, kannel_request(kannel), theirs, count, turn
                        ),
                    }
                    # The first round warms up.
                    if turn:
                        print(", ".join(f"{name} {rate:.0f}/s" for name, rate in speed.items()))
                        for name, rate in speed.items():
                            speeds[name].append(rate)
            finally:
                await asyncio.to_thread(running.stop)
    medians = {name: statistics.median(rates) for name, rates in speeds.items()}
    print(f"ratio of offhook to kannel: {medians['offhook'] / medians['kannel']:.2f}")


def platform_request(facts: dict[str, Any]) -> tuple[str, int, MakeRequest]:
    """Where the platform is, and how it is asked for a text."""
    host, _, port = facts["api_url"].removeprefix("http://").rstrip("/").rpartition(":")
    login = base64.b64encode(f"{facts['account_sid']}:{facts['auth_token']}".encode()).decode()
    head = (
        f"POST /2010-04-01/Accounts/{facts['account_sid']}/Messages.json HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Basic {login}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    )
    sender = facts["phone_numbers"][0]

    def request(recipient: str, text: str) -> bytes:
        body = urlencode({"To": recipient, "From": sender, "Body": text}).encode()
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body

    return host, int(port), request


def kannel_request(kannel: programs.Kannel) -> MakeRequest:
    """How Kannel is asked for a text."""

    def request(recipient: str, text: str) -> bytes:
        path = kannel.path("15105550100", recipient.removeprefix("+"), text)
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    return request


async def measure(host: str, port: int, request: MakeRequest, smsc: Smsc, count: int, turn: int) -> float:
    """Post `count` texts as fast as they are taken; texts a second until the last is at the SMSC."""
    arrived: set[bytes] = set()
    done = asyncio.Event()

    def answer(text: SubmitSm) -> int:
        arrived.add(text.short_message)
        if len(arrived) == count:
            done.set()
        return 0

    smsc.answer = answer
    texts = iter(
        [(f"+1555{number:07d}", f"Hello {turn} {number}") for number in range(2_000_000, 2_000_000 + count)]
    )
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [Client(request, texts) for _ in range(CONNECTIONS)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, host, port)  # type: ignore[misc]
    await asyncio.gather(*(client.done for client in clients))
    if failed := sum(client.failed for client in clients):
        raise SystemExit(f"{failed} texts were not taken")
    async with asyncio.timeout(LONGEST_ROUND):
        await done.wait()
    return count / (time.perf_counter() - started)


class Client(HttpClient):
    """Posts the next text as soon as the one before is taken."""

    def __init__(self, request: MakeRequest, texts: Any) -> None:
        super().__init__()
        self._request = request
        self._texts = texts

    def next(self) -> None:
        """Post, or end."""
        text = next(self._texts, None)
        if text is None:
            self.finish()
        else:
            self.send(self._request(*text))


if __name__ == "__main__":
    main()
