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


@pytest.mark.parametrize("text", [b"", b"Hello", b"id:1 stat:WHAT", b"stat:DELIVRD", b"\xff" * 254])
def test_what_is_no_receipt(text: bytes) -> None:
    assert receipt.read(message(text)) is None


def test_which_deliver_sm_is_one() -> None:
    assert receipt.is_receipt(message(b""))
    assert not receipt.is_receipt(DeliverSm("1", "2", b"id:1 stat:DELIVRD", esm_class=EsmClass.UDHI))


@given(st.binary(max_size=254))
def test_garbage_is_read_or_not_but_never_raises(text: bytes) -> None:
    read = receipt.read(message(text))
    assert read is None or read.message_id
