"""From octets to messages and back."""

from __future__ import annotations

import contextlib
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.sip.network import tokens

from offhook.errors import RemoteProtocolError
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.flow import TCP, UDP, Address, Flow
from offhook.sip.message import Request, Response
from offhook.sip.parser import BadMessageError, parse_message

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "torture").glob("*.dat"))]

OPTIONS = (
    b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK1\r\nf: <sip:a@b>;tag=1\r\nt: <sip:a@b>\r\n"
    b"i: 1\r\nCSeq: 1 OPTIONS\r\nX-Long: one\r\n  two\r\n\tthree\r\nl: 2\r\n\r\nhi, and more"
)


def test_compact_names_folding_and_length() -> None:
    message = parse_message(OPTIONS)
    assert isinstance(message, Request)
    assert [name for name, _ in message.fields][:2] == ["Via", "From"]
    assert (message.get("x-long"), message.get("v"), message.body) == (
        "one two three",
        "SIP/2.0/UDP h;branch=z9hG4bK1",
        b"hi",
    )


def test_latin1_is_read_too() -> None:
    message = parse_message(OPTIONS.replace(b"one", "Müller".encode("latin-1")))
    assert message.get("X-Long") == "Müller two three"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"SIP/2.0\r\nv", b"SIP/2.0\nv", 400),
        (b"one", b"o\rne", 400),
        (b"one", b"o\0ne", 400),
        (b"l: 2", b"l: 2\r\nContent-Length: 2", 400),
        (b"l: 2", b"l: +2", 400),
        (b"l: 2", b"l: 99999999999", 513),
        (b"one", b"x" * 9000, 400),
        (b"X-Long: one", b"\r\n".join([b"X: 1"] * 300), 400),
        (b"sip:a@b SIP", b"sip:" + b"a" * 3000 + b"@b SIP", 414),
        (b"X-Long: one", b"X Long: one", 400),
        (b"1 OPTIONS", b"1 INVITE", 400),
    ],
)
def test_what_two_readers_could_read_in_two_ways_is_refused(old: bytes, new: bytes, status: int) -> None:
    with pytest.raises(BadMessageError) as caught:
        parse_message(OPTIONS.replace(old, new, 1))
    assert caught.value.status == status


def test_a_bad_request_can_still_be_answered() -> None:
    with pytest.raises(BadMessageError) as caught:
        parse_message(OPTIONS.replace(b"CSeq: 1", b"CSeq: one"))
    assert caught.value.request is not None
    assert caught.value.request.get("Call-ID") == "1"


def test_what_was_read_is_written_so_that_it_reads_the_same() -> None:
    for data in SAMPLES:
        try:
            message = parse_message(data)
        except BadMessageError:
            continue
        assert parse_message(message.encode()) == message


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A torture message with some octets changed, removed or repeated."""
    data = bytearray(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        length = draw(st.integers(0, 20))
        data[at : at + length] = draw(
            st.binary(max_size=6) | st.sampled_from([b"\r\n", b";", b",", b'"', b"<", b":"])
        )
    return bytes(data)


@settings(max_examples=300)
@given(broken() | st.binary(max_size=300))
def test_any_octets_are_read_or_refused(data: bytes) -> None:
    try:
        message = parse_message(data)
    except RemoteProtocolError:
        return
    assert parse_message(message.encode()) == message
    assert isinstance(message, Request | Response)


@settings(max_examples=300)
@given(st.lists(broken() | st.binary(max_size=200), max_size=4), st.sampled_from([UDP, TCP]))
def test_an_endpoint_takes_anything(messages: list[bytes], transport: str) -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), tokens("t"))
    flow = Flow(transport, Address("192.0.2.1", 5060), Address("192.0.2.2", 5060))
    for data in messages:
        endpoint.receive(data, flow, 1.0)
    for moment in (2.0, 40.0, 400.0):
        endpoint.tick(moment)
    endpoint.flow_closed(flow, 500.0)
    endpoint.actions()
    endpoint.events()


@pytest.mark.parametrize(
    "filler", [b" ", b"\t", b"a", b'"', b"\\", b";", b",", b"<", b"=", b"\r\n ", b":", b"%"]
)
@pytest.mark.parametrize(
    "before", [b"f: a", b'f: "', b"v: SIP/2.0/UDP h", b"Contact: sip:", b"X", b"CSeq: 1"]
)
def test_no_message_takes_long(filler: bytes, before: bytes) -> None:
    row = before + filler * (8_000 // len(filler)) + b"x\r\n"
    data = b"OPTIONS sip:a@b SIP/2.0\r\n" + row * 7 + b"\r\n"
    began = process_time()
    with contextlib.suppress(RemoteProtocolError):
        parse_message(data)
    assert process_time() - began < 1
