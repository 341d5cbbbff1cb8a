"""The tables and pure steps of messaging: error codes, pacing, segments out and in."""

import pytest

from offhook.errors import DELIVERY, RemoteProtocolError
from offhook.messaging.arrival import Arrivals, decode
from offhook.messaging.carriers import IncomingText, OutgoingText
from offhook.messaging.outcomes import NETWORK_ERRORS, REFUSALS, STATES, outcome, refusal
from offhook.messaging.pacing import SenderPacing
from offhook.messaging.submission import submissions
from offhook.smpp.bodies import DeliverSm
from offhook.smpp.receipt import Receipt
from offhook.smpp.vocabulary import MessageState, Status, Tag

SID = "SM" + "0" * 28 + "12ab"


def test_every_code_has_a_meaning() -> None:
    assert {*REFUSALS.values(), *NETWORK_ERRORS.values(), *STATES.values()} <= set(DELIVERY)


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        (MessageState.DELIVERED, "000", None),
        (MessageState.DELIVERED, "001", None),
        (MessageState.UNDELIVERABLE, "001", 30005),
        (MessageState.UNDELIVERABLE, "27", 30003),
        (MessageState.UNDELIVERABLE, "X9", 30008),
        (MessageState.UNDELIVERABLE, "99999", 30008),
        (MessageState.REJECTED, "000", 30007),
        (MessageState.EXPIRED, "", 30003),
        (MessageState.DELETED, "30004", 30004),
    ],
)
def test_receipts(state: MessageState, error: str, code: int | None) -> None:
    assert outcome(Receipt("1", state, error)) == code


def test_refusals() -> None:
    assert (refusal(Status.RINVMSGLEN), refusal(0x1234)) == (30019, 30008)


def test_pacing_is_per_sender() -> None:
    pacing = SenderPacing(10)
    assert [pacing.moment("a", 0.0) for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2])
    assert pacing.moment("b", 0.0) == 0.0
    assert pacing.moment("a", 5.0) == 5.0
    assert SenderPacing().moment("a", 1.0) == 1.0


def test_one_segment() -> None:
    (sent,) = submissions(OutgoingText(SID, "+15550100100", "+15551230000", "Hi €"))
    assert (sent.short_message, sent.esm_class, sent.data_coding) == (b"Hi \x1b\x65", 0, 0)
    assert (sent.source_addr, sent.source_addr_ton, sent.registered_delivery) == ("15550100100", 1, 1)
    assert sent.tlvs == ((Tag.USER_MESSAGE_REFERENCE, b"\x12\xab"),)


def test_segments_are_the_same_each_time_and_come_together_again() -> None:
    text = OutgoingText(SID, "+15550100100", "+15551230000", "Привет 😀 " * 20)
    sent = submissions(text)
    assert sent == submissions(text)
    assert {message.short_message[:5] for message in sent} == {b"\x05\x00\x03\xab" + bytes([len(sent)])}
    arrivals: Arrivals[int] = Arrivals()
    arrived = None
    for index, message in enumerate(sent):
        delivered = DeliverSm(
            message.source_addr,
            message.destination_addr,
            message.short_message,
            1,
            1,
            1,
            1,
            message.esm_class,
            message.data_coding,
        )
        arrived = arrivals.take(delivered, index, 0.0)
    assert arrived is not None
    assert arrived[0] == IncomingText(text.sender, text.recipient, text.body, len(sent))
    assert list(arrived[1]) == list(range(len(sent)))


def test_sar_parameters() -> None:
    def part(number: int, octets: bytes) -> DeliverSm:
        tlvs = (
            (Tag.SAR_MSG_REF_NUM, b"\0\7"),
            (Tag.SAR_TOTAL_SEGMENTS, b"\2"),
            (Tag.SAR_SEGMENT_SEQNUM, bytes((number,))),
        )
        return DeliverSm("1", "2", octets, tlvs=tlvs)

    arrivals: Arrivals[None] = Arrivals()
    assert arrivals.take(part(2, b"lo"), None, 0.0) is None
    arrived = arrivals.take(part(1, b"Hel"), None, 0.0)
    assert arrived is not None
    assert arrived[0].body == "Hello"


def test_what_never_comes_whole_is_given_up() -> None:
    arrivals: Arrivals[str] = Arrivals()
    half = DeliverSm("1", "2", b"\x05\x00\x03\x01\x02\x01Hel", esm_class=0x40)
    assert arrivals.take(half, "token", 0.0) is None
    assert arrivals.expire(100.0) == []
    ((text, tokens),) = arrivals.expire(1000.0)
    assert (text.body, text.segments, tokens) == ("Hel", 1, ("token",))


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"\x00\x1b\x65", 0, "@€"),
        (b"caf\xe9", 3, "café"),
        ("жук".encode("utf-16-be"), 8, "жук"),
        (b"\x04", 8, "\ufffd"),
        (b"a\0b", 4, "ab"),
    ],
)
def test_alphabets(octets: bytes, coding: int, text: str) -> None:
    assert decode(octets, coding) == text


def test_a_malformed_header_is_the_peers_error() -> None:
    with pytest.raises(RemoteProtocolError):
        Arrivals[None]().take(DeliverSm("1", "2", b"\xff\0", esm_class=0x40), None, 0.0)
