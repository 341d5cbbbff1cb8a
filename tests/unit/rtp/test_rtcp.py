"""Reports as peers send them: other kinds beside ours, and what is no report at all."""

from __future__ import annotations

import struct

import pytest

from offhook.rtp import rtcp

BLOCK = rtcp.ReportBlock(2, 64, -1, 0x10005, 80, 0x12345678, 0x10000)
REPORT = rtcp.ReceiverReport(1, (BLOCK,))


def test_every_kind_is_read_as_it_was_written() -> None:
    packets = (REPORT, rtcp.SourceDescription(1, "a@b"), rtcp.Goodbye((1, 2)))
    assert rtcp.unpack(rtcp.pack(packets)) == packets


def test_kinds_of_no_use_are_passed_over() -> None:
    application = struct.pack("!BBHI4s", 0x80, 204, 2, 1, b"name")
    nobody = struct.pack("!BBH", 0x80, rtcp.SDES, 0)
    assert rtcp.unpack(rtcp.pack((REPORT,)) + application + nobody) == (REPORT,)


@pytest.mark.parametrize(
    ("items", "name"),
    [(b"\x02\x01x\x01\x03a@b\0", "a@b"), (b"\x02\x01x\0", "")],
    ids=["after another item", "without a name"],
)
def test_the_name_of_a_source(items: bytes, name: str) -> None:
    body = struct.pack("!I", 7) + items + bytes(-len(items) % 4)
    described = struct.pack("!BBH", 0x81, rtcp.SDES, len(body) // 4) + body
    assert rtcp.unpack(rtcp.pack((REPORT,)) + described)[1] == rtcp.SourceDescription(7, name)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\xc9\0",
        rtcp.pack((rtcp.Goodbye((1,)),)),
        rtcp.pack((REPORT,)) + b"\x80",
        rtcp.pack((REPORT,))[:-4],
        b"\x40" + rtcp.pack((REPORT,))[1:],
        struct.pack("!BBHI", 0x9F, rtcp.RR, 1, 1),
    ],
    ids=["empty", "short", "no report", "cut header", "cut packet", "version", "fewer blocks"],
)
def test_what_is_no_report_is_refused(data: bytes) -> None:
    with pytest.raises(rtcp.RtcpError):
        rtcp.unpack(data)


def test_the_round_trip_time() -> None:
    now = rtcp.ntp_time(1000.0)
    sent = rtcp.middle(rtcp.ntp_time(998.0))
    block = rtcp.ReportBlock(2, 0, 0, 0, 0, sent, 65536)
    assert rtcp.round_trip_seconds(now, block) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(("last_sr", "delay"), [(0, 0), (rtcp.middle(rtcp.ntp_time(999.0)), 10 * 65536)])
def test_no_round_trip_time_from_a_peer_without_reports_or_one_that_lies(last_sr: int, delay: int) -> None:
    block = rtcp.ReportBlock(2, 0, 0, 0, 0, last_sr, delay)
    assert rtcp.round_trip_seconds(rtcp.ntp_time(1000.0), block) is None
