"""Taking packets off the sockets of all legs that the tick hears, in batches of one packet per leg."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Final

import numpy as np

from offhook.media.kernel import FRAME_PACKET_BYTES, TickKernel
from offhook.media.leg import Leg, arrival_at
from offhook.rtp.packet import HEADER_BYTES, SEQUENCE_MASK, unpack_header

MAX_ROUNDS: Final = 8
"""Packets of one leg taken in one poll: a flood waits in its own socket's buffer, and is dropped there."""
BATCH: Final = 256
ROW_BYTES: Final = 1536


class Poller:
    """Polls the legs that were added to it."""

    def __init__(self, kernel: TickKernel) -> None:
        self._kernel = kernel
        self._epoll = select.epoll()
        self._legs: dict[int, Leg] = {}
        self._rows = np.zeros((BATCH, ROW_BYTES), dtype=np.uint8)
        self._bytes = self._rows.data.cast("B")
        self._views = [self._bytes[i * ROW_BYTES : (i + 1) * ROW_BYTES] for i in range(BATCH)]

    def add(self, leg: Leg) -> None:
        self._legs[leg.fileno] = leg
        self._epoll.register(leg.fileno, select.EPOLLIN)

    def remove(self, leg: Leg) -> None:
        if self._legs.pop(leg.fileno, None):
            self._epoll.unregister(leg.fileno)

    def poll(self, now: float, breathe: Callable[[], None] = lambda: None) -> None:
        """Take what has arrived; `breathe` is called after each batch."""
        for _ in range(MAX_ROUNDS):
            ready = self._epoll.poll(0, BATCH)
            if not ready:
                return
            self._take_round(ready, now)
            breathe()

    def _take_round(self, ready: list[tuple[int, int]], now: float) -> None:
        """Take a packet of each of these legs: ordinary ones as a batch, others one by one."""
        arrival = arrival_at(now)
        legs, slots, timestamps = [], [], []
        views, packets, by_fileno = self._views, self._bytes, self._legs
        count = start = 0
        for fileno, _ in ready:
            leg = by_fileno.get(fileno)
            if leg is None:
                continue
            recv = leg.transport.recv
            try:
                size = recv(views[count])
            except OSError:
                continue
            first, second, sequence, timestamp, ssrc = unpack_header(packets, start)
            if (
                size == FRAME_PACKET_BYTES
                and first == 0x80
                and second & 0x7F == leg.fast_payload_type
                and ssrc == leg.remote_ssrc
            ):
                if not leg.reception.receive(sequence, timestamp, arrival):  # type: ignore[union-attr]
                    leg.discard()
                    continue
                leg.last_heard = now
                leg.bytes_received += 160
                legs.append(leg)
                slots.append(leg.slot)
                timestamps.append(timestamp)
                count += 1
                start += ROW_BYTES
            else:
                leg.receive_odd(views[count][:size], now)
        if count:
            for index in self._kernel.receive(slots, timestamps, self._rows[:count]):
                self._take_misfit(legs[index], views[index])

    def _take_misfit(self, leg: Leg, packet: memoryview) -> None:
        """Take an ordinary packet out of the jitter buffer's order: late, a duplicate, off its grid, a jump."""
        _, second, sequence, timestamp, _ = unpack_header(packet)
        newest = leg.reception is not None and sequence == leg.reception.highest & SEQUENCE_MASK
        payload = bytes(packet[HEADER_BYTES:FRAME_PACKET_BYTES])
        if not self._kernel.receive_odd(leg.slot, timestamp, payload, follows=newest or second >= 0x80):
            leg.discard()
