"""Bridged calls that are recorded in two channels, beside as many that are not: is media on time, is every file right?

    python benchmarks/recorded_calls.py [--calls 150] [--seconds 20]

SIPp is the trunk: it calls a number of the platform whose TwiML is <Dial><Number>, and answers that number itself;
both sides send RTP, as telephones do. First `--calls` such calls are made, then as many that are recorded with
record="record-from-answer-dual", silence included. Printed are the ticks of the media workers that began more than
10 ms late, what the roles take of a core, the ratio of the two, and how many of the recordings have both channels and
the right length. Needs SIPp, and its pcap of eight seconds of speech (Debian: sip-tester).
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))
sys.path.insert(0, str(ROOT))

from benchmarks.calls import HOLD_MS, SCENARIO, api, free_port, stolen, used  # noqa: E402
from benchmarks.queues import CALLED, REPORT_SECONDS, Server, WebhookApp, number_for, ticks  # noqa: E402

from offhook.testing import Platform  # noqa: E402

RATE = 25
"""Calls a second that begin."""
SETTLE_SECONDS = 5.0
LONGEST_SECONDS = 60.0
TOLERANCE_SECONDS = 1.0
"""Durations are whole seconds, rounded up."""
STREAM_SECONDS = 8.0
ECHO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="callee">
  <recv request="INVITE"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=callee 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


@dataclass(frozen=True, slots=True)
class Result:
    """What a scene has cost: ticks of all media workers, those that were late, and shares of a core by role."""

    ticks: int
    late: int
    worst_ms: float
    shares: dict[str, float]
    steal: float

    @property
    def lateness(self) -> float:
        return self.late / max(1, self.ticks)


@contextmanager
def webhook_app() -> Iterator[str]:
    """The URL of what answers."""
    dial = f"<Number>{CALLED}</Number></Dial>"
    WebhookApp.documents = {
        "/plain": f"<Dial>{dial}",
        "/recorded": f'<Dial record="record-from-answer-dual" trim="do-not-trim">{dial}',
    }
    server = Server(("127.0.0.1", 0), WebhookApp)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def sipp(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """SIPp in the background; what comes to its RTP port is sent back."""
    command = [
        "sipp",
        *arguments,
        "-i",
        "127.0.0.1",
        "-mi",
        "127.0.0.1",
        "-nostdin",
        "-recv_timeout",
        "60000",
    ]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def caller(speech: Path, seconds: int) -> str:
    """The scenario of a caller that speaks for so long."""
    streams = max(1, round(seconds / STREAM_SECONDS))
    play = f'<nop><action><exec play_pcap_audio="{speech}"/></action></nop>'
    pause = f'<pause milliseconds="{int(STREAM_SECONDS * 1000)}"/>'
    scenario = SCENARIO.replace("RTP/AVP 0 101", "RTP/AVP 8 101").replace("rtpmap:0 PCMU", "rtpmap:8 PCMA")
    return scenario.replace(f'<pause milliseconds="{HOLD_MS}"/>', (play + pause) * streams)


def in_progress(platform: Platform) -> int:
    """How many calls talk."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}"
    return len(api(platform, f"{base}/Calls.json?Status=in-progress&PageSize=1000")["calls"])


def scene(folder: Path, platform: Platform, number: str, calls: int, seconds: int) -> Result:
    """Make the calls, and measure while all of them talk."""
    held = seconds + round(calls / RATE + SETTLE_SECONDS + 2 * REPORT_SECONDS)
    (folder / "caller.xml").write_text(caller(folder / "speech.pcap", held))
    ports = str(free_port() // 2 * 2)
    callers = sipp(
        folder, platform.facts["sip"], "-sf", "caller.xml", "-s", number, "-p", str(free_port()), "-mp", ports,
        "-r", str(RATE), "-m", str(calls), "-l", str(calls),
    )  # fmt: skip
    deadline = time.monotonic() + LONGEST_SECONDS
    while in_progress(platform) < 2 * calls and time.monotonic() < deadline:
        time.sleep(0.5)
    time.sleep(SETTLE_SECONDS + REPORT_SECONDS)
    before, stolen_before = used(platform), stolen()
    (ticks_before, late_before, _), began = ticks(platform), time.monotonic()
    time.sleep(seconds)
    after, stolen_after, took = used(platform), stolen(), time.monotonic() - began
    ticks_after, late_after, worst = ticks(platform)
    print(f"  {in_progress(platform)} legs talk", flush=True)
    callers.wait(LONGEST_SECONDS * 3)
    while in_progress(platform) and time.monotonic() < deadline + 3 * LONGEST_SECONDS:
        time.sleep(0.5)
    shares = {name: (after[name] - start) / took for name, start in before.items()}
    steal = (stolen_after[0] - stolen_before[0]) / max(1, stolen_after[1] - stolen_before[1])
    return Result(ticks_after - ticks_before, late_after - late_before, worst, shares, steal)


def recordings(platform: Platform, calls: int) -> list[dict[str, Any]]:
    """The recordings, once all of them are complete."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}"
    deadline = time.monotonic() + LONGEST_SECONDS
    while True:
        found: list[dict[str, Any]] = api(platform, f"{base}/Recordings.json?PageSize=1000")["recordings"]
        complete = [one for one in found if one["status"] == "completed"]
        if len(complete) >= calls or time.monotonic() > deadline:
            return complete
        time.sleep(0.5)


def lasted(platform: Platform) -> dict[str, int]:
    """Seconds of each call that was dialled, by the call that dialled it."""
    base = f"{platform.api_url}/2010-04-01/Accounts/{platform.account_sid}"
    found = api(platform, f"{base}/Calls.json?PageSize=1000&Status=completed")["calls"]
    return {one["parent_call_sid"]: int(one["duration"]) for one in found if one["parent_call_sid"]}


def measure(folder: Path, platform: Platform, root: str, asked: argparse.Namespace) -> int:
    """Measure and print; 1 when a recording is not right."""
    results = {
        name: scene(folder, platform, number_for(platform, f"{root}/{name}"), asked.calls, asked.seconds)
        for name in ("plain", "recorded")
    }
    made, children = recordings(platform, asked.calls), lasted(platform)
    right = [
        one
        for one in made
        if one["channels"] == 2
        and abs(int(one["duration"]) - children.get(one["call_sid"], -1)) <= TOLERANCE_SECONDS
    ]
    print(f"{asked.calls} bridged calls for {asked.seconds} s on {os.cpu_count()} cores")
    for name, result in results.items():
        shown = ", ".join(f"{role} {share:.0%}" for role, share in result.shares.items() if share >= 0.005)
        print(
            f"  {name:<9} {result.late} of {result.ticks} ticks late ({result.lateness:.2%}),"
            f" the worst since the start by {result.worst_ms:.0f} ms, steal {result.steal:.1%}; of a core: {shown}"
        )
    plain, recorded = results["plain"], results["recorded"]
    ours = [
        sum(result.shares.get(role, 0.0) for role in ("media", "streams")) for result in (recorded, plain)
    ]
    print(
        f"  recorded beside plain: media and streams {ours[0] / max(ours[1], 0.001):.2f} times the processor"
    )
    print(f"  recordings: {len(made)} complete, {len(right)} of them with two channels and the right length")
    return 0 if len(right) == asked.calls else 1


def main() -> int:
    """Start a platform and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=150)
    parser.add_argument("--seconds", type=int, default=20)
    asked = parser.parse_args()
    speech = Path("/usr/share/sip-tester/g711a.pcap")
    if shutil.which("sipp") is None or not speech.exists():
        print("SIPp or its speech is not installed (Debian: sip-tester)")
        return 2
    with tempfile.TemporaryDirectory(prefix="offhook-bench-") as name, webhook_app() as root:
        folder, port = Path(name), free_port()
        shutil.copy(speech, folder / "speech.pcap")
        (folder / "callee.xml").write_text(ECHO.strip())
        ports = str(free_port() // 2 * 2)
        callee = sipp(folder, "-sf", "callee.xml", "-p", str(port), "-mp", ports, "-rtp_echo")
        trunk = f"sip:127.0.0.1:{port};transport=udp;from=127.0.0.1"
        with (folder / "log").open("wb") as log:
            platform = Platform.start(folder / "data", arguments=["--trunk", trunk], log=log)
        try:
            return measure(folder, platform, root, asked)
        finally:
            platform.stop()
            callee.kill()
            callee.wait()


if __name__ == "__main__":
    sys.exit(main())
