"""The tables and pure steps of messaging: error codes, pacing, segments out and in."""

import pytest

from offhook.errors import DELIVERY, RemoteProtocolError
from offhook.messaging.arrival import NO_TEXT, Arrivals
from offhook.messaging.carriers import IncomingText, OutgoingText
from offhook.messaging.outcomes import NETWORK_ERRORS, REFUSALS, STATES, outcome, refusal
from offhook.messaging.pacing import SenderPacing
from offhook.messaging.submission import submissions
from offhook.smpp.bodies import DeliverSm
from offhook.smpp.receipt import Receipt
from offhook.smpp.vocabulary import MessageState, Status, Tag
from offhook.sms.reassembly import REPEATED
from offhook.smsc import SmscSettings

SID = "SM" + "0" * 28 + "12ab"
SMSC = SmscSettings("me", "pw", "x", 1)


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
    (sent,) = submissions(OutgoingText(SID, "+15550100100", "+15551230000", "Hi €"), SMSC)
    assert (sent.short_message, sent.esm_class, sent.data_coding) == (b"Hi \x1b\x65", 0, 0)
    assert (sent.source_addr, sent.source_addr_ton, sent.registered_delivery) == ("15550100100", 1, 1)
    assert sent.tlvs == ((Tag.USER_MESSAGE_REFERENCE, b"\x12\xab"),)


def test_segments_are_the_same_each_time_and_come_together_again() -> None:
    text = OutgoingText(SID, "+15550100100", "+15551230000", "Привет 😀 " * 20)
    sent = submissions(text, SMSC)
    assert sent == submissions(text, SMSC)
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
    assert isinstance(arrived, tuple)
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
    assert isinstance(arrived, tuple)
    assert arrived[0].body == "Hello"


def test_what_never_comes_whole_is_given_up() -> None:
    arrivals: Arrivals[str] = Arrivals()
    half = DeliverSm("1", "2", b"\x05\x00\x03\x01\x02\x01Hel", esm_class=0x40)
    assert arrivals.take(half, "token", 0.0) is None
    assert arrivals.expire(100.0) == []
    ((text, tokens),) = arrivals.expire(1000.0)
    assert (text.body, text.segments, text.missing, tokens) == ("Hel…", 1, 1, ("token",))


def test_another_default_alphabet_and_what_it_lacks() -> None:
    smsc = SmscSettings("me", "pw", "x", 1, alphabet="latin1", source_ton=5, source_npi=0, service_type="CMT")
    (sent,) = submissions(OutgoingText(SID, "+15550100100", "+15551230000", "é@"), smsc)
    assert (sent.short_message, sent.data_coding) == (b"\xe9@", 0)
    assert (sent.source_addr_ton, sent.source_addr_npi, sent.service_type) == (5, 0, "CMT")
    (sent,) = submissions(OutgoingText(SID, "+15550100100", "+15551230000", "5 €"), smsc)
    assert (sent.short_message, sent.data_coding) == ("5 €".encode("utf-16-be"), 8)


def test_a_repeat_of_a_text_that_was_whole_is_told() -> None:
    arrivals: Arrivals[None] = Arrivals()
    parts = [
        DeliverSm("1", "2", b"\x05\x00\x03\x01\x02" + bytes((n,)) + b"x", esm_class=0x40) for n in (1, 2)
    ]
    assert [arrivals.take(part, None, 0.0) is None for part in parts] == [True, False]
    assert arrivals.take(parts[1], None, 1.0) is REPEATED


def test_data_that_is_no_text_is_called_that() -> None:
    arrived = Arrivals[None]().take(DeliverSm("1", "2", b"\x01\xff", data_coding=4), None, 0.0)
    assert isinstance(arrived, tuple)
    assert arrived[0].body == NO_TEXT


def test_a_malformed_header_is_the_peers_error() -> None:
    with pytest.raises(RemoteProtocolError):
        Arrivals[None]().take(DeliverSm("1", "2", b"\xff\0", esm_class=0x40), None, 0.0)
