"""A real media worker in its own process, and the peers of its legs: plain UDP sockets that speak RTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from tests.harness.processes import running_beside
from tests.harness.waiting import HANGS

from offhook.audio import g711
from offhook.audio.frames import BatchReader, pack_batch
from offhook.audio.g711 import Samples
from offhook.media import protocol
from offhook.media.client import MediaClient
from offhook.rtp import packet as rtp

_WORKER = """
import sys
from offhook.media.worker import run
run(sys.argv[1], sys.argv[2], sys.argv[3], (int(sys.argv[4]), int(sys.argv[5])),
    lambda: print("ready", flush=True))
"""

SomeEvent = TypeVar("SomeEvent", bound=protocol.Event)


@dataclass
class Worker:
    """A running worker, a client connected to it, and every event that has come."""

    process: asyncio.subprocess.Process
    directory: Path
    client: MediaClient
    events: list[protocol.Event] = field(default_factory=list)
    lost: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def event(
        self,
        kind: type[SomeEvent],
        matches: Callable[[SomeEvent], bool] = lambda _: True,
        seconds: float = HANGS,
    ) -> SomeEvent:
        """The first event of a kind that matches, when it has come."""
        async with asyncio.timeout(seconds):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and matches(event):
                        return event
                self.changed.clear()
                await self.changed.wait()

    def of(self, kind: type[SomeEvent]) -> list[SomeEvent]:
        """All events of a kind that have come."""
        return [event for event in self.events if isinstance(event, kind)]

    async def counters(
        self, leg: int, satisfy: Callable[[protocol.Counters], bool], seconds: float = HANGS
    ) -> protocol.Counters:
        """A leg's counters as soon as they satisfy a condition."""
        async with asyncio.timeout(seconds):
            while True:
                counters = await self.client.stats(leg)
                if satisfy(counters):
                    return counters

    async def sent(self, leg: int) -> int:
        """How many packets a leg has sent by now."""
        return (await self.client.stats(leg)).packets_sent

    @property
    def audio_path(self) -> str:
        return str(self.directory / "streams-audio.sock")

    @property
    def control_path(self) -> str:
        return str(self.directory / "media-0.sock")


def free_ports(count: int) -> tuple[int, int]:
    """A range of so many ports that are free now, beginning with an even one."""
    for low in range(40000 + (os.getpid() * 64) % 16000, 60000, count + (count & 1)):
        if all(_is_free(port) for port in range(low, low + count)):
            return low, low + count - 1
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@asynccontextmanager
async def media_worker(ports: int = 40) -> AsyncIterator[Worker]:
    """Start a worker on loopback with so many ports, and end it."""
    with tempfile.TemporaryDirectory(prefix="oh") as name:
        directory = Path(name)
        low, high = free_ports(ports)
        arguments = (
            str(directory / "media-0.sock"),
            str(directory / "streams-audio.sock"),
            "127.0.0.1",
            str(low),
        )
        command = (sys.executable, "-c", _WORKER, *arguments, str(high))
        async with running_beside(*command, stdout=asyncio.subprocess.PIPE) as process:
            worker = await _connect(process, directory)
            try:
                yield worker
            finally:
                await worker.client.close()


async def _connect(process: asyncio.subprocess.Process, directory: Path) -> Worker:
    """A client, as soon as the worker listens."""
    worker: Worker

    def on_event(event: protocol.Event) -> None:
        worker.events.append(event)
        worker.changed.set()

    assert process.stdout
    if await asyncio.wait_for(process.stdout.readline(), HANGS) != b"ready\n":
        raise RuntimeError("the worker ended")
    lost = asyncio.Event()
    client = await MediaClient.connect(str(directory / "media-0.sock"), on_event, lost.set)
    worker = Worker(process, directory, client, lost=lost)
    return worker


class Phone:
    """The peer of a leg: sends what it is told to, and keeps every packet that it receives."""

    def __init__(self, bound: socket.socket, ssrc: int = 0x1234) -> None:
        self._socket = bound
        self.host, self.port = bound.getsockname()
        self.packets: list[rtp.Packet] = []
        self.arrivals: list[float] = []
        self.changed = asyncio.Event()
        self.ssrc = ssrc
        self.sequence = 65530
        self.timestamp = 0xFFFFF000
        self.leg_address: tuple[str, int] = ("", 0)

    @classmethod
    async def open(cls, ssrc: int = 0x1234) -> Phone:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        bound.setblocking(False)
        phone = cls(bound, ssrc)
        asyncio.get_running_loop().add_reader(bound, phone._read)
        return phone

    def _read(self) -> None:
        """Take all that has come, in this turn of the loop: what the worker says of it later is heard later."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self.packets.append(rtp.unpack(self._socket.recv(65535)))
                self.arrivals.append(asyncio.get_running_loop().time())
                self.changed.set()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def raw(self, data: bytes) -> None:
        """Send any bytes."""
        self._socket.sendto(data, self.leg_address)

    def frame(self, payload: bytes, payload_type: int = 0, *, marker: bool = False) -> None:
        """Send a packet, and let its time pass."""
        self.raw(
            rtp.pack(rtp.Packet(payload_type, marker, self.sequence, self.timestamp, self.ssrc, payload))
        )
        self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + len(payload)) & 0xFFFFFFFF

    async def talk(
        self, samples: Samples, payload_type: int = 0, frame: int = 160, ahead: float = 0.16
    ) -> None:
        """Send audio at the pace of a telephone, so many seconds ahead of it: a busy machine is not heard then."""
        encode = g711.alaw_encode if payload_type == 8 else g711.ulaw_encode
        payload = encode(samples).tobytes()
        loop = asyncio.get_running_loop()
        due = loop.time() - ahead
        for start in range(0, len(payload), frame):
            self.frame(payload[start : start + frame], payload_type)
            due += frame / 8000
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def press(self, key_code: int, payload_type: int = 101) -> None:
        """Press a key as a telephone event: 5 updates and 3 ends."""
        for number in range(1, 8):
            end = number >= 5
            payload = struct.pack("!BBH", key_code, (0x80 if end else 0) | 10, min(number, 5) * 160)
            self.raw(
                rtp.pack(
                    rtp.Packet(payload_type, number == 1, self.sequence, self.timestamp, self.ssrc, payload)
                )
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            await asyncio.sleep(0.02)
        self.timestamp = (self.timestamp + 800) & 0xFFFFFFFF

    async def received(self, count: int, seconds: float = HANGS) -> None:
        """Wait until so many packets have come."""
        await self.until(lambda: len(self.packets) >= count, seconds)

    async def until(self, condition: Callable[[], bool], seconds: float = HANGS) -> None:
        """Wait until what has come meets a condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def keys(self, payload_type: int = 101) -> list[rtp.Packet]:
        """The telephone events so far."""
        return [packet for packet in self.packets if packet.payload_type == payload_type]

    def heard(self, payload_type: int = 0) -> Samples:
        """The audio of all packets so far, in order."""
        decode = g711.alaw_decode if payload_type == 8 else g711.ulaw_decode
        payload = b"".join(packet.payload for packet in self.packets if packet.payload_type == payload_type)
        return decode(np.frombuffer(payload, dtype=np.uint8))


def find(audio: Samples, piece: Samples) -> int:
    """Where a piece is in the audio, sample by sample; -1 when it is nowhere."""
    starts = np.flatnonzero(audio[: len(audio) - len(piece) + 1] == piece[0])
    for start in starts:
        if np.array_equal(audio[start : start + len(piece)], piece):
            return int(start)
    return -1


async def connect_leg(
    worker: Worker,
    phone: Phone,
    *,
    codec: protocol.Codec = "PCMU",
    dtmf: int | None = 101,
    rtp_timeout: float = 30.0,
) -> int:
    """Open a leg to a phone; the worker has taken all of it in when this returns."""
    leg = await worker.client.open_leg(rtp_timeout=rtp_timeout)
    phone.leg_address = (leg.host, leg.port)
    payload_type = 0 if codec == "PCMU" else 8
    worker.client.set_remote(leg.leg, phone.host, phone.port, codec, payload_type, dtmf)
    await worker.client.stats(leg.leg)
    return leg.leg


class Ears:
    """Streams' end of the audio socket: what every tap has heard, and a way to push feeds."""

    def __init__(self) -> None:
        self.taps: dict[int, bytearray] = {}
        self.ended: set[int] = set()
        self.changed = asyncio.Event()
        self.connected = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, path: str) -> None:
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.connected.set()
        batches = BatchReader()
        while data := await reader.read(65536):
            for tap, audio in batches.feed(data):
                if audio:
                    self.taps.setdefault(tap, bytearray()).extend(audio)
                else:
                    self.ended.add(tap)
            self.changed.set()
        writer.close()

    async def push(self, feed: int, audio: bytes) -> None:
        """Push audio of a feed; none ends it."""
        await self.connected.wait()
        assert self._writer
        pieces = [audio[start : start + 60000] for start in range(0, len(audio), 60000)] or [b""]
        self._writer.write(pack_batch([(feed, piece) for piece in pieces]))
        await self._writer.drain()

    async def until(self, condition: Callable[[], bool], seconds: float = HANGS) -> None:
        """Wait until what was heard meets a condition."""
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def heard(self, tap: int) -> Samples:
        return np.frombuffer(bytes(self.taps.get(tap, b"")), dtype="<i2").astype(np.int16)

    async def close(self) -> None:
        if self._writer:
            self._writer.close()
        if self._server:
            self._server.close()
        self.connected.clear()


def speech(seconds: float, seed: int = 1) -> Samples:
    """Something that does not repeat itself."""
    return np.random.default_rng(seed).normal(0, 3000, int(seconds * 8000)).astype(np.int16)


def as_ulaw(samples: Samples) -> Samples:
    """What is left of samples after µ-law."""
    return g711.ulaw_decode(g711.ulaw_encode(samples))


def as_alaw(samples: Samples) -> Samples:
    """What is left of samples after A-law."""
    return g711.alaw_decode(g711.alaw_encode(samples))
