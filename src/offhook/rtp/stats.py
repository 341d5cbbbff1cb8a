"""What a receiver learns of a stream by its headers: loss (RFC 3550 A.1, A.3) and interarrival jitter (A.8)."""

from __future__ import annotations

from typing import Final

MAX_DROPOUT: Final = 3000
"""A larger step forward is a restarted sender, if the next packet follows on."""
MAX_MISORDER: Final = 100

_HALF_WRAP: Final = 1 << 31
"""Of timestamps: two that are further apart tell nothing of jitter."""


class Reception:
    """The statistics of one SSRC. Plain attributes, since it is touched for every packet.

    received: packets, duplicates too. highest: the highest sequence number, extended by its wraps. jitter:
    in timestamp units.
    """

    __slots__ = (
        "_bad_sequence",
        "_earlier_expected",
        "_first",
        "_reported_expected",
        "_reported_received",
        "_transit",
        "highest",
        "jitter",
        "received",
    )

    def __init__(self, sequence: int, timestamp: int, arrival: int) -> None:
        """Begin with a first packet, which `receive` counts. `arrival`: in timestamp units."""
        self.received = 0
        self.highest = self._first = sequence
        self.jitter = 0.0
        self._transit = arrival - timestamp
        self._bad_sequence = -1
        self._earlier_expected = 0
        self._reported_expected = 0
        self._reported_received = 0

    def receive(self, sequence: int, timestamp: int, arrival: int) -> bool:
        """Count a packet.

        False when its number is so far off that it is not accepted, until the next one follows it.
        """
        step = (sequence - self.highest) & 0xFFFF
        if step < MAX_DROPOUT:
            self.highest += step
        elif step <= 0x10000 - MAX_MISORDER:
            if sequence != self._bad_sequence:
                self._bad_sequence = (sequence + 1) & 0xFFFF
                return False
            self._restart(sequence)
        self.received += 1
        transit = arrival - timestamp
        difference = transit - self._transit
        if difference < 0:
            difference = -difference
        self._transit = transit
        if difference < _HALF_WRAP:
            self.jitter += (difference - self.jitter) * 0.0625
        return True

    def _restart(self, sequence: int) -> None:
        """The sender restarted: keep what was expected so far, count on from here."""
        self._earlier_expected = self.expected
        self.highest = self._first = sequence
        self._bad_sequence = -1

    @property
    def expected(self) -> int:
        """Packets that should have come."""
        return self._earlier_expected + self.highest - self._first + 1

    @property
    def lost(self) -> int:
        """Packets expected and not received; never negative."""
        return max(0, self.expected - self.received)

    def fraction_lost(self) -> int:
        """The part lost since this was last asked, in 1/256: asked once for each report."""
        expected = self.expected - self._reported_expected
        lost = expected - (self.received - self._reported_received)
        self._reported_expected, self._reported_received = self.expected, self.received
        return min(255, (lost << 8) // expected) if expected > 0 and lost > 0 else 0
