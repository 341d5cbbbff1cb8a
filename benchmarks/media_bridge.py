"""Bridged legs: the worker's CPU and delay in relaying against Debian's rtpengine in userspace, with the same streams.

Both are pinned to the same core with the same priority, one after the other, and get packets from the same load
generator: pairs of phones that talk to each other, 50 packets a second each way. Prints the CPU per leg and the time
that packets take of both, and the ratios.

With --beside, so many more legs of the worker hear and play something at the same time: packets that are relayed must
not wait for a tick. CPU is not compared then.

Usage: python benchmarks/media_bridge.py [--pairs 200] [--seconds 20] [--beside 0]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import re
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.media_legs import LOCAL_PORT, run_load, start_worker, warn_of_late_load

from offhook.media.client import MediaClient
from offhook.media.protocol import LegOpened, Tone
from offhook.media.worker import ask_for_priority

NG_PORT = 22222
RATIO_TARGET = 1.0
DELAY_TARGET_MS = (0.5, 1.5)
"""Median and 99th percentile."""
SETTLE_SECONDS = 2.5


@dataclass
class Result:
    """What relaying cost: CPU seconds over so many seconds, packets that reached the phones, and after how long."""

    cpu: float
    sent: int
    received: int
    delays_ms: tuple[float, float]


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its threads (proc(5), /proc/pid/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def loaded(pid: int, seconds: float, legs: list[LegOpened], core: int, timed: int) -> Result:
    """Send the streams of all phones, and measure while they are steady; the first `timed` are pairs."""
    load = await run_load(seconds + SETTLE_SECONDS + 1, legs, core, timed)
    await asyncio.sleep(SETTLE_SECONDS)
    before = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    cpu = cpu_seconds(pid) - before
    output, _ = await load.communicate()
    counts = json.loads(output)
    print(f"    load generator: {counts}")
    warn_of_late_load(counts)
    delays = (counts.get("delay_ms_p50", math.nan), counts.get("delay_ms_p99", math.nan))
    return Result(cpu, counts["sent"], counts["received"], delays)


async def measure_worker(pairs: int, seconds: float, core: int, beside: int = 0) -> Result:
    """Relay with the media worker."""
    with tempfile.TemporaryDirectory(prefix="oh") as name:
        directory = Path(name)
        process = await start_worker(directory, core)
        client = await MediaClient.connect(str(directory / "media-0.sock"), lambda _: None, lambda: None)
        legs = [await client.open_leg() for _ in range(2 * pairs + beside)]
        for index, leg in enumerate(legs):
            client.set_remote(leg.leg, "127.0.0.1", LOCAL_PORT + 2 * index, "PCMU", 0, 101)
        for a, b in zip(legs[: 2 * pairs : 2], legs[1 : 2 * pairs : 2], strict=True):
            client.bridge(a.leg, b.leg)
        for leg in legs[2 * pairs :]:
            client.play(leg.leg, [Tone((440.0,), 1000)], loop=0)
        result = await loaded(process.pid, seconds, legs, core, 2 * pairs)
        print(f"    relayed legs: {(await client.load()).relayed}")
        await client.close()
        process.terminate()
        await process.wait()
    return result


class Rtpengine:
    """An rtpengine, controlled by its ng protocol: a cookie and a bencoded dictionary per datagram."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", NG_PORT))
        self._socket.settimeout(2)
        self._cookie = 0

    def ask(self, **fields: str) -> bytes:
        """Send a command; the answer as it came. Raises OSError, RuntimeError."""
        self._cookie += 1
        body = (
            b"d"
            + b"".join(bencode(k.replace("_", "-")) + bencode(v) for k, v in sorted(fields.items()))
            + b"e"
        )
        self._socket.send(f"{self._cookie} ".encode() + body)
        answer = self._socket.recv(65536)
        if b"2:ok" not in answer and b"4:pong" not in answer:
            raise RuntimeError(answer.decode("latin-1"))
        return answer

    def connect(self, call: int, a_port: int, b_port: int) -> tuple[int, int]:
        """Bridge two phones; the ports they have to send to."""
        ids = {"call_id": f"call-{call}", "from_tag": f"a{call}"}
        for_b = self.ask(command="offer", sdp=sdp(a_port), **ids)
        for_a = self.ask(command="answer", sdp=sdp(b_port), to_tag=f"b{call}", **ids)
        return audio_port(for_a), audio_port(for_b)


def bencode(text: str) -> bytes:
    data = text.encode()
    return str(len(data)).encode() + b":" + data


def sdp(port: int) -> str:
    """What a phone offers or answers."""
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )


def audio_port(answer: bytes) -> int:
    found = re.search(rb"m=audio (\d+)", answer)
    if not found:
        raise RuntimeError("no audio in the answer")
    return int(found[1])


async def measure_rtpengine(pairs: int, seconds: float, core: int) -> Result:
    """Relay with rtpengine."""
    program = shutil.which("rtpengine") or "/usr/sbin/rtpengine"
    arguments = (
        *("--table=-1", "--foreground", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{NG_PORT}"),
        *("--num-threads=1", "--port-min=20000", "--port-max=29999", "--log-level=2", "--log-stderr"),
    )
    process = await asyncio.create_subprocess_exec(
        *("taskset", "-c", str(core), program, *arguments),
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=ask_for_priority,
    )
    try:
        engine = Rtpengine()
        for _ in range(50):
            try:
                engine.ask(command="ping")
                break
            except OSError:
                await asyncio.sleep(0.1)
        legs: list[LegOpened] = []
        for pair in range(pairs):
            a_port, b_port = LOCAL_PORT + 4 * pair, LOCAL_PORT + 4 * pair + 2
            for port in engine.connect(pair, a_port, b_port):
                legs.append(LegOpened(len(legs), "127.0.0.1", port))
        return await loaded(process.pid, seconds, legs, core, len(legs))
    finally:
        process.terminate()
        await process.wait()


async def measure(pairs: int, seconds: float, core: int, beside: int) -> None:
    print("media worker:")
    ours = await measure_worker(pairs, seconds, core, beside)
    print("rtpengine:")
    theirs = await measure_rtpengine(pairs, seconds, core)
    for name, result in (("media worker", ours), ("rtpengine", theirs)):
        per_leg = result.cpu / seconds / (2 * pairs)
        print(
            f"{name:14} {result.cpu / seconds:6.1%} of a core, {per_leg * 1e6:6.1f} µs per leg and second,"
            f" {per_leg / 50 * 1e6:5.2f} µs a packet; {result.received / result.sent:.2%} of packets arrived,"
            f" half of them within {result.delays_ms[0]:.2f} ms and 99 % within {result.delays_ms[1]:.2f} ms"
        )
    if not beside:
        print(f"ratio of CPU per leg: {ours.cpu / theirs.cpu:.2f} (at most {RATIO_TARGET} wanted)")
    for name, mine, other, wanted in zip(
        ("median", "99th percentile"), ours.delays_ms, theirs.delays_ms, DELAY_TARGET_MS, strict=True
    ):
        print(
            f"ratio of the {name} of delays: {mine / other:.2f} ({mine:.2f} ms; at most {wanted} ms wanted)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--beside", type=int, default=0)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.pairs, arguments.seconds, arguments.core, arguments.beside))


if __name__ == "__main__":
    main()
