"""700 G.711 legs played to and listened to on one core: is every tick on time?

A real worker process, pinned to one core, plays a file to every leg, runs every jitter buffer and listens
for keys in every leg's audio, while phones in another process send to all of them. Prints how many ticks
began more than 10 ms late, the worker's share of its core, and the machine's steal time, which no program
can do anything about.

Usage: python benchmarks/media_legs.py [--legs 700] [--seconds 60]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
from offhook.media import protocol
from offhook.media.client import MediaClient

LOCAL_PORT = 30000
RTP_PORTS = (20000, 29999)
LATE_TARGET = 0.001
LOAD_LATE_MS = 20.0
_WORKER = """
import os, sys
os.sched_setaffinity(0, {int(sys.argv[3])})
from offhook.media.worker import run
run(sys.argv[1], sys.argv[2], "127.0.0.1", (20000, 29999), lambda: print("ready", flush=True))
"""


def steal_and_total() -> tuple[int, int]:
    """Jiffies stolen from this machine, and all of them (proc(5), /proc/stat)."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return fields[7], sum(fields[:8])


async def start_worker(directory: Path, core: int) -> asyncio.subprocess.Process:
    """A worker on one core, listening."""
    control = directory / "media-0.sock"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WORKER, str(control), str(directory / "audio.sock"), str(core)),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    await process.stdout.readline()
    return process


async def run_load(
    seconds: float, legs: list[protocol.LegOpened], core: int, timed: int = 0
) -> asyncio.subprocess.Process:
    """Phones for all legs, in a process that keeps off `core`; the first `timed` are pairs that are bridged."""
    script = str(Path(__file__).with_name("media_load.py"))
    load = await asyncio.create_subprocess_exec(
        *(sys.executable, script, str(seconds), str(LOCAL_PORT), str(timed), str(core)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert load.stdin
    load.stdin.write("".join(f"{leg.host} {leg.port}\n" for leg in legs).encode())
    load.stdin.close()
    return load


def warn_of_late_load(counts: dict[str, float]) -> None:
    """Say when the phones did not keep their time, so that the figures tell of them and not of the worker."""
    if counts["worst_ms_late"] > LOAD_LATE_MS:
        print(
            f"NOT VALID: the load came up to {counts['worst_ms_late']:.0f} ms late; something else took its core"
        )


async def measure(count: int, seconds: float, core: int) -> None:
    with tempfile.TemporaryDirectory(prefix="oh") as name:
        directory = Path(name)
        prompt = directory / "prompt.raw"
        prompt.write_bytes(np.random.default_rng(2).normal(0, 2000, 40000).astype("<i2").tobytes())
        worker = await start_worker(directory, core)
        client = await MediaClient.connect(str(directory / "media-0.sock"), lambda event: None, lambda: None)
        legs = [await client.open_leg() for _ in range(count)]
        for index, leg in enumerate(legs):
            client.set_remote(leg.leg, "127.0.0.1", LOCAL_PORT + 2 * index, "PCMU", 0)
            client.play(leg.leg, [protocol.AudioFile(str(prompt))], loop=0)
        load = await run_load(seconds + 3, legs, core)
        await asyncio.sleep(2.5)
        before, steal_before = await client.load(), steal_and_total()
        await asyncio.sleep(seconds)
        after, steal_after = await client.load(), steal_and_total()
        counters = [await client.stats(leg.leg) for leg in legs]
        output, _ = await load.communicate()
        await client.close()
        worker.terminate()
        await worker.wait()
    report(count, seconds, before, after, counters, json.loads(output))
    stolen, total = (now - then for now, then in zip(steal_after, steal_before, strict=True))
    print(f"steal time of the machine        {stolen / max(1, total):.2%}")
    warn_of_late_load(json.loads(output))


def report(
    count: int,
    seconds: float,
    before: protocol.Load,
    after: protocol.Load,
    counters: list[protocol.Counters],
    load: dict[str, float],
) -> None:
    """Print what was measured."""
    ticks, late = after.ticks - before.ticks, after.late_ticks - before.late_ticks
    cpu = after.cpu_seconds - before.cpu_seconds
    received = sum(counter.packets_received for counter in counters)
    print(f"legs                             {count}, each played to, de-jittered and listened to for keys")
    print(f"ticks                            {ticks} in {seconds:.0f} s")
    print(f"ticks begun over 10 ms late      {late} ({late / ticks:.3%}; at most {LATE_TARGET:.1%} wanted)")
    print(f"worst lateness                   {after.worst_lateness_ms:.1f} ms")
    print(f"work of a tick, mean and worst   {after.tick_ms:.2f} and {after.tick_ms_worst:.2f} ms")
    per_leg = cpu / ticks / count * 1e6
    print(
        f"CPU                              {cpu / seconds:.1%} of a core, {per_leg:.1f} µs per leg and tick"
    )
    print(f"packets sent to the phones       {sum(counter.packets_sent for counter in counters)}")
    late_packets, concealed = sum(c.late for c in counters), sum(c.concealed for c in counters)
    print(f"packets from the phones          {received} of {load['sent']}")
    print(f"late packets, concealed frames   {late_packets}, {concealed}")
    print(f"load generator                   {load}")
    print(f"ratio of late ticks to the limit {late / ticks / LATE_TARGET:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--legs", type=int, default=700)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.legs, arguments.seconds, arguments.core))


if __name__ == "__main__":
    main()
