"""Delivery receipts: written ones are read back, sloppy ones are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.smpp import receipt
from offhook.smpp.bodies import DeliverSm
from offhook.smpp.receipt import Receipt
from offhook.smpp.vocabulary import EsmClass, MessageState, Tag


def message(text: bytes, **fields: object) -> DeliverSm:
    return DeliverSm("1", "2", text, esm_class=EsmClass.DELIVERY_RECEIPT, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("state", list(MessageState))
def test_written_ones_are_read_back(state: MessageState) -> None:
    wanted = Receipt("1a2b", state, "006", "2611232205", "2611232200")
    text, tlvs = receipt.write(wanted, "Hello world")
    assert receipt.read(message(text)) == wanted
    assert receipt.read(message(text, tlvs=tlvs)) == wanted


def test_the_example_of_appendix_b() -> None:
    text = (
        b"id:0123456789 sub:001 dlvrd:001 submit date:0209010930 done date:0209010931 "
        b"stat:DELIVRD err:000 text:id:fake stat:EXPIRED"
    )
    assert receipt.read(message(text)) == Receipt(
        "0123456789", MessageState.DELIVERED, "000", "0209010931", "0209010930"
    )


def test_parameters_win_and_suffice() -> None:
    tlvs = (
        (Tag.RECEIPTED_MESSAGE_ID, b"abc\0"),
        (Tag.MESSAGE_STATE, b"\x05"),
        (Tag.NETWORK_ERROR_CODE, b"\x03\x00\x0b"),
    )
    assert receipt.read(message(b"", tlvs=tlvs)) == Receipt("abc", MessageState.UNDELIVERABLE, "011")


def test_case_and_order_do_not_matter() -> None:
    read = receipt.read(message(b"STAT:undeliv Err:27 ID:9"))
    assert read == Receipt("9", MessageState.UNDELIVERABLE, "27")


@pytest.mark.parametrize("text", [b"", b"Hello", b"stat:DELIVRD", b"\xff" * 254])
def test_what_is_no_receipt(text: bytes) -> None:
    assert receipt.read(message(text)) is None


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("DELIVRD", MessageState.DELIVERED),
        ("DELIVERED", MessageState.DELIVERED),
        ("Delivrd", MessageState.DELIVERED),
        ("DELIVERD", MessageState.DELIVERED),
        ("DELETED", MessageState.DELETED),
        ("UNDELIV", MessageState.UNDELIVERABLE),
        ("UNDELIVERABLE", MessageState.UNDELIVERABLE),
        ("UNDELIVERED", MessageState.UNDELIVERABLE),
        ("FAILED", MessageState.UNDELIVERABLE),
        ("REJECTD", MessageState.REJECTED),
        ("rejected", MessageState.REJECTED),
        ("ACCEPTED", MessageState.ACCEPTED),
        ("EXPIRED", MessageState.EXPIRED),
        ("UNKNOWN", MessageState.UNKNOWN),
        ("BUFFERED", MessageState.ENROUTE),
        ("2", MessageState.DELIVERED),
        ("SKIPPED", MessageState.SKIPPED),
        ("WHAT", None),
        ("", None),
    ],
)
def test_the_words_of_a_state(word: str, state: MessageState | None) -> None:
    read = receipt.read(message(f"id:1 stat:{word} err:0".encode()))
    assert read is not None
    assert (read.message_id, read.state, read.word) == ("1", state, word)


def test_commas_and_ucs2() -> None:
    wanted = Receipt("9", MessageState.UNDELIVERABLE, "27", "2611232205", "2611232200")
    text = "id: 9,sub:001,dlvrd:000,submit_date:2611232200,done_date:2611232205,stat:UNDELIV,err:27,text:x"
    assert receipt.read(message(text.encode())) == wanted
    assert receipt.read(message(text.encode("utf-16-be"), data_coding=8)) == wanted


def test_an_intermediate_notification_says_so() -> None:
    read = receipt.read(
        DeliverSm("1", "2", b"id:1 stat:DELIVRD", esm_class=EsmClass.INTERMEDIATE_NOTIFICATION)
    )
    assert read is not None
    assert read.intermediate


def test_state_9_and_states_nobody_knows() -> None:
    known = receipt.read(message(b"id:1", tlvs=((Tag.MESSAGE_STATE, b"\x09"),)))
    assert known is not None
    assert known.state is MessageState.SKIPPED
    unknown = receipt.read(message(b"id:1", tlvs=((Tag.MESSAGE_STATE, b"\x4d"),)))
    assert unknown is not None
    assert unknown.state is None


def test_which_deliver_sm_is_one() -> None:
    assert receipt.is_receipt(message(b""))
    tlvs = ((Tag.RECEIPTED_MESSAGE_ID, b"1\0"), (Tag.MESSAGE_STATE, b"\x02"))
    assert receipt.is_receipt(DeliverSm("1", "2", b"", tlvs=tlvs))
    assert not receipt.is_receipt(DeliverSm("1", "2", b"", tlvs=tlvs[:1]))
    assert not receipt.is_receipt(DeliverSm("1", "2", b"id:1 stat:DELIVRD", esm_class=EsmClass.UDHI))


@given(st.binary(max_size=254))
def test_garbage_is_read_or_not_but_never_raises(text: bytes) -> None:
    read = receipt.read(message(text))
    assert read is None or read.message_id
