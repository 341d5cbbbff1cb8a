"""Offer and answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.sdp.negotiate import PCMA, PCMU, Direction, NotAcceptable, answer, offer, read_answer


def description(audio: str, *, host: str = "IP4 192.0.2.1") -> bytes:
    return f"v=0\r\no=- 1 1 IN {host}\r\ns=-\r\nc=IN {host}\r\nt=0 0\r\n{audio}\r\n".encode()


def reply(data: bytes, **arguments: object) -> object:
    return answer(data, "192.0.2.9", 6000, session_id=7, **arguments)  # type: ignore[arg-type]


def test_our_own_offer_is_answered_and_understood() -> None:
    ours = offer("192.0.2.1", 4000, session_id=1)
    theirs = answer(ours, "192.0.2.9", 6000, session_id=2, codecs=(PCMA, PCMU))
    assert (theirs.remote_host, theirs.remote_port) == ("192.0.2.1", 4000)
    assert (theirs.codec.name, theirs.payload_type, theirs.dtmf_payload_type) == ("PCMU", 0, 101)
    agreed = read_answer(ours, theirs.body)
    assert (agreed.remote_host, agreed.remote_port, agreed.codec.name) == ("192.0.2.9", 6000, "PCMU")
    assert (agreed.dtmf_payload_type, agreed.direction, agreed.ptime) == (101, "sendrecv", 20)


def test_the_offers_numbers_and_order_are_kept() -> None:
    data = description(
        "m=audio 4000 RTP/AVP 18 97 0 96\r\na=rtpmap:97 pcma/8000\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:30"
    )
    data = data.replace(b"IP4 192.0.2.1", b"IP6 2001:db8::1")
    agreed = answer(data, "2001:db8::9", 6000, session_id=7)
    assert (agreed.codec.name, agreed.payload_type, agreed.dtmf_payload_type, agreed.ptime) == (
        "PCMA",
        97,
        96,
        30,
    )
    assert b"m=audio 6000 RTP/AVP 97 96\r\n" in agreed.body
    assert b"c=IN IP6 2001:db8::9\r\n" in agreed.body


def test_other_streams_are_refused_in_their_place() -> None:
    data = description(
        "m=video 5 RTP/AVP 31\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 0"
    )
    agreed = answer(data, "192.0.2.9", 6000, session_id=7)
    lines = [line for line in agreed.body.split(b"\r\n") if line.startswith(b"m=")]
    assert lines == [
        b"m=video 0 RTP/AVP 31",
        b"m=audio 0 RTP/AVP 0",
        b"m=audio 6000 RTP/AVP 8",
        b"m=audio 0 RTP/AVP 0",
    ]
    assert agreed.dtmf_payload_type is None


@pytest.mark.parametrize(
    ("offered", "host", "wanted", "expected"),
    [
        ("sendrecv", "IP4 192.0.2.1", "sendrecv", "sendrecv"),
        ("sendonly", "IP4 192.0.2.1", "sendrecv", "recvonly"),
        ("recvonly", "IP4 192.0.2.1", "sendrecv", "sendonly"),
        ("inactive", "IP4 192.0.2.1", "sendrecv", "inactive"),
        ("sendrecv", "IP4 0.0.0.0", "sendrecv", "recvonly"),
        ("sendrecv", "IP6 ::", "sendrecv", "recvonly"),
        ("inactive", "IP4 0.0.0.0", "sendrecv", "inactive"),
        ("sendrecv", "IP4 192.0.2.1", "sendonly", "sendonly"),
        ("sendonly", "IP4 192.0.2.1", "sendonly", "inactive"),
    ],
)
def test_hold_is_answered(offered: str, host: str, wanted: Direction, expected: str) -> None:
    data = description(f"m=audio 4000 RTP/AVP 0\r\na={offered}", host=host)
    ours = "2001:db8::9" if host.startswith("IP6") else "192.0.2.9"
    agreed = answer(data, ours, 6000, session_id=7, direction=wanted)
    assert agreed.direction == expected
    assert f"a={expected}\r\n".encode() in agreed.body
    assert agreed.send is (expected in ("sendrecv", "sendonly"))
    assert agreed.receive is (expected in ("sendrecv", "recvonly"))


def test_a_direction_of_the_session_counts_for_its_streams() -> None:
    data = description("m=audio 4000 RTP/AVP 0").replace(b"t=0 0\r\n", b"t=0 0\r\na=sendonly\r\n")
    assert answer(data, "192.0.2.9", 6000, session_id=7).direction == "recvonly"


@pytest.mark.parametrize(
    "audio",
    [
        "m=audio 4000 RTP/SAVP 0",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4000 RTP/AVP 18",
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 G722/8000",
        "m=audio 4000 RTP/AVP 101\r\na=rtpmap:101 telephone-event/8000",
        "m=video 4000 RTP/AVP 31",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 2001:db8::1",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP6 host.example",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 224.2.1.1/127",
        "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 255.255.255.255",
        "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000/2",
        "m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000/2",
        "m=audio 4000 RTP/AVP 0\r\na=maxptime:5",
        "a=nothing",
    ],
)
def test_what_cannot_be_taken_is_not_acceptable(audio: str) -> None:
    with pytest.raises(NotAcceptable):
        reply(description(audio))


@pytest.mark.parametrize(
    "audio",
    [
        "m=audio 0 RTP/AVP 0",
        "m=audio 6000 RTP/AVP 18",
        "m=video 5 RTP/AVP 31",
        "m=audio 6000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1",
        "m=audio 6000 RTP/AVP 0\r\nc=IN IP4 239.1.1.1",
    ],
)
def test_an_answer_that_refuses_is_not_acceptable(audio: str) -> None:
    with pytest.raises(NotAcceptable):
        read_answer(offer("192.0.2.1", 4000, session_id=1), description(audio))


def test_a_host_name_is_handed_on_to_be_resolved() -> None:
    agreed = answer(
        description("m=audio 4000 RTP/AVP 0", host="IP4 media.example"), "192.0.2.9", 6000, session_id=7
    )
    assert (agreed.remote_host, agreed.direction) == ("media.example", "sendrecv")


def test_one_channel_may_be_named() -> None:
    data = description("m=audio 4000 RTP/AVP 97\r\na=rtpmap:97 PCMU/8000/1")
    assert answer(data, "192.0.2.9", 6000, session_id=7).heard == ((97, "PCMU"),)


def test_an_answer_under_other_numbers_is_heard_under_ours_too() -> None:
    ours = offer("192.0.2.1", 4000, session_id=1)
    theirs = description(
        "m=audio 6000 RTP/AVP 97 96\r\na=rtpmap:97 PCMA/8000\r\na=rtpmap:96 telephone-event/8000"
    )
    agreed = read_answer(ours, theirs)
    assert (agreed.codec.name, agreed.payload_type, agreed.dtmf_payload_type) == ("PCMA", 97, 96)
    assert agreed.heard == ((0, "PCMU"), (8, "PCMA"), (97, "PCMA"))
    assert agreed.dtmf_heard == (101, 96)


def test_every_format_of_an_offer_is_heard() -> None:
    data = description("m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000")
    agreed = answer(data, "192.0.2.9", 6000, session_id=7)
    assert (agreed.codec.name, agreed.heard, agreed.dtmf_heard) == (
        "PCMU",
        ((0, "PCMU"), (8, "PCMA")),
        (101,),
    )
    assert answer(data, "192.0.2.9", 6000, session_id=7, codecs=(PCMA,)).heard == ((8, "PCMA"),)


def test_our_number_means_what_we_said_whatever_the_answer_calls_it() -> None:
    theirs = description("m=audio 6000 RTP/AVP 0 101\r\na=rtpmap:101 PCMA/8000")
    agreed = read_answer(offer("192.0.2.1", 4000, session_id=1), theirs)
    assert (agreed.heard, agreed.dtmf_heard) == (((0, "PCMU"), (8, "PCMA")), (101,))


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("", 20),
        ("a=ptime:40", 40),
        ("a=ptime:3", 10),
        ("a=ptime:500", 160),
        ("a=ptime:-20", 20),
        ("a=ptime:0", 20),
        ("a=maxptime:10", 10),
        ("a=ptime:60\r\na=maxptime:30", 30),
        ("a=maxptime:200", 20),
    ],
)
def test_packets_are_as_long_as_the_peer_asks_within_what_it_takes(asked: str, sent: int) -> None:
    data = description(f"m=audio 4000 RTP/AVP 0\r\n{asked}".rstrip())
    agreed = answer(data, "192.0.2.9", 6000, session_id=7)
    assert agreed.ptime == sent
    assert f"a=ptime:{sent}\r\n".encode() in agreed.body


@given(st.binary(max_size=200) | st.text("m=audio40RTP/V8c:. \r\n", max_size=120).map(description))
def test_anything_is_answered_or_not_acceptable(data: bytes) -> None:
    try:
        reply(data)
    except NotAcceptable:
        return
