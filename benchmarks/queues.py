"""Calls that wait in a queue with music, and agents who all come for one of them at once.

    python benchmarks/queues.py [--waiting 300] [--agents 100]

SIPp is the trunk. It calls a number of the platform that answers with <Enqueue>, `--waiting` times; when all of them
wait, what each role takes of a core is measured for five seconds. Then it calls another number `--agents` times at
once, whose TwiML is <Dial><Queue url>: measured is from the first agent's webhook request to the last request for
what a caller hears before it is connected. In the same run as many plain two-party <Dial><Number url>s are made at
once, and measured in the same way; the ratio of the two is printed, and how many of media's ticks were late. Needs
SIPp.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from benchmarks.calls import HOLD_MS, SCENARIO, api, free_port, stolen, used  # noqa: E402

from offhook.testing import Platform  # noqa: E402

QUEUE = "bench"
CALLED = "+15557654321"
RATE = 30
"""Callers a second who come to wait."""
MUSIC_SECONDS = 5.0
REPORT_SECONDS = 11.0
"""How often voice asks the media workers how they do."""
TOGETHER_SECONDS = 20
LONGEST_SECONDS = 60.0
TARGET_SECONDS = 2.0
STAYS = '<Pause length="600"/>'


class WebhookApp(BaseHTTPRequestHandler):
    """Answers the requests of calls, and remembers when those to each path came."""

    protocol_version = "HTTP/1.1"
    documents: ClassVar[dict[str, str]] = {}
    came: ClassVar[defaultdict[str, list[float]]] = defaultdict(list)

    def do_POST(self) -> None:
        """A request of a call."""
        self.came[self.path].append(time.monotonic())
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = f"<Response>{self.documents.get(self.path, '')}</Response>".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Takes the connections of a burst."""

    request_queue_size = 1024
    daemon_threads = True


@contextmanager
def webhook_app() -> Iterator[str]:
    """The app's URL."""
    server = Server(("127.0.0.1", 0), WebhookApp)
    root = f"http://127.0.0.1:{server.server_port}"
    WebhookApp.documents = {
        "/wait": f'<Enqueue action="{root}/left">{QUEUE}</Enqueue>',
        "/left": STAYS,
        "/take": f'<Dial action="{root}/left" timeout="60"><Queue url="{root}/taken">{QUEUE}</Queue></Dial>',
        "/dial": f'<Dial action="{root}/left"><Number url="{root}/answered">{CALLED}</Number></Dial>',
    }
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield root
    finally:
        server.shutdown()


class Sipp:
    """SIPp in the background, calling a number; each call holds until SIPp hangs up."""

    def __init__(
        self, folder: Path, platform: Platform, number: str, calls: int, rate: int, seconds: int
    ) -> None:
        scenario = folder / f"hold-{seconds}.xml"
        scenario.write_text(SCENARIO.replace(f'milliseconds="{HOLD_MS}"', f'milliseconds="{seconds * 1000}"'))
        command = ["sipp", platform.facts["sip"], "-sf", str(scenario), "-s", number, "-i", "127.0.0.1"]
        command += [
            "-p",
            str(free_port()),
            "-mp",
            str(free_port() // 2 * 2),
            "-r",
            str(rate),
            "-m",
            str(calls),
        ]
        command += ["-l", str(calls), "-nostdin", "-recv_timeout", "20000"]
        self._process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self) -> int:
        """SIPp's exit status, 0 when every call went well."""
        return self._process.wait(LONGEST_SECONDS * 3)

    def stop(self) -> None:
        """End it, and its calls with it."""
        self._process.kill()
        self._process.wait()


@contextmanager
def callee(folder: Path, port: int) -> Iterator[None]:
    """What answers the calls that leave by the trunk."""
    command = [
        "sipp",
        "-sn",
        "uas",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "-mp",
        str(free_port() // 2 * 2),
        "-nostdin",
    ]
    uas = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        uas.terminate()
        uas.wait()


def number_for(platform: Platform, url: str) -> str:
    """A new number that is answered by `url`."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}"
    bought = api(platform, f"{base}/IncomingPhoneNumbers.json", {"AreaCode": "415", "VoiceUrl": url})
    return str(bought["phone_number"])


def waiting(platform: Platform) -> int:
    """How many calls wait."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}"
    queues = api(platform, f"{base}/Queues.json?PageSize=100")["queues"]
    return next((int(one["current_size"]) for one in queues if one["friendly_name"] == QUEUE), 0)


def ticks(platform: Platform) -> tuple[int, int, float]:
    """Ticks of all media workers when they were last asked, those that were late, and by how many ms at worst."""
    found = api(platform, f"{platform.api_url}/offhook/v1/diagnosis")["roles"]["voice"]["media_ticks"]
    workers = list(found.values())
    return (
        sum(worker["ticks"] for worker in workers),
        sum(worker["late"] for worker in workers),
        max(worker["worst_ms"] for worker in workers),
    )


def until(count: int, read: Any) -> None:
    """Wait until `read()` gives at least `count`. Raises TimeoutError."""
    deadline = time.monotonic() + LONGEST_SECONDS
    while (now := read()) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{now} of {count}")
        time.sleep(0.02)


def burst(folder: Path, platform: Platform, number: str, count: int, first: str, last: str) -> float:
    """Call a number `count` times at once; seconds from the first request to one path to the last to another."""
    calls = Sipp(folder, platform, number, count, 1000, TOGETHER_SECONDS)
    until(count, lambda: len(WebhookApp.came[last]))
    seconds = WebhookApp.came[last][count - 1] - WebhookApp.came[first][0]
    if calls.wait() != 0:
        print(f"  some of the calls to {first} failed")
    return seconds


def measure(folder: Path, platform: Platform, root: str, trunk: int, asked: argparse.Namespace) -> int:
    """Measure and print; 1 when the agents took longer than they may."""
    with callee(folder, trunk):
        plain = burst(
            folder, platform, number_for(platform, f"{root}/dial"), asked.agents, "/dial", "/answered"
        )
    hold = asked.waiting // RATE + round(MUSIC_SECONDS) + TOGETHER_SECONDS * 2
    ticked = ticks(platform)
    callers = Sipp(folder, platform, number_for(platform, f"{root}/wait"), asked.waiting, RATE, hold)
    agents = number_for(platform, f"{root}/take")
    until(asked.waiting, lambda: waiting(platform))
    before, used_before, began = stolen(), used(platform), time.monotonic()
    time.sleep(MUSIC_SECONDS)
    after, used_after, seconds = stolen(), used(platform), time.monotonic() - began
    served = burst(folder, platform, agents, asked.agents, "/take", "/taken")
    time.sleep(REPORT_SECONDS)
    count, late = (now - then for now, then in zip(ticks(platform)[:2], ticked[:2], strict=True))
    callers.stop()
    steal = (after[0] - before[0]) / max(1, after[1] - before[1])
    shares = {name: (used_after[name] - start) / seconds for name, start in used_before.items()}
    shown = ", ".join(f"{name} {share:.1%}" for name, share in shares.items() if share >= 0.001)
    print(f"{asked.waiting} calls wait with music on {os.cpu_count()} cores, steal {steal:.1%}")
    print(f"  of a core: {shown}; from when they came {late} of {count} ticks of media were late")
    print(f"{asked.agents} agents come at once: the last is served after {served:.2f} s")
    print(f"  {asked.agents} plain Dials at once: the last is answered after {plain:.2f} s")
    print(f"  ratio: {served / plain:.2f}")
    return 0 if served < TARGET_SECONDS else 1


def main() -> int:
    """Start a platform and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--waiting", type=int, default=300)
    parser.add_argument("--agents", type=int, default=100)
    asked = parser.parse_args()
    if shutil.which("sipp") is None:
        print("SIPp is not installed (Debian: sip-tester)")
        return 2
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name, webhook_app() as root:
        folder, port = Path(name), free_port()
        trunk = f"sip:127.0.0.1:{port};transport=udp;from=127.0.0.1"
        with (folder / "log").open("wb") as log:
            platform = Platform.start(folder / "data", arguments=["--trunk", trunk], log=log)
        try:
            return measure(folder, platform, root, port, asked)
        finally:
            platform.stop()


if __name__ == "__main__":
    sys.exit(main())
