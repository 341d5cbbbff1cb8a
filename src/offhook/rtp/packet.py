"""RTP packets (RFC 3550 section 5.1), and telling RTP from what else comes to the same port (RFC 7983, RFC 5761)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import Final

HEADER_BYTES: Final = 12
MAX_PACKET_BYTES: Final = 1500
"""A longer datagram is none that a telephone sends; it is cut, and so malformed."""

_HEADER = struct.Struct("!BBHII")
unpack_header: Final = _HEADER.unpack_from
"""(first byte, marker and payload type, sequence, timestamp, SSRC) of a buffer of at least 12 bytes."""
pack_header_into: Final = _HEADER.pack_into

SEQUENCE_MASK: Final = 0xFFFF
TIMESTAMP_MASK: Final = 0xFFFFFFFF


class PacketError(ValueError):
    """Not an RTP packet."""


class Kind(Enum):
    """What a datagram is, by its first two bytes."""

    RTP = "rtp"
    RTCP = "rtcp"
    STUN = "stun"
    DTLS = "dtls"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet without its padding. CSRCs and header extensions are passed over."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def kind_of(data: bytes | bytearray | memoryview) -> Kind:
    """Tell protocols apart.

    RTCP's packet types 192 to 223 are RTP's payload types 64 to 95 with the marker, which are never used.
    """
    if len(data) < 2:
        return Kind.OTHER
    first = data[0]
    if 128 <= first <= 191:
        return Kind.RTCP if 192 <= data[1] <= 223 else Kind.RTP
    if first <= 3:
        return Kind.STUN
    return Kind.DTLS if 20 <= first <= 63 else Kind.OTHER


def pack(packet: Packet) -> bytes:
    """The bytes of a packet."""
    second = (0x80 if packet.marker else 0) | packet.payload_type
    return _HEADER.pack(0x80, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def unpack(data: bytes | bytearray | memoryview) -> Packet:
    """The packet in a datagram. Raises PacketError when lengths do not fit or the version is not 2."""
    if len(data) < HEADER_BYTES:
        raise PacketError("shorter than a header")
    first, second, sequence, timestamp, ssrc = unpack_header(data)
    if first >> 6 != 2:
        raise PacketError(f"version {first >> 6}")
    start = HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        start += _extension_bytes(data, start)
    end = len(data) - (_padding_bytes(data) if first & 0x20 else 0)
    if start > end:
        raise PacketError("header, extension and padding are longer than the packet")
    return Packet(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, bytes(data[start:end]))


def _extension_bytes(data: bytes | bytearray | memoryview, start: int) -> int:
    """The length of the header extension at `start`."""
    if start + 4 > len(data):
        raise PacketError("the extension is cut short")
    words: int = struct.unpack_from("!H", data, start + 2)[0]
    return 4 + 4 * words


def _padding_bytes(data: bytes | bytearray | memoryview) -> int:
    """How many bytes at the end are padding: the last one says."""
    padding = data[-1]
    if padding == 0 or padding > len(data) - HEADER_BYTES:
        raise PacketError("the padding does not fit")
    return padding
