"""Packets of another length than a tick's: for a peer that asks for 10, 30 or 60 ms at a time (ptime, maxptime).

The tick makes a packet of 20 ms for every leg. A packer cuts and joins their payloads, and numbers what it sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from offhook.rtp import packet as rtp

OCTETS_PER_MS: Final = 8
"""G.711: an octet is a sample, and a step of the timestamp."""


class Packer:
    """Sends a leg's stream in packets of `milliseconds` of audio."""

    __slots__ = ("_octets", "_pending", "_send", "sequence")

    def __init__(self, milliseconds: int, sequence: int, send: Callable[[bytes], None]) -> None:
        """sequence: of the packet sent last; kept up to date."""
        self.sequence = sequence
        self._octets = milliseconds * OCTETS_PER_MS
        self._send = send
        self._pending: rtp.Packet | None = None

    def audio(self, data: bytes | memoryview) -> None:
        """Take a tick's packet of audio; send what is complete."""
        packet = rtp.unpack(data)
        if self._pending is not None:
            packet = replace(self._pending, payload=self._pending.payload + packet.payload)
        while len(packet.payload) >= self._octets:
            self._transmit(replace(packet, payload=packet.payload[: self._octets]))
            packet = self._rest(packet)
        self._pending = packet if packet.payload else None

    def event(self, data: bytes) -> None:
        """Send a telephone event, after the audio before it."""
        self.flush()
        self._transmit(rtp.unpack(data))

    def flush(self) -> None:
        """Send what is there, however short."""
        pending, self._pending = self._pending, None
        if pending is not None:
            self._transmit(pending)

    def _rest(self, packet: rtp.Packet) -> rtp.Packet:
        """A packet without the part that was sent."""
        timestamp = (packet.timestamp + self._octets) & rtp.TIMESTAMP_MASK
        return replace(packet, marker=False, timestamp=timestamp, payload=packet.payload[self._octets :])

    def _transmit(self, packet: rtp.Packet) -> None:
        self.sequence = (self.sequence + 1) & rtp.SEQUENCE_MASK
        self._send(rtp.pack(replace(packet, sequence=self.sequence)))
