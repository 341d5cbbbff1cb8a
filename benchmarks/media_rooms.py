"""Rooms on one core: one of 40 participants, then ten of 8, all of whom talk: is every tick on time, at what cost?

A real worker process, pinned to one core, hears phones in another process that talk all the time, mixes them and
sends each the others; in every room one is muted and one coaches another, and every room is recorded. Prints
how many ticks began more than 10 ms late and the microseconds of the worker's core per participant and tick, beside
those of the same legs when they hear nobody: the rest is what mixing costs.

Where Asterisk is installed, its ConfBridge mixes as many RTP streams on the same core afterwards.

Usage: python benchmarks/media_rooms.py [--seconds 30] [--rooms 10 --participants 8]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from benchmarks.media_bridge import cpu_seconds
from benchmarks.media_legs import LATE_TARGET, LOCAL_PORT, run_load, start_worker, warn_of_late_load

from offhook.audio.frames import BatchReader
from offhook.media.client import MediaClient
from offhook.media.protocol import LegOpened, Load

SETTLE_SECONDS = 2.5
TICKS_PER_SECOND = 50
SCENES = ((1, 40), (10, 8))


@dataclass(frozen=True, slots=True)
class Result:
    """What a scene cost: late ticks of all, CPU seconds, and octets that the recordings had."""

    ticks: int
    late: int
    worst_ms: float
    tick_ms: float
    cpu: float
    recorded: int


class Recorder:
    """Takes what taps hear, as streams does, and counts it."""

    def __init__(self) -> None:
        self.octets = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        batches = BatchReader()
        while data := await reader.read(262144):
            self.octets += sum(len(audio) for _, audio in batches.feed(data))
        writer.close()


async def join(client: MediaClient, legs: list[LegOpened], rooms: int) -> None:
    """Spread the legs over rooms: one muted and one who coaches in each."""
    size = len(legs) // rooms
    for start in range(0, len(legs), size):
        room = await client.open_room()
        client.tap(room, "received")
        members = [leg.leg for leg in legs[start : start + size]]
        for index, leg in enumerate(members):
            coaches = members[0] if index == size - 1 else 0
            client.mix(room, leg, heard=index != 1, coaches=coaches)


async def measure(rooms: int, participants: int, seconds: float, core: int, *, mixed: bool) -> Result:
    """Run so many rooms, or the same legs without."""
    with tempfile.TemporaryDirectory(prefix="oh") as name:
        directory, recorder = Path(name), Recorder()
        server = await asyncio.start_unix_server(recorder.serve, str(directory / "audio.sock"))
        process = await start_worker(directory, core)
        client = await MediaClient.connect(str(directory / "media-0.sock"), lambda _: None, lambda: None)
        legs = [await client.open_leg() for _ in range(rooms * participants)]
        for index, leg in enumerate(legs):
            client.set_remote(leg.leg, "127.0.0.1", LOCAL_PORT + 2 * index, "PCMU", 0)
        if mixed:
            await join(client, legs, rooms)
        load = await run_load(seconds + SETTLE_SECONDS + 1, legs, core)
        await asyncio.sleep(SETTLE_SECONDS)
        before = await client.load()
        await asyncio.sleep(seconds)
        after = await client.load()
        output, _ = await load.communicate()
        await client.close()
        server.close()
        process.terminate()
        await process.wait()
    warn_of_late_load(json.loads(output))
    return result(before, after, recorder.octets)


def result(before: Load, after: Load, recorded: int) -> Result:
    """What was between two loads."""
    return Result(
        after.ticks - before.ticks,
        after.late_ticks - before.late_ticks,
        after.worst_lateness_ms,
        after.tick_ms,
        after.cpu_seconds - before.cpu_seconds,
        recorded,
    )


async def compare(rooms: int, participants: int, seconds: float, core: int) -> None:
    """Measure a scene, and print it."""
    count = rooms * participants
    apart = await measure(rooms, participants, seconds, core, mixed=False)
    together = await measure(rooms, participants, seconds, core, mixed=True)
    costs = [each.cpu / each.ticks / count * 1e6 for each in (together, apart)]
    print(f"{rooms} room(s) of {participants}, each recorded, on one core for {seconds:.0f} s")
    print(
        f"  ticks begun over 10 ms late    {together.late} of {together.ticks}, worst {together.worst_ms:.1f} ms"
    )
    print(
        f"  work of a tick                 {together.tick_ms:.2f} ms (without rooms {apart.tick_ms:.2f} ms)"
    )
    print(f"  CPU                            {together.cpu / seconds:.1%} of a core")
    print(f"  per participant and tick       {costs[0]:.1f} µs, {costs[0] - costs[1]:.1f} µs of it for rooms")
    print(f"  ratio of late ticks to the limit {together.late / together.ticks / LATE_TARGET:.2f}")
    print(f"  Asterisk's ConfBridge          {await beside(rooms, participants, seconds, core, costs[0])}")


# Asterisk

_ASTERISK = """
[directories]
astetcdir => {directory}
astvarlibdir => {directory}
astdbdir => {directory}
astrundir => {directory}
astspooldir => {directory}
astlogdir => {directory}
[options]
nocolor = yes
"""
ASTERISK_START_SECONDS = 30


async def beside(rooms: int, participants: int, seconds: float, core: int, cost: float) -> str:
    """What the same costs Asterisk, beside our cost in microseconds."""
    if not shutil.which("asterisk"):
        return "is not installed"
    try:
        theirs = await measure_asterisk(rooms, participants, seconds, core)
    except (OSError, RuntimeError) as error:
        return f"could not be measured: {error}"
    return f"{theirs:.1f} µs; ratio {cost / theirs:.2f}"


async def measure_asterisk(rooms: int, participants: int, seconds: float, core: int) -> float:
    """Microseconds per participant and tick of a ConfBridge whose members are plain RTP streams (chan_rtp)."""
    with tempfile.TemporaryDirectory(prefix="oh") as name:
        directory = Path(name)
        (directory / "asterisk.conf").write_text(_ASTERISK.format(directory=directory))
        (directory / "modules.conf").write_text("[modules]\nautoload = yes\n")
        for empty in ("confbridge.conf", "extensions.conf", "rtp.conf", "logger.conf"):
            (directory / empty).write_text("")
        configuration = str(directory / "asterisk.conf")
        process = await asyncio.create_subprocess_exec(
            *("taskset", "-c", str(core), "asterisk", "-f", "-C", configuration),
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            ports = await enter_confbridge(configuration, rooms, participants)
            legs = [LegOpened(index, "127.0.0.1", port) for index, port in enumerate(ports)]
            load = await run_load(seconds + SETTLE_SECONDS + 1, legs, core)
            await asyncio.sleep(SETTLE_SECONDS)
            before = cpu_seconds(process.pid)
            await asyncio.sleep(seconds)
            cpu = cpu_seconds(process.pid) - before
            await load.communicate()
        finally:
            process.terminate()
            await process.wait()
    return cpu / seconds / TICKS_PER_SECOND / (rooms * participants) * 1e6


async def enter_confbridge(configuration: str, rooms: int, participants: int) -> list[int]:
    """Let so many streams enter; the ports that Asterisk receives them at."""

    async def ask(command: str) -> str:
        asking = await asyncio.create_subprocess_exec(
            *("asterisk", "-C", configuration, "-rx", command), stdout=asyncio.subprocess.PIPE
        )
        output, _ = await asking.communicate()
        return output.decode(errors="replace")

    for _ in range(5 * ASTERISK_START_SECONDS):
        if "fully booted" in await ask("core waitfullybooted"):
            break
        await asyncio.sleep(0.2)
    ports: list[int] = []
    for index in range(rooms * participants):
        peer = f"127.0.0.1:{LOCAL_PORT + 2 * index}"
        await ask(
            f"channel originate UnicastRTP/{peer}/c(ulaw) application ConfBridge room{index // participants}"
        )
        channels = re.findall(rf"UnicastRTP/{peer}-\w+", await ask("core show channels concise"))
        shown = await ask(f"core show channel {channels[0]}") if channels else ""
        found = re.search(r"UNICASTRTP_LOCAL_PORT=(\d+)", shown)
        if found is None:
            raise RuntimeError("Asterisk does not say where it receives")
        ports.append(int(found[1]))
    return ports


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--rooms", type=int)
    parser.add_argument("--participants", type=int, default=8)
    parser.add_argument("--core", type=int, default=(os.cpu_count() or 1) - 1)
    arguments = parser.parse_args()
    scenes = ((arguments.rooms, arguments.participants),) if arguments.rooms else SCENES
    for rooms, participants in scenes:
        asyncio.run(compare(rooms, participants, arguments.seconds, arguments.core))


if __name__ == "__main__":
    main()
