"""Keys as telephone events (RFC 4733 section 2.5): reading them once each, and writing them.

A key is a run of packets that share the timestamp at which it was pressed: updates with a growing duration,
and three copies of the last one, marked as the end. So a key is reported at the first packet of it that
arrives, whichever that is, and never for the others.

A key held for longer than a duration can say (8 s) is cut into segments, each with a timestamp of its own and
without the marker, of which only the last one ends (section 2.5.1.3). Events may have an SSRC other than the
audio's: keys are told apart by SSRC and timestamp.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from offhook.rtp.packet import TIMESTAMP_MASK, Packet

EVENT_KEYS: Final = "0123456789*#ABCD"
"""The key of each event code from 0 to 15."""
END_PACKETS: Final = 3
VOLUME: Final = 10
"""In -dBm0."""

MAX_DURATION: Final = 0xFFFF
"""Of a segment, in timestamp units."""

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_REMEMBERED = 8
_MAX_STEP = 400
"""Packets of an event are no further apart than 50 ms (section 2.5.1.2)."""


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """One packet's payload. `duration` in timestamp units."""

    code: int
    end: bool
    volume: int
    duration: int


def pack(event: TelephoneEvent) -> bytes:
    """The 4 bytes of a payload."""
    return _PAYLOAD.pack(
        event.code, (_END if event.end else 0) | event.volume, min(event.duration, MAX_DURATION)
    )


def unpack(payload: bytes) -> TelephoneEvent | None:
    """The event of a payload; None when it is too short to be one."""
    if len(payload) < _PAYLOAD.size:
        return None
    code, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(code, bool(flags & _END), flags & 0x3F, duration)


@dataclass(frozen=True, slots=True)
class _Segment:
    """The newest segment of the newest key."""

    ssrc: int
    timestamp: int
    code: int
    duration: int
    ended: bool


class KeyReader:
    """Reports each key of a peer once, in spite of segments and of repeated, lost and reordered packets."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, int]] = []
        self._newest: _Segment | None = None

    def receive(self, packet: Packet) -> str | None:
        """The key that this packet is the first sign of, if it is. Events other than keys are passed over."""
        event = unpack(packet.payload)
        if event is None or event.code >= len(EVENT_KEYS):
            return None
        newest, this = self._newest, (packet.ssrc, packet.timestamp)
        is_known = this in self._seen
        is_new = not is_known and not (newest and _goes_on(newest, packet, event))
        if not is_known:
            self._seen.append(this)
            del self._seen[:-_REMEMBERED]
        if not is_known or (newest and (newest.ssrc, newest.timestamp) == this):
            ended = event.end or (is_known and newest is not None and newest.ended)
            self._newest = _Segment(*this, event.code, event.duration, ended)
        return EVENT_KEYS[event.code] if is_new else None


def _goes_on(segment: _Segment, packet: Packet, event: TelephoneEvent) -> bool:
    """Whether a packet of a new timestamp belongs to the key of this segment, which has not ended."""
    if segment.ended or packet.marker or (packet.ssrc, event.code) != (segment.ssrc, segment.code):
        return False
    passed = (packet.timestamp - segment.timestamp) & TIMESTAMP_MASK
    return passed == MAX_DURATION or passed <= segment.duration + _MAX_STEP


def press(key: str, packets: int, samples_per_packet: int) -> Iterator[tuple[bytes, bool]]:
    """The payloads of a key held for this many packets, each with whether its packet carries the marker bit.

    The last one comes three times over. Raises ValueError when there is no such key.
    """
    code = EVENT_KEYS.index(key.upper())
    for number in range(1, packets + END_PACKETS):
        duration = min(number, packets) * samples_per_packet
        yield pack(TelephoneEvent(code, number >= packets, VOLUME, duration)), number == 1
