"""RTP, RTCP and telephone events as bytes: golden packets, round trips, and whatever else may come."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.rtp import packet, rtcp, telephone_event
from offhook.rtp.packet import Kind, Packet

U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


def test_golden_packet() -> None:
    data = bytes.fromhex("80e51234000000a0deadbeef0a8a0320")
    expected = Packet(101, True, 0x1234, 160, 0xDEADBEEF, bytes.fromhex("0a8a0320"))
    assert packet.unpack(data) == expected
    assert packet.pack(expected) == data


def test_csrcs_extension_and_padding_are_passed_over() -> None:
    data = bytes.fromhex(
        "b200000100000002 00000003 aaaaaaaa bbbbbbbb bede0001 11223344 0102 000003".replace(" ", "")
    )
    assert packet.unpack(data).payload == b"\x01\x02"


@pytest.mark.parametrize(
    "data",
    [
        "",
        "80",
        "40" + "00" * 11,
        "8f" + "00" * 11,
        "90" + "00" * 13,
        "a0" + "00" * 11,
        "a0" + "00" * 11 + "ff",
    ],
)
def test_malformed_packets(data: str) -> None:
    with pytest.raises(packet.PacketError):
        packet.unpack(bytes.fromhex(data))


@given(st.binary(max_size=60))
def test_anything_is_a_packet_or_an_error(data: bytes) -> None:
    packet.kind_of(data)
    with contextlib.suppress(packet.PacketError):
        packet.unpack(data)


@given(st.integers(0, 127), st.booleans(), U16, U32, U32, st.binary(max_size=200))
def test_packet_round_trip(
    pt: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes
) -> None:
    original = Packet(pt, marker, sequence, timestamp, ssrc, payload)
    assert packet.unpack(packet.pack(original)) == original


def test_kinds() -> None:
    assert packet.kind_of(b"\x80\x00") is Kind.RTP
    assert packet.kind_of(b"\x80\xe5") is Kind.RTP
    assert packet.kind_of(b"\x80\xc8") is Kind.RTCP
    assert packet.kind_of(b"\x00\x01") is Kind.STUN
    assert packet.kind_of(b"\x16\xfe") is Kind.DTLS
    assert packet.kind_of(b"\x80") is Kind.OTHER


def test_golden_sender_report() -> None:
    block = rtcp.ReportBlock(2, 64, -1, 0x10005, 80, 0x12345678, 0x10000)
    report = rtcp.SenderReport(1, 0x0102030405060708, 160, 3, 480, (block,))
    data = rtcp.pack((report, rtcp.SourceDescription(1, "a@b"), rtcp.Goodbye((1,))))
    assert data.hex(" ", 4) == (
        "81c8000c 00000001 01020304 05060708 000000a0 00000003 000001e0"
        " 00000002 40ffffff 00010005 00000050 12345678 00010000"
        " 81ca0003 00000001 01036140 62000000 81cb0001 00000001"
    )
    assert rtcp.unpack(data) == (report, rtcp.SourceDescription(1, "a@b"), rtcp.Goodbye((1,)))


@given(st.binary(max_size=120) | st.binary(max_size=100).map(lambda tail: b"\x81\xc9\x00\x07" + tail))
def test_anything_is_rtcp_or_an_error(data: bytes) -> None:
    with contextlib.suppress(rtcp.RtcpError):
        rtcp.unpack(data)


def test_round_trip_time() -> None:
    sent = rtcp.ntp_time(1_700_000_000.0)
    block = rtcp.ReportBlock(1, 0, 0, 0, 0, rtcp.middle(sent), 65536 // 2)
    seconds = rtcp.round_trip_seconds(rtcp.ntp_time(1_700_000_000.75), block)
    assert seconds == pytest.approx(0.25, abs=0.001)
    assert rtcp.round_trip_seconds(sent, rtcp.ReportBlock(1, 0, 0, 0, 0, 0, 0)) is None
    assert rtcp.round_trip_seconds(sent, block) is None


def event(timestamp: int, payload: str | bytes, *, marker: bool = False, ssrc: int = 1) -> Packet:
    data = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return Packet(101, marker, 0, timestamp, ssrc, data)


def test_key_is_read_once_though_packets_are_lost_repeated_and_late() -> None:
    payloads = [payload for payload, _ in telephone_event.press("5", 5, 160)]
    reader = telephone_event.KeyReader()
    assert [reader.receive(event(800, payload)) for payload in payloads] == ["5"] + [None] * 6
    assert [reader.receive(event(4000, payload)) for payload in payloads[5:]] == ["5", None]
    assert reader.receive(event(800, payloads[6])) is None
    assert reader.receive(event(9000, "05")) is None
    assert reader.receive(event(9000, "208a00a0")) is None


def test_key_held_for_longer_than_a_duration_can_say_is_one() -> None:
    reader = telephone_event.KeyReader()
    segments = [
        *((1000, f"050a{duration:04x}") for duration in range(160, 0xFFFF, 160)),
        (1000, "050affff"),
        *((1000 + 0xFFFF, f"050a{duration:04x}") for duration in range(160, 30000, 160)),
        *((1000 + 0xFFFF, "058a7530"),) * 3,
    ]
    heard = [reader.receive(event(timestamp, payload)) for timestamp, payload in segments]
    assert heard == ["5"] + [None] * (len(segments) - 1)
    assert reader.receive(event(1000 + 0xFFFF + 31000, "050a00a0", marker=True)) == "5"


def test_next_segment_is_known_though_the_end_of_the_last_was_lost() -> None:
    reader = telephone_event.KeyReader()
    assert reader.receive(event(0xFFFF0000, "050a00a0", marker=True)) == "5"
    assert reader.receive(event(0xFFFF0000 + 0xFFFF & 0xFFFFFFFF, "050a0140")) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (event(0, "050a00a0"), event(0xFFFF, "050a00a0", marker=True)),
        (event(0, "058a00a0"), event(0xFFFF, "050a00a0")),
        (event(0, "050a00a0"), event(0xFFFF, "050a00a0", ssrc=2)),
        (event(0, "050a00a0"), event(2000, "050a00a0")),
    ],
    ids=["marked as new", "ended before", "another source", "a gap between"],
)
def test_same_key_again_is_not_a_segment(first: Packet, second: Packet) -> None:
    reader = telephone_event.KeyReader()
    assert [reader.receive(first), reader.receive(second)] == ["5", "5"]


def test_press_in_bytes() -> None:
    packets = list(telephone_event.press("#", 2, 160))
    assert [payload.hex() for payload, _ in packets] == ["0b0a00a0", "0b8a0140", "0b8a0140", "0b8a0140"]
    assert [marker for _, marker in packets] == [True, False, False, False]
    with pytest.raises(ValueError):
        list(telephone_event.press("x", 1, 160))


@given(st.lists(st.tuples(U32, st.binary(max_size=8), st.booleans()), max_size=40))
def test_key_reader_survives_anything(packets: list[tuple[int, bytes, bool]]) -> None:
    reader = telephone_event.KeyReader()
    for timestamp, payload, marker in packets:
        key = reader.receive(event(timestamp, payload, marker=marker))
        assert key in {None, *telephone_event.EVENT_KEYS}
