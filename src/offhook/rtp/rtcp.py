"""RTCP (RFC 3550 section 6): compound packets of reports, source descriptions with a CNAME, and goodbyes.

Reports about other sources than one are read but never written: a leg hears one peer. Packet types not
named here are passed over.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

SR, RR, SDES, BYE = 200, 201, 202, 203
_CNAME: Final = 1
_HEADER = struct.Struct("!BBH")
_SENDER = struct.Struct("!IQIII")
_BLOCK = struct.Struct("!IIIIII")

NTP_EPOCH_OFFSET: Final = 2_208_988_800
"""Seconds from 1900, where NTP begins, to 1970."""


class RtcpError(ValueError):
    """Not a compound RTCP packet."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver says of one source.

    `fraction_lost` in 1/256, `jitter` in timestamp units, `delay_since_sr` in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_sr: int


@dataclass(frozen=True, slots=True)
class SenderReport:
    """`ntp` is a 64-bit NTP time."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    ssrc: int
    reports: tuple[ReportBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """The CNAME of a source; other items are passed over."""

    ssrc: int
    cname: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    sources: tuple[int, ...]


RtcpPacket = SenderReport | ReceiverReport | SourceDescription | Goodbye


def ntp_time(unix_seconds: float) -> int:
    """The 64-bit NTP time of a Unix time."""
    return int((unix_seconds + NTP_EPOCH_OFFSET) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def middle(ntp: int) -> int:
    """The middle 32 bits of an NTP time, by which reports refer to each other."""
    return (ntp >> 16) & 0xFFFFFFFF


def round_trip_seconds(now_ntp: int, block: ReportBlock) -> float | None:
    """The round-trip time by a report block about us (section 6.4.1); None if the peer had none of ours, or lies."""
    if not block.last_sr:
        return None
    units = (middle(now_ntp) - block.last_sr - block.delay_since_sr) & 0xFFFFFFFF
    return units / 65536 if units < 0x80000000 else None


def pack(packets: tuple[RtcpPacket, ...]) -> bytes:
    """The bytes of a compound packet."""
    return b"".join(_pack_one(packet) for packet in packets)


def _pack_one(packet: RtcpPacket) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, timestamp, packets, octets, reports):
            body = _SENDER.pack(ssrc, ntp, timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)
            return _wrap(SR, len(reports), body + b"".join(map(_pack_block, reports)))
        case ReceiverReport(ssrc, reports):
            return _wrap(RR, len(reports), struct.pack("!I", ssrc) + b"".join(map(_pack_block, reports)))
        case SourceDescription(ssrc, cname):
            name = cname.encode()[:255]
            body = struct.pack("!IBB", ssrc, _CNAME, len(name)) + name + b"\0"
            return _wrap(SDES, 1, body + b"\0" * (-len(body) % 4))
        case Goodbye(sources):
            return _wrap(BYE, len(sources), struct.pack(f"!{len(sources)}I", *sources))


def _wrap(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def _pack_block(block: ReportBlock) -> bytes:
    lost = max(-0x800000, min(0x7FFFFF, block.lost)) & 0xFFFFFF
    return _BLOCK.pack(
        block.ssrc,
        (min(255, block.fraction_lost) << 24) | lost,
        block.highest_sequence & 0xFFFFFFFF,
        min(block.jitter, 0xFFFFFFFF),
        block.last_sr,
        min(block.delay_since_sr, 0xFFFFFFFF),
    )


def unpack(data: bytes | memoryview) -> tuple[RtcpPacket, ...]:
    """The packets of a datagram.

    Raises RtcpError when lengths do not fit, or it does not begin with a report as it must.
    """
    if len(data) < 8 or data[1] not in (SR, RR):
        raise RtcpError("does not begin with a report")
    packets: list[RtcpPacket] = []
    position = 0
    while position < len(data):
        if len(data) - position < _HEADER.size:
            raise RtcpError("a header is cut short")
        first, kind, words = _HEADER.unpack_from(data, position)
        end = position + _HEADER.size + 4 * words
        if first >> 6 != 2 or end > len(data):
            raise RtcpError("a packet of a wrong version or length")
        packet = _unpack_one(kind, first & 0x1F, bytes(data[position + _HEADER.size : end]))
        if packet is not None:
            packets.append(packet)
        position = end
    return tuple(packets)


def _unpack_one(kind: int, count: int, body: bytes) -> RtcpPacket | None:
    """The packet in a body, None for a kind that is passed over."""
    try:
        match kind:
            case 200:
                ssrc, ntp, timestamp, sent, octets = _SENDER.unpack_from(body)
                blocks = _unpack_blocks(body, _SENDER.size, count)
                return SenderReport(ssrc, ntp, timestamp, sent, octets, blocks)
            case 201:
                return ReceiverReport(struct.unpack_from("!I", body)[0], _unpack_blocks(body, 4, count))
            case 202:
                return _unpack_description(body) if count else None
            case 203:
                return Goodbye(struct.unpack_from(f"!{count}I", body))
            case _:
                return None
    except struct.error as error:
        raise RtcpError("a packet is shorter than its contents") from error


def _unpack_blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    blocks = []
    for index in range(count):
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(body, start + index * _BLOCK.size)
        lost = loss & 0xFFFFFF
        lost -= 0x1000000 if lost & 0x800000 else 0
        blocks.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(blocks)


def _unpack_description(body: bytes) -> SourceDescription:
    """The first chunk's CNAME, empty when it has none."""
    (ssrc,) = struct.unpack_from("!I", body)
    position = 4
    while position + 2 <= len(body) and body[position]:
        kind, size = body[position], body[position + 1]
        if kind == _CNAME:
            return SourceDescription(
                ssrc, body[position + 2 : position + 2 + size].decode("utf-8", "replace")
            )
        position += 2 + size
    return SourceDescription(ssrc, "")
