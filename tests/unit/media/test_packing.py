"""Packets longer and shorter than a tick's."""

from __future__ import annotations

import pytest

from offhook.media.packing import Packer
from offhook.rtp import packet as rtp


def sent(milliseconds: int, ticks: int) -> tuple[list[rtp.Packet], Packer]:
    """What a packer makes of so many ticks, whose octets count up from 0."""
    packets: list[rtp.Packet] = []
    packer = Packer(milliseconds, 65535, lambda data: packets.append(rtp.unpack(data)))
    for tick in range(ticks):
        payload = bytes((tick * 160 + octet) % 251 for octet in range(160))
        packer.audio(rtp.pack(rtp.Packet(8, tick == 0, 700 + tick, tick * 160, 5, payload)))
    return packets, packer


@pytest.mark.parametrize("milliseconds", [10, 20, 25, 30, 40, 60, 160])
def test_stream_is_the_same_in_packets_of_another_length(milliseconds: int) -> None:
    packets, _ = sent(milliseconds, 16)
    octets = milliseconds * 8
    assert len(packets) == 16 * 160 // octets
    assert all(len(packet.payload) == octets for packet in packets)
    assert b"".join(packet.payload for packet in packets) == bytes(
        octet % 251 for octet in range(len(packets) * octets)
    )
    assert [packet.sequence for packet in packets] == list(range(len(packets)))
    assert [packet.timestamp for packet in packets] == [octets * index for index in range(len(packets))]
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(5, 8)}


def test_event_comes_after_the_audio_before_it() -> None:
    packets, packer = sent(60, 4)
    packer.event(rtp.pack(rtp.Packet(101, True, 9, 640, 5, b"\x05\x0a\x00\xa0")))
    assert [(packet.payload_type, packet.sequence, packet.timestamp) for packet in packets] == [
        (8, 0, 0),
        (8, 1, 480),
        (101, 2, 640),
    ]
    assert len(packets[1].payload) == 160


def test_what_is_left_can_be_sent() -> None:
    packets, packer = sent(40, 3)
    packer.flush()
    packer.flush()
    assert [len(packet.payload) for packet in packets] == [320, 160]
    assert packer.sequence == 1
