"""What each role holds after an attack, beside what it held before: nothing that a stranger sends may stay.

    python benchmarks/memory_under_abuse.py [--mutated 380000] [--copies 10000] [--posts 1000] [--rest 60]

Mutated SIP messages come over UDP and TCP, from an address that the trunk may call from and from a stranger's; then
copies of one INVITE of 56 kB from both; then POSTs of 240 kB that are refused: for their parameters, their credentials
or their size. Memory is the proportional set size (PSS, proc(5)) of each role, after some usual calls and a minute
after the attack.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import re
import socket
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from benchmarks.calls import api, free_port  # noqa: E402
from benchmarks.hostile_sip import SDP, SDP_ROW, Dialog, Messages  # noqa: E402
from benchmarks.processes import memory, name  # noqa: E402
from benchmarks.queues import Server, WebhookApp, number_for  # noqa: E402

from offhook.supervisor.process import descendants  # noqa: E402
from offhook.testing import Platform  # noqa: E402

ROLES = ("api", "voice", "media", "messaging", "streams", "sandbox", "speech")
LIMIT_MB = 20.0
TRUSTED, STRANGER = "127.0.0.1", "127.0.0.2"
PHONE = "+15550001111"
BATCH = 40
"""Datagrams between two looks whether voice keeps up: a burst that the socket drops would be no attack."""
RENEWED = 2_000
"""Messages after which there are new dialogs to attack."""
REPLY_SECONDS = 20.0


class Attacker:
    """Sends to the platform's SIP port from one address, as fast as it is read."""

    def __init__(self, host: str, platform: str, messages: Messages) -> None:
        server, _, port = platform.rpartition(":")
        self._address = (server, int(port))
        self._host = host
        self._messages = messages
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.settimeout(1.0)

    def close(self) -> None:
        self._socket.close()

    def send(self, batch: list[bytes]) -> None:
        """Send datagrams, and return when they have been read."""
        for message in batch:
            self._socket.sendto(message, self._address)
        self._ask("OPTIONS")

    def stream(self, batch: list[bytes]) -> None:
        """Send messages and half of one over a connection, and wait until it is closed."""
        with (
            contextlib.suppress(OSError),
            socket.create_connection(
                self._address, REPLY_SECONDS, source_address=(self._host, 0)
            ) as connection,
        ):
            for message in batch:
                connection.sendall(message)
            connection.sendall(batch[-1][: len(batch[-1]) // 2])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    def call(self) -> Dialog | None:
        """Make a call and answer for it with ACK; None when it is not taken."""
        answer, request = self._ask("INVITE", rows=SDP_ROW, body=SDP)
        tags = [re.search(rf"(?im)^{row}:.*;tag=([^;\r]+)", answer) for row in ("From", "To")]
        if not answer.startswith("SIP/2.0 200") or None in tags:
            return None
        local, remote = (found[1] for found in tags if found is not None)
        dialog = Dialog(request, local, remote)
        self._socket.sendto(self._messages.request("ACK", dialog=dialog), self._address)
        return dialog

    def _ask(self, method: str, *, rows: str = "", body: str = "") -> tuple[str, str]:
        """Send a request until its final response comes; that, and the Call-ID. Raises TimeoutError."""
        request = self._messages.request(method, rows=rows, body=body)
        call_id = re.findall(rb"Call-ID: (\S+)", request)[0].decode()
        deadline = time.monotonic() + REPLY_SECONDS
        while time.monotonic() < deadline:
            self._socket.sendto(request, self._address)
            with contextlib.suppress(TimeoutError):
                while True:
                    answer = self._socket.recv(65536).decode("latin-1")
                    if call_id in answer and re.match(r"SIP/2\.0 [2-6]", answer):
                        return answer, call_id
        raise TimeoutError(f"no answer to {method}: voice does not keep up")


def mutate(messages: Messages, trusted: Attacker, stranger: Attacker, count: int) -> None:
    """Send mutated messages: nine of ten batches over UDP, and as many from one side as from the other."""
    for sent in range(0, count, BATCH):
        if sent % RENEWED == 0:
            messages.dialogs = [dialog for _ in range(2) if (dialog := trusted.call()) is not None]
        attacker = messages.chance.choice((trusted, stranger))
        batch = [messages.mutated() for _ in range(BATCH)]
        if messages.chance.random() < 0.1:
            for message in range(0, BATCH, 4):
                attacker.stream(batch[message : message + 4])
        else:
            attacker.send(batch)


def copies(messages: Messages, trusted: Attacker, stranger: Attacker, count: int) -> None:
    """Send one large INVITE again and again, from either side."""
    filler = "".join(f"a=x{number}:{'y' * 200}\r\n" for number in range(260))
    for attacker in (stranger, trusted):
        large = messages.request("INVITE", rows=SDP_ROW, body=SDP + filler)
        for _ in range(0, count // 2, BATCH):
            attacker.send([large] * BATCH)


def posts(platform: Platform, count: int) -> None:
    """POSTs that are refused. Raises RuntimeError when one is not."""
    host, _, port = platform.api_url.removeprefix("http://").rpartition(":")
    base = f"/2010-04-01/Accounts/{platform.account_sid}"
    number, large = platform.phone_numbers[0], "9" * 240_000
    right, wrong = platform.auth_token, "0" * 32
    kinds = (
        ("Calls", right, {"From": number, "To": f"+{large}", "Url": "http://127.0.0.1/"}),
        ("Calls", right, {"From": number, "To": PHONE, "Url": f"http://127.0.0.1/{large}"}),
        ("Messages", right, {"From": number, "To": f"+{large}", "Body": "x"}),
        ("Messages", right, {"From": number, "To": PHONE, "Body": large}),
        ("Messages", wrong, {"From": number, "To": PHONE, "Body": large}),
        ("Calls", right, {"From": number, "To": PHONE, "Twiml": large + large}),
        ("Queues", right, {"FriendlyName": large}),
        ("Applications", right, {"FriendlyName": large}),
    )
    for index in range(count):
        resource, token, form = kinds[index % len(kinds)]
        login = base64.b64encode(f"{platform.account_sid}:{token}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/x-www-form-urlencoded"}
        # Each number is another one: what is the same might be remembered once.
        body = urllib.parse.urlencode(form).replace("999999", f"{index:06}", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=30)
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            connection.request("POST", f"{base}/{resource}.json", body, headers)
            answer = connection.getresponse()
            if not 400 <= answer.status < 500:
                raise RuntimeError(f"{resource} was answered {answer.status}: {answer.read()[:200]!r}")


@contextmanager
def webhook_app() -> Iterator[str]:
    """The URL at which calls are told to wait."""
    WebhookApp.documents = {"/voice": '<Gather timeout="600"/>'}
    server = Server(("127.0.0.1", 0), WebhookApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/voice"
    finally:
        server.shutdown()


def held(platform: Platform) -> dict[int, tuple[str, float]]:
    """Name and memory of every process of a role."""
    pids = descendants(int(platform.facts["pid"]))
    return {pid: (name(pid), memory(pid)) for pid in pids if name(pid) in ROLES}


def usual(platform: Platform) -> None:
    """Some usual calls and texts, so that each role has done what it does."""
    client = platform.client
    for count in range(20):
        call = client.calls.create(
            to=PHONE, from_=platform.phone_numbers[0], twiml="<Response><Say>Good morning.</Say></Response>"
        )
        client.messages.create(to=PHONE, from_=platform.phone_numbers[0], body=f"text {count}")
    deadline = time.monotonic() + 60
    while client.calls.get(call.sid).status != "completed" and time.monotonic() < deadline:
        time.sleep(0.5)


def main() -> int:
    """Attack and print; 1 when a role holds too much more than before, or has ended."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--mutated", type=int, default=380_000)
    parser.add_argument("--copies", type=int, default=10_000)
    parser.add_argument("--posts", type=int, default=1_000)
    parser.add_argument("--rest", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=4475)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as directory, webhook_app() as url:
        trunk = f"sip:127.0.0.1:{free_port()};transport=udp;from={TRUSTED}"
        with (Path(directory) / "log").open("wb") as log:
            platform = Platform.start(Path(directory) / "data", arguments=["--trunk", trunk], log=log)
        try:
            usual(platform)
            messages = Messages(asked.seed, platform.facts["sip"], number_for(platform, url))
            trusted, stranger = (
                Attacker(host, platform.facts["sip"], messages) for host in (TRUSTED, STRANGER)
            )
            time.sleep(5)
            before, began = held(platform), time.monotonic()
            mutate(messages, trusted, stranger, asked.mutated)
            mutated = held(platform)
            copies(messages, trusted, stranger, asked.copies)
            copied = held(platform)
            posts(platform, asked.posts)
            took = time.monotonic() - began
            trusted.close()
            stranger.close()
            posted = held(platform)
            time.sleep(asked.rest)
            after = held(platform)
            answered = api(platform, f"{platform.api_url}/offhook/v1/diagnosis")
            size = (Path(directory) / "log").stat().st_size
        finally:
            platform.stop()
    print(
        f"{asked.mutated} mutated messages, {asked.copies} copies of an INVITE and {asked.posts} POSTs"
        f" in {took:.0f} s; {size / 1e6:.1f} MB of log"
    )
    print(f"  {'MB':<10} before mutated copies  posts  {asked.rest:.0f} s later  change")
    holds = set(before) <= set(after)
    for pid, (role, start) in sorted(before.items(), key=lambda item: item[1]):
        now = [each[pid][1] if pid in each else 0.0 for each in (mutated, copied, posted, after)]
        change = now[-1] - start
        holds = holds and change < LIMIT_MB
        print(
            f"  {role:<10} {start:6.1f} {now[0]:7.1f} {now[1]:6.1f} {now[2]:6.1f} {now[3]:10.1f} {change:+8.1f}"
        )
    print(f"  voice's garbage: {answered['roles']['voice']['garbage']}")
    print(f"each role within {LIMIT_MB:.0f} MB of where it began: {'yes' if holds else 'NO'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
