"""Keys as telephone events (RFC 4733 section 2.5): reading them once each, and writing them.

A key is a run of packets that share the timestamp at which it was pressed: updates with a growing duration,
and three copies of the last one, marked as the end. So a key is reported at the first packet of it that
arrives, whichever that is, and never for the others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

EVENT_KEYS: Final = "0123456789*#ABCD"
"""The key of each event code from 0 to 15."""
END_PACKETS: Final = 3
VOLUME: Final = 10
"""In -dBm0."""

_PAYLOAD = struct.Struct("!BBH")
_END = 0x80
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """One packet's payload. `duration` in timestamp units."""

    code: int
    end: bool
    volume: int
    duration: int


def pack(event: TelephoneEvent) -> bytes:
    """The 4 bytes of a payload."""
    return _PAYLOAD.pack(event.code, (_END if event.end else 0) | event.volume, min(event.duration, 0xFFFF))


def unpack(payload: bytes) -> TelephoneEvent | None:
    """The event of a payload; None when it is too short to be one."""
    if len(payload) < _PAYLOAD.size:
        return None
    code, flags, duration = _PAYLOAD.unpack_from(payload)
    return TelephoneEvent(code, bool(flags & _END), flags & 0x3F, duration)


class KeyReader:
    """Reports each key of one stream once, in spite of repeated, lost and reordered packets."""

    def __init__(self) -> None:
        self._seen: list[int] = []

    def receive(self, timestamp: int, payload: bytes) -> str | None:
        """The key that this packet is the first sign of, if it is. Events other than keys are passed over."""
        event = unpack(payload)
        if event is None or event.code >= len(EVENT_KEYS) or timestamp in self._seen:
            return None
        self._seen.append(timestamp)
        del self._seen[:-_REMEMBERED]
        return EVENT_KEYS[event.code]


def press(key: str, packets: int, samples_per_packet: int) -> Iterator[tuple[bytes, bool]]:
    """The payloads of a key held for so many packets, a packet interval apart, each with whether it carries
    the marker bit.

    The last one comes three times over. Raises ValueError when there is no such key.
    """
    code = EVENT_KEYS.index(key.upper())
    for number in range(1, packets + END_PACKETS):
        duration = min(number, packets) * samples_per_packet
        yield pack(TelephoneEvent(code, number >= packets, VOLUME, duration)), number == 1
