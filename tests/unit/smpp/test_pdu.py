"""The PDU codec: golden octets, round trips, the two codecs against each other, and hostile input."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.smpp import bodies as b
from offhook.smpp.address import Address, from_address, to_address
from offhook.smpp.layouts import LAYOUTS, Kind, pack_body, unpack_body
from offhook.smpp.pdu import HEADER, HEADER_SIZE, MAX_PDU, Framer, decode_body, encode, encode_bare
from offhook.smpp.vocabulary import RESPONSE, Command, Status, Tag, status_name

# The example of section 3.2.3: bind_transmitter, sequence 1, system_id SMPP3TEST.
BIND_TRANSMITTER = bytes.fromhex(
    "0000002F 00000002 00000000 00000001534D5050335445535400 736563726574303800 5355424D49543100 34 01 01 00"
)

SUBMIT_SM = bytes.fromhex(
    "0000003C 00000004 00000000 00000005"
    "00 01 01 3135353531323330303030 00 01 01 3135353531323330303031 00"
    "40 00 00 00 00 01 00 00 00 05 48656C6C6F"
)


def decode(data: bytes) -> tuple[int, int, b.Body]:
    _, command, status, sequence = HEADER.unpack_from(data)
    return status, sequence, decode_body(command, data)


def test_bind_transmitter_of_the_specification() -> None:
    bind = b.BindTransmitter("SMPP3TEST", "secret08", "SUBMIT1", 0x34, 1, 1, "")
    assert decode(BIND_TRANSMITTER) == (0, 1, bind)
    assert encode(bind, 1) == BIND_TRANSMITTER


def test_submit_sm_golden() -> None:
    body = b.SubmitSm(
        "15551230000",
        "15551230001",
        b"Hello",
        source_addr_ton=1,
        source_addr_npi=1,
        dest_addr_ton=1,
        dest_addr_npi=1,
        esm_class=0x40,
        registered_delivery=1,
    )
    assert encode(body, 5) == SUBMIT_SM
    assert decode(SUBMIT_SM) == (0, 5, body)


def test_a_refusal_is_only_a_header() -> None:
    assert encode_bare(RESPONSE | Command.SUBMIT_SM, 7, Status.RTHROTTLED) == bytes.fromhex(
        "00000010 80000004 00000058 00000007"
    )


@pytest.mark.parametrize("extra", [b"", b"\x00"])
def test_a_response_without_message_id(extra: bytes) -> None:
    data = HEADER.pack(16 + len(extra), b.SubmitSmResp.command, 0, 1) + extra
    assert decode(data)[2] == b.SubmitSmResp("")


def test_message_payload_stands_in_for_short_message() -> None:
    body = b.DeliverSm("1", "2", tlvs=((Tag.MESSAGE_PAYLOAD, b"x" * 300),))
    assert decode(encode(body, 1))[2] == body
    assert body.message == b"x" * 300


SAMPLES: list[b.Body] = [
    b.BindReceiver("a", "b"),
    b.BindTransceiverResp("sink", ((Tag.SC_INTERFACE_VERSION, b"\x34"),)),
    b.Outbind("smsc", "pw"),
    b.Unbind(),
    b.UnbindResp(),
    b.GenericNack(),
    b.EnquireLink(),
    b.EnquireLinkResp(),
    b.DataSm(source_addr="1" * 64, destination_addr="2", tlvs=((Tag.MESSAGE_PAYLOAD, b"hi"),)),
    b.SubmitMulti(source_addr="1", destinations=(Address(1, 1, "2"), "friends"), short_message=b"x"),
    b.SubmitMultiResp("id", ((Address(1, 1, "2"), 0x0B),)),
    b.QuerySm("id", 1, 1, "1"),
    b.QuerySmResp("id", "261123220000000+", 2, 0),
    b.CancelSm("", "id", 1, 1, "1", 1, 1, "2"),
    b.CancelSmResp(),
    b.ReplaceSm("id", 1, 1, "1", short_message=b"new"),
    b.ReplaceSmResp(),
    b.AlertNotification(1, 1, "1", 1, 1, "2"),
]


@pytest.mark.parametrize("body", SAMPLES, ids=lambda body: type(body).__name__)
def test_every_operation_round_trips(body: b.Body) -> None:
    status, sequence, decoded = decode(encode(body, 0x7FFFFFFF))
    assert (status, sequence, decoded) == (0, 0x7FFFFFFF, body)


def text(limit: int) -> st.SearchStrategy[str]:
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=limit - 1)


OCTET = st.integers(0, 255)
TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=5).map(tuple)
STRATEGIES = {
    Kind.OCTET: OCTET,
    Kind.MESSAGE: st.binary(max_size=254),
    Kind.TLVS: TLVS,
    Kind.DESTINATIONS: st.lists(
        st.one_of(st.builds(Address, OCTET, OCTET, text(21)), text(21)), min_size=1, max_size=4
    ).map(tuple),
    Kind.UNSUCCESSFUL: st.lists(
        st.tuples(st.builds(Address, OCTET, OCTET, text(21)), st.integers(0, 2**32 - 1)), max_size=3
    ).map(tuple),
}


@st.composite
def any_body(draw: st.DrawFn) -> b.Body:
    kind = draw(st.sampled_from(sorted(LAYOUTS, key=lambda each: each.command)))
    fields: dict[str, Any] = {
        field.name: draw(text(field.limit) if field.kind is Kind.STRING else STRATEGIES[field.kind])
        for field in LAYOUTS[kind]
    }
    return kind(**fields)


@given(any_body(), st.integers(0, 2**32 - 1))
def test_round_trip(body: b.Body, sequence: int) -> None:
    data = encode(body, sequence)
    assert HEADER.unpack_from(data) == (len(data), body.command, 0, sequence)
    assert data[HEADER_SIZE:] == pack_body(body)
    assert decode_body(body.command, data) == body == unpack_body(type(body), data, HEADER_SIZE)


@given(st.sampled_from(sorted(kind.command for kind in LAYOUTS)), st.binary(max_size=120))
def test_garbage_is_refused_with_a_status_or_read_alike_by_both_codecs(command: int, garbage: bytes) -> None:
    pdu = encode_bare(command, 1) + garbage
    kind = next(kind for kind in LAYOUTS if kind.command == command)
    try:
        fast: b.Body | int | None = decode_body(command, pdu)
    except RemoteProtocolError as error:
        fast = error.status
        assert fast
    if garbage or not issubclass(kind, b.MessageIdResp):
        try:
            slow: b.Body | int | None = unpack_body(kind, pdu, HEADER_SIZE)
        except RemoteProtocolError as error:
            slow = error.status
        assert fast == slow


@given(st.binary(max_size=400), st.integers(1, 40))
def test_any_octets_only_frame_or_raise(data: bytes, step: int) -> None:
    framer = Framer()
    try:
        for start in range(0, len(data), step):
            for pdu in framer.feed(data[start : start + step]):
                assert int.from_bytes(pdu[:4], "big") == len(pdu)
    except RemoteProtocolError as error:
        assert error.status == Status.RINVCMDLEN


@given(st.lists(any_body(), max_size=5), st.integers(1, 30))
def test_framing_is_the_same_however_the_stream_is_cut(bodies: list[b.Body], step: int) -> None:
    wanted = [encode(body, number) for number, body in enumerate(bodies)]
    stream, framer = b"".join(wanted), Framer()
    pieces = [stream[start : start + step] for start in range(0, len(stream), step)]
    assert [pdu for piece in pieces for pdu in framer.feed(piece)] == wanted


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 0xFFFFFFFF])
def test_an_impossible_length_cannot_be_framed_but_what_came_before_can(length: int) -> None:
    frames = Framer().feed(encode_bare(Command.ENQUIRE_LINK, 1) + length.to_bytes(4, "big") + bytes(12))
    assert next(frames) == encode_bare(Command.ENQUIRE_LINK, 1)
    with pytest.raises(RemoteProtocolError) as caught:
        next(frames)
    assert caught.value.status == Status.RINVCMDLEN


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        (lambda d: d[:16] + b"toolong\0" + d[17:], Status.RINVSERTYP),
        (lambda d: d[:19] + b"1" * 30 + d[30:], Status.RINVSRCADR),
        (lambda d: d[:33] + b"1" * 30 + d[44:], Status.RINVDSTADR),
        (lambda d: d[:48] + b"9" * 17 + b"\0" + d[49:], Status.RINVSCHED),
        (lambda d: d[:49] + b"9" * 17 + b"\0" + d[50:], Status.RINVEXPIRY),
        (lambda d: d[:-1], Status.RINVMSGLEN),
        (lambda d: d[:54], Status.RINVCMDLEN),
        (lambda d: d + b"\x02", Status.RINVOPTPARSTREAM),
        (lambda d: d + b"\x02\x04\x00\x09\x00", Status.RINVOPTPARSTREAM),
    ],
)
def test_a_damaged_submit_sm_is_refused_with_the_status_of_what_is_wrong(damage: Any, status: Status) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(Command.SUBMIT_SM, damage(SUBMIT_SM))
    assert caught.value.status == status


REPLACE_SM = encode(b.ReplaceSm("id", short_message=b"new"), 1)
SUBMIT_MULTI = encode(b.SubmitMulti(destinations=(Address(1, 1, "2"), "friends"), short_message=b"x"), 1)


def swapped(data: bytes, written: bytes, damage: bytes) -> bytes:
    assert data.count(written) == 1
    return data.replace(written, damage)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (swapped(REPLACE_SM, b"\x03new", b"\xff" + b"x" * 255), Status.RINVMSGLEN),
        (swapped(REPLACE_SM, b"\x03new", b"\x04new"), Status.RINVMSGLEN),
        (swapped(REPLACE_SM, b"\x03new", b"\x03news"), Status.RINVCMDLEN),
        (swapped(REPLACE_SM, b"id\0", b"i" * 65 + b"\0"), Status.RINVMSGID),
        (swapped(SUBMIT_MULTI, b"\x02\x01\x01\x01" + b"2\0\x02friends\0", b"\x00"), Status.RINVNUMDESTS),
        (swapped(SUBMIT_MULTI, b"\x02\x01\x01\x01" + b"2\0", b"\xff\x01\x01\x012\0"), Status.RINVNUMDESTS),
        (swapped(SUBMIT_MULTI, b"\x02friends", b"\x03friends"), Status.RINVDESTFLAG),
        (swapped(SUBMIT_MULTI, b"\x02friends", b"\x02" + b"f" * 21), Status.RINVDLNAME),
        (swapped(SUBMIT_MULTI, b"\x01\x012\0", b"\x01\x01" + b"2" * 21 + b"\0"), Status.RINVDSTADR),
    ],
)
def test_a_damaged_request_of_another_kind_is_refused_so_too(data: bytes, status: Status) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(HEADER.unpack_from(data)[1], data)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "body",
    [
        b.SubmitMulti(destinations=()),
        b.SubmitMulti(destinations=("friends",) * 255),
        b.SubmitMulti(destinations=("f" * 21,)),
        b.SubmitMulti(destinations=("friends",), short_message=b"x" * 255),
        b.SubmitMultiResp("id", ((Address(1, 1, "2"), -1),)),
        b.SubmitSm("1", "2", tlvs=((0x10000, b""),)),
        b.SubmitSm("1", "2", tlvs=((Tag.MESSAGE_PAYLOAD, bytes(0x10000)),)),
    ],
)
def test_what_does_not_fit_a_list_is_our_own_error_too(body: b.Body) -> None:
    with pytest.raises(LocalProtocolError):
        encode(body, 1)


def test_an_unknown_command() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode_body(0x42, encode_bare(0x42, 1))
    assert caught.value.status == Status.RINVCMDID


@pytest.mark.parametrize(
    "changes",
    [
        {"source_addr": "1" * 21},
        {"destination_addr": "é\u20ac"},
        {"short_message": b"x" * 255},
        {"esm_class": 256},
        {"service_type": "a\0b"},
        {"validity_period": "a\0b"},
        {"data_coding": -1},
    ],
)
def test_what_does_not_fit_is_our_own_error(changes: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        encode(msgspec.structs.replace(b.SubmitSm("1", "2", b"x"), **changes), 1)


@pytest.mark.parametrize(
    ("number", "address"),
    [
        ("+15551230000", Address(1, 1, "15551230000")),
        ("12345", Address(3, 0, "12345")),
        ("Offhook", Address(5, 0, "Offhook")),
    ],
)
def test_numbers_and_addresses(number: str, address: Address) -> None:
    assert to_address(number) == address
    assert from_address(address) == number


def test_addresses_of_sloppy_centres() -> None:
    assert from_address(Address(0, 0, "15551230000")) == "+15551230000"
    assert from_address(Address(1, 1, "+15551230000")) == "+15551230000"
    assert from_address(Address(0, 0, "12345")) == "12345"


def test_status_names() -> None:
    assert (status_name(0x58), status_name(0x400)) == ("ESME_RTHROTTLED", "0x00000400")
