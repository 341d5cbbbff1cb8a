"""Delivery receipts: the text of appendix B and the optional parameters that say the same (5.3.2.12, .35,
.31).

The parameters win where both are there. The text is vendor specific by the specification's own word, so it
is read leniently: any order and case of the fields, any that are missing.
"""

import re
from dataclasses import dataclass
from typing import Final

from offhook.smpp.bodies import DeliverSm
from offhook.smpp.tlv import Tlvs, find, find_integer, find_string
from offhook.smpp.vocabulary import ESM_MESSAGE_TYPE, EsmClass, MessageState, Tag

STATES: Final[dict[str, MessageState]] = {
    "ENROUTE": MessageState.ENROUTE,
    "DELIVRD": MessageState.DELIVERED,
    "EXPIRED": MessageState.EXPIRED,
    "DELETED": MessageState.DELETED,
    "UNDELIV": MessageState.UNDELIVERABLE,
    "ACCEPTD": MessageState.ACCEPTED,
    "UNKNOWN": MessageState.UNKNOWN,
    "REJECTD": MessageState.REJECTED,
}
"""The words of the text's `stat` field."""

_WORDS: Final = {state: word for word, state in STATES.items()}

_FIELD: Final = re.compile(r"\b(id|sub|dlvrd|submit date|done date|stat|err):\s*(\S*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message.

    Attributes:
        message_id: the SMSC's id of it, from submit_sm_resp.
        state: its state.
        error: the network's error code as its digits or letters, "000" when there is none.
        done_date: YYMMDDhhmm or YYMMDDhhmmss as the SMSC wrote it, or empty.
        submit_date: the same.
    """

    message_id: str
    state: MessageState
    error: str = "000"
    done_date: str = ""
    submit_date: str = ""


def is_receipt(message: DeliverSm) -> bool:
    """Whether a deliver_sm is a delivery receipt (or an intermediate notification) rather than a text."""
    kind = message.esm_class & ESM_MESSAGE_TYPE
    return bool(kind & (EsmClass.DELIVERY_RECEIPT | EsmClass.INTERMEDIATE_NOTIFICATION))


def read(message: DeliverSm) -> Receipt | None:
    """The receipt a deliver_sm carries, or None when it names no message or no known state."""
    text = message.message[:512].decode("latin-1")
    fields = {name.lower(): value for name, value in reversed(_FIELD.findall(text))}
    message_id = find_string(message.tlvs, Tag.RECEIPTED_MESSAGE_ID) or fields.get("id", "")
    state = _state(message.tlvs) or STATES.get(fields.get("stat", "").upper()[:7])
    if not message_id or state is None:
        return None
    return Receipt(
        message_id,
        state,
        _network_error(message.tlvs) or fields.get("err", "") or "000",
        fields.get("done date", ""),
        fields.get("submit date", ""),
    )


def write(receipt: Receipt, text: str = "") -> tuple[bytes, Tlvs]:
    """The short_message and the optional parameters of a receipt; `text` is the start of the message it is
    about.
    """
    delivered = "001" if receipt.state is MessageState.DELIVERED else "000"
    body = (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered} submit date:{receipt.submit_date} "
        f"done date:{receipt.done_date} stat:{_WORDS[receipt.state]} err:{receipt.error} text:{text[:20]}"
    )
    tlvs: Tlvs = (
        (Tag.RECEIPTED_MESSAGE_ID, receipt.message_id.encode("latin-1") + b"\0"),
        (Tag.MESSAGE_STATE, bytes((receipt.state,))),
    )
    return body.encode("latin-1", "replace"), tlvs


def _state(tlvs: Tlvs) -> MessageState | None:
    value = find_integer(tlvs, Tag.MESSAGE_STATE)
    return MessageState(value) if value is not None and 1 <= value <= 8 else None


def _network_error(tlvs: Tlvs) -> str | None:
    value = find(tlvs, Tag.NETWORK_ERROR_CODE)
    return f"{int.from_bytes(value[1:], 'big'):03d}" if value is not None and len(value) == 3 else None
