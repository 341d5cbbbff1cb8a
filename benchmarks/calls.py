"""Calls a second through the whole platform: INVITE, webhook, <Play>, hung up by the caller after three seconds.

    python benchmarks/calls.py [--rate 30] [--seconds 60]

SIPp is the trunk. It calls a number of the platform whose webhook app answers with a <Play> of five seconds, hears it
for three and hangs up. SIPp, the webhook app and every role of the platform share the machine's cores; what each takes
of them per call is printed. In the same run SIPp calls its own plain answering scenario in the same way, so that the
time from INVITE to 200 can be compared with that of a peer that does nothing but answer. Needs SIPp.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from benchmarks.processes import processor_by_name  # noqa: E402

from offhook.supervisor.process import descendants  # noqa: E402
from offhook.testing import Platform  # noqa: E402

HOLD_MS = 3000
SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500" start_rtd="answer"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:+15551230000@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:trunk@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=trunk 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rtd="answer" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:+15551230000@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

]]></send>
  <pause milliseconds="HOLD"/>
  <send retrans="500"><![CDATA[
BYE [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[routes]
From: <sip:+15551230000@[local_ip]:[local_port]>;tag=[call_number]
[last_To:]
Call-ID: [call_id]
CSeq: 2 BYE
Max-Forwards: 70
Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
""".replace("HOLD", str(HOLD_MS))


class WebhookApp(BaseHTTPRequestHandler):
    """Answers every call with a prompt of five seconds, which it serves too."""

    protocol_version = "HTTP/1.1"
    prompt = b""

    def do_POST(self) -> None:
        """The number's voice URL."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = f"http://{self.headers['Host']}/prompt.wav"
        self._answer("text/xml", f"<Response><Play>{url}</Play></Response>".encode())

    def do_GET(self) -> None:
        """The prompt."""
        self._answer("audio/wav", self.prompt)

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Cache-Control", "max-age=3600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def tone(seconds: float) -> bytes:
    """A WAV file of a 440 Hz tone, 8 kHz, 16 bits."""
    count = int(8000 * seconds)
    samples = struct.pack(
        f"<{count}h", *(int(8000 * math.sin(2 * math.pi * 440 * n / 8000)) for n in range(count))
    )
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 36 + len(samples), b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", len(samples)),
    )
    return head + samples


@contextmanager
def webhook_app() -> Iterator[str]:
    """The app's URL. A process of its own would be fairer to the platform; a thread is simpler."""
    WebhookApp.prompt = tone(5)
    server = ThreadingHTTPServer(("127.0.0.1", 0), WebhookApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/voice"
    finally:
        server.shutdown()


def free_port() -> int:
    """A UDP port that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answer_with(platform: Platform, url: str) -> str:
    """Have the account's first number answered by `url`; the number."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}/IncomingPhoneNumbers"
    number = platform.phone_numbers[0]
    page = api(platform, f"{base}.json?PhoneNumber={urllib.parse.quote(number)}")
    sid = page["incoming_phone_numbers"][0]["sid"]
    api(platform, f"{base}/{sid}.json", {"VoiceUrl": url})
    return number


def api(platform: Platform, url: str, form: dict[str, str] | None = None) -> Any:
    """One request to the API."""
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    passwords.add_password(None, platform.api_url, platform.account_sid, platform.auth_token, True)
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    data = urllib.parse.urlencode(form).encode() if form else None
    with opener.open(url, data, timeout=30) as response:
        return json.load(response)


def sipp(scenario: Path, target: str, number: str, port: int, rate: int, seconds: int) -> dict[str, float]:
    """Call `target` at `rate`; how many calls succeeded and failed, and the times to 200 in milliseconds."""
    calls = rate * seconds
    command = ["sipp", target, "-sf", str(scenario), "-s", number, "-i", "127.0.0.1", "-p", str(port)]
    command += ["-r", str(rate), "-m", str(calls), "-l", str(rate * 20), "-nostdin", "-trace_rtt"]
    command += ["-rtt_freq", "1", "-timeout", str(seconds + 40), "-mp", str(free_port() // 2 * 2)]
    command += ["-trace_stat", "-fd", "5", "-stf", "stat.csv", "-recv_timeout", "20000"]
    subprocess.run(
        command, cwd=scenario.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    times: list[float] = []
    for path in scenario.parent.glob("*_rtt.csv"):
        rows = path.read_text().splitlines()[1:]
        times += [float(row.split(";")[1]) for row in rows if row.count(";") >= 2]
        path.unlink()
    lines = (scenario.parent / "stat.csv").read_text().splitlines()
    last = dict(zip(lines[0].split(";"), lines[-1].split(";"), strict=False))
    times.sort()
    return {
        "offered": calls,
        "good": float(last["SuccessfulCall(C)"]),
        "failed": float(last["FailedCall(C)"]),
        "retransmissions": float(last["Retransmissions(C)"]),
        "p50": times[len(times) // 2] if times else math.nan,
        "p99": times[int(len(times) * 0.99)] if times else math.nan,
    }


def stolen() -> tuple[int, int]:
    """Ticks that the hypervisor took, and all ticks, since boot."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return fields[7], sum(fields)


def used(platform: Platform) -> dict[str, float]:
    """Seconds of processor time so far: each role and server of the platform, SIPp, and the webhook app."""
    supervisor = int(platform.facts["pid"])
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        **processor_by_name([supervisor, *descendants(supervisor)]),
        "application": own.ru_utime + own.ru_stime,
        "sipp": children.ru_utime + children.ru_stime,
    }


def plain_peer(folder: Path, rate: int) -> dict[str, float]:
    """The same calls to SIPp's own answering scenario."""
    port = free_port()
    command = ["sipp", "-sn", "uas", "-i", "127.0.0.1", "-p", str(port), "-nostdin"]
    uas = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        return sipp(folder / "caller.xml", f"127.0.0.1:{port}", "uas", free_port(), rate, 10)
    finally:
        uas.terminate()
        uas.wait()


def main() -> int:
    """Measure and print; 1 when a call failed or p99 was 300 ms or more."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rate", type=int, default=30)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    if shutil.which("sipp") is None:
        print("SIPp is not installed (Debian: sip-tester)")
        return 2
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name, webhook_app() as url:
        folder = Path(name)
        (folder / "caller.xml").write_text(SCENARIO.strip())
        port = free_port()
        trunk = f"sip:127.0.0.1:{port};transport=udp"
        with (folder / "log").open("wb") as log:
            platform = Platform.start(folder / "data", arguments=["--trunk", trunk], log=log)
        try:
            number = answer_with(platform, url)
            sipp(folder / "caller.xml", platform.facts["sip"], number, port, 5, 2)
            before, used_before = stolen(), used(platform)
            result = sipp(
                folder / "caller.xml", platform.facts["sip"], number, port, asked.rate, asked.seconds
            )
            after, used_after = stolen(), used(platform)
            garbage = api(platform, f"{platform.api_url}/offhook/v1/diagnosis")["roles"]["voice"]["garbage"]
        finally:
            platform.stop()
        plain = plain_peer(folder, asked.rate)
    steal = (after[0] - before[0]) / max(1, after[1] - before[1])
    print(f"{asked.rate} calls/s for {asked.seconds} s on {os.cpu_count()} cores, steal {steal:.1%}")
    print(
        f"  completed {result['good']:.0f} of {result['offered']:.0f}, failed {result['failed']:.0f}, "
        f"SIP retransmissions {result['retransmissions']:.0f}"
    )
    print(f"  INVITE to 200: p50 {result['p50']:.0f} ms, p99 {result['p99']:.0f} ms")
    per_call = {
        name: 1000 * (used_after[name] - start) / result["offered"] for name, start in used_before.items()
    }
    shown = ", ".join(f"{name} {ms:.2f}" for name, ms in per_call.items() if ms >= 0.01)
    print(f"  ms of processor per call: {shown}, all {sum(per_call.values()):.2f}")
    print(
        f"  voice's collections: the longest {garbage['longest_ms']:.0f} ms, {garbage['found']} objects in cycles"
        f" ({garbage['found'] / max(1, result['offered']):.2f} a call)"
    )
    print(f"  a peer that only answers: p50 {plain['p50']:.1f} ms, p99 {plain['p99']:.1f} ms")
    print(f"  ratio of p50: {result['p50'] / max(plain['p50'], 0.1):.1f}")
    return 0 if result["failed"] == 0 and result["good"] == result["offered"] and result["p99"] < 300 else 1


if __name__ == "__main__":
    sys.exit(main())
