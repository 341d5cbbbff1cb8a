"""The load of the media benchmarks: many telephones in a process of their own, each sending a packet every 20 ms.

Usage: media_load.py SECONDS LOCAL_PORT TIMED CORE < lines of "HOST PORT", one per phone, phone i at LOCAL_PORT + 2 i.
Packets are spread evenly over the 20 ms, and leave from any core but CORE, which is the worker's. Of the first TIMED
phones, which are bridged in pairs, every tenth pair writes the time into its packets; the other phone of the pair
compares it with the time at which the kernel took the packet in, however late it is read. Prints one JSON line: packets
sent and received, the CPU it used, how late it was, and those delays.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import struct
import sys
import time

import numpy as np

from offhook.audio import g711
from offhook.media.worker import ask_for_priority

FRAME_SECONDS = 0.02
SLICES = 200
"""Groups of phones that send together, 0.1 ms apart: phones know nothing of each other, and come in no bursts."""
TIMED = 20
"""The first two of so many phones are a pair whose packets are timed."""
SETTLE_SECONDS = 2.5
SO_TIMESTAMPNS = 35
"""Linux: the time at which a packet came, as ancillary data (socket(7))."""
_TIMESPEC = struct.Struct("@qq")
_SENT_AT = struct.Struct("!Q")


def open_phone(port: int, leg: tuple[str, int]) -> socket.socket:
    """A phone's socket."""
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.bind(("127.0.0.1", port))
    phone.connect(leg)
    phone.setblocking(False)
    return phone


def speech_frames() -> np.ndarray:
    """A second of noise with pauses, as 50 payloads."""
    noise = np.random.default_rng(1).normal(0, 2000, 8000) * (np.sin(np.arange(8000) / 1300) > -0.3)
    return g711.ulaw_encode(noise.astype(np.int16)).reshape(50, 160)


def drain(phone: socket.socket) -> int:
    """Read what is left for a phone, which takes as many packets as it sends; how many there were."""
    count = 0
    with contextlib.suppress(OSError):
        while phone.recv(2048):
            count += 1
    return count


class TimedPhones:
    """The phones whose packets are timed, among the first `count`, and the delays in milliseconds they have seen."""

    def __init__(self, phones: list[socket.socket], packets: np.ndarray, count: int) -> None:
        self.indexes = {index for index in range(count) if index % TIMED < 2}
        self.delays: list[float] = []
        self._phones = phones
        self._packets = packets
        for index in self.indexes:
            phones[index].setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)

    def stamp(self, index: int) -> None:
        """Write the time into the packet that leaves now."""
        _SENT_AT.pack_into(self._packets[index].data, 12, time.time_ns())

    def receive(self, index: int) -> int:
        """Take what has come; how many packets."""
        count = 0
        try:
            while True:
                data, ancillary, _, _ = self._phones[index].recvmsg(2048, 64)
                count += 1
                seconds, nanoseconds = _TIMESPEC.unpack_from(ancillary[0][2])
                delay = (seconds * 10**9 + nanoseconds - _SENT_AT.unpack_from(data, 12)[0]) / 1e6
                if 0 <= delay < 1000:
                    self.delays.append(delay)
        except OSError:
            return count

    def report(self) -> dict[str, float]:
        """Percentiles of the delays."""
        if not self.delays:
            return {}
        shown = {50: "delay_ms_p50", 99: "delay_ms_p99"}
        return {name: round(float(np.percentile(self.delays, at)), 3) for at, name in shown.items()}


def keep_off(core: int) -> None:
    """Leave a core to the worker, if there is another, and keep time as well as it does."""
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {core} or {core})
    ask_for_priority()


def main() -> None:
    seconds, local_port = float(sys.argv[1]), int(sys.argv[2])
    keep_off(int(sys.argv[4]))
    legs = [(line.split()[0], int(line.split()[1])) for line in sys.stdin if line.strip()]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phones = [open_phone(local_port + 2 * index, leg) for index, leg in enumerate(legs)]
    count = len(phones)
    packets = np.zeros((count, 172), dtype=np.uint8)
    packets[:, 0] = 0x80
    packets[:, 8:12].view(">u4")[:, 0] = np.arange(count) + 1000
    views = [packet.data for packet in packets]
    timed = TimedPhones(phones, packets, int(sys.argv[3]))
    payloads = speech_frames()
    groups = [
        [
            (phone.send, phone.recv_into, view, index if index in timed.indexes else None)
            for index, (phone, view) in enumerate(zip(phones, views, strict=True))
            if index % SLICES == group
        ]
        for group in range(SLICES)
    ]
    sent = received = refused = 0
    worst = 0.0
    scratch = bytearray(2048)
    due = time.monotonic() + 0.1
    ticks = int(seconds / FRAME_SECONDS)
    began = time.process_time()
    for tick in range(ticks):
        if tick * FRAME_SECONDS < SETTLE_SECONDS:
            timed.delays.clear()
            worst = 0.0
        packets[:, 2:4].view(">u2")[:, 0] = tick & 0xFFFF
        packets[:, 4:8].view(">u4")[:, 0] = (tick * 160) & 0xFFFFFFFF
        packets[:, 12:] = payloads[tick % 50]
        for group in groups:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            worst = max(worst, -wait)
            due += FRAME_SECONDS / SLICES
            for send, recv_into, view, timed_index in group:
                if timed_index is not None:
                    timed.stamp(timed_index)
                try:
                    send(view)
                    sent += 1
                except OSError:
                    refused += 1
                if timed_index is not None:
                    received += timed.receive(timed_index)
                    continue
                try:
                    recv_into(scratch)
                    received += 1
                except OSError:
                    pass
    received += sum(map(drain, phones))
    result = {
        "sent": sent,
        "received": received,
        "refused": refused,
        "cpu_seconds": round(time.process_time() - began, 2),
        "worst_ms_late": round(worst * 1000, 1),
        **timed.report(),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
