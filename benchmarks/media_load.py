"""The load of the media benchmarks: many telephones in a process of their own, each sending a packet every
20 ms.

Usage: media_load.py SECONDS LOCAL_PORT < lines of "HOST PORT", one per phone, phone i at LOCAL_PORT + 2 i.
Packets are spread evenly over the 20 ms. Prints one JSON line: packets sent and received, the CPU it used,
and how late it was.
"""

from __future__ import annotations

import json
import resource
import socket
import sys
import time

import numpy as np

from offhook.audio import g711

FRAME_SECONDS = 0.02
SLICES = 20
"""Groups of phones that send together, a millisecond apart."""


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


def main() -> None:
    seconds, local_port = float(sys.argv[1]), int(sys.argv[2])
    legs = [(line.split()[0], int(line.split()[1])) for line in sys.stdin if line.strip()]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    phones = [open_phone(local_port + 2 * index, leg) for index, leg in enumerate(legs)]
    count = len(phones)
    packets = np.zeros((count, 172), dtype=np.uint8)
    packets[:, 0] = 0x80
    packets[:, 8:12].view(">u4")[:, 0] = np.arange(count) + 1000
    views = [packet.data for packet in packets]
    payloads = speech_frames()
    groups = [range(start, count, SLICES) for start in range(SLICES)]
    sent = received = refused = 0
    worst = 0.0
    scratch = bytearray(2048)
    due = time.monotonic() + 0.1
    ticks = int(seconds / FRAME_SECONDS)
    began = time.process_time()
    for tick in range(ticks):
        packets[:, 2:4].view(">u2")[:, 0] = tick & 0xFFFF
        packets[:, 4:8].view(">u4")[:, 0] = (tick * 160) & 0xFFFFFFFF
        packets[:, 12:] = payloads[tick % 50]
        for group in groups:
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            worst = max(worst, -wait)
            due += FRAME_SECONDS / SLICES
            for index in group:
                phone = phones[index]
                try:
                    phone.send(views[index])
                    sent += 1
                except OSError:
                    refused += 1
                try:
                    while True:
                        phone.recv_into(scratch)
                        received += 1
                except OSError:
                    pass
    result = {
        "sent": sent,
        "received": received,
        "refused": refused,
        "cpu_seconds": round(time.process_time() - began, 2),
        "worst_ms_late": round(worst * 1000, 1),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
