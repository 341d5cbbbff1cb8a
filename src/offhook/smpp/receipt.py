"""Delivery receipts: the text of appendix B and the optional parameters that say the same (5.3.2.12, .35, .31).

The parameters win where both are there. The text is vendor specific by the specification's own word, so it
is read leniently: any order and case of the fields, any that are missing, commas between them, UCS-2, and
the words for a state that SMSCs are known to use.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from offhook.smpp.bodies import DeliverSm
from offhook.smpp.tlv import Tlvs, find, find_integer, find_string
from offhook.smpp.vocabulary import ESM_MESSAGE_TYPE, DataCoding, EsmClass, MessageState, Tag

WORDS: Final[dict[MessageState, str]] = {
    MessageState.SCHEDULED: "SCHEDLD",
    MessageState.ENROUTE: "ENROUTE",
    MessageState.DELIVERED: "DELIVRD",
    MessageState.EXPIRED: "EXPIRED",
    MessageState.DELETED: "DELETED",
    MessageState.UNDELIVERABLE: "UNDELIV",
    MessageState.ACCEPTED: "ACCEPTD",
    MessageState.UNKNOWN: "UNKNOWN",
    MessageState.REJECTED: "REJECTD",
    MessageState.SKIPPED: "SKIPPED",
}
"""The words of the text's `stat` field."""

_BEGINNINGS: Final = (
    ("DELIV", MessageState.DELIVERED),
    ("DELET", MessageState.DELETED),
    ("DLVR", MessageState.DELIVERED),
    ("EXPIR", MessageState.EXPIRED),
    ("UNDEL", MessageState.UNDELIVERABLE),
    ("UNDLV", MessageState.UNDELIVERABLE),
    ("FAIL", MessageState.UNDELIVERABLE),
    ("REJ", MessageState.REJECTED),
    ("ACCEP", MessageState.ACCEPTED),
    ("UNKN", MessageState.UNKNOWN),
    ("ENROU", MessageState.ENROUTE),
    ("EN_ROU", MessageState.ENROUTE),
    ("EN-ROU", MessageState.ENROUTE),
    ("BUFF", MessageState.ENROUTE),
    ("SCHED", MessageState.SCHEDULED),
    ("SKIP", MessageState.SKIPPED),
)
"""What the words in use begin with: abbreviated to any length, in full, or misspelt towards the end."""

_FIELD: Final = re.compile(
    r"\b(id|sub|dlvrd|submit[ _]date|done[ _]date|stat(?:us)?|err(?:or)?)\s?[:=](?:\s(?!\w*[:=]))?([^\s,;]*)",
    re.IGNORECASE,
)
_NAMES: Final = {"status": "stat", "error": "err", "submit_date": "submit date", "done_date": "done date"}

LONGEST_READ: Final = 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a message.

    Attributes:
        message_id: the SMSC's id of it, from submit_sm_resp.
        state: its state, or None when the SMSC's word for it is not known.
        error: the network's error code as its digits or letters, "000" when there is none.
        done_date: YYMMDDhhmm or YYMMDDhhmmss as the SMSC wrote it, or empty.
        submit_date: the same.
        word: the state as the SMSC wrote it, at most 20 characters.
        intermediate: whether more is to come, whatever the state says (5.2.12).
    """

    message_id: str
    state: MessageState | None
    error: str = "000"
    done_date: str = ""
    submit_date: str = ""
    word: str = field(default="", compare=False)
    intermediate: bool = False


def is_receipt(message: DeliverSm) -> bool:
    """Whether a deliver_sm is a delivery receipt (or an intermediate notification) rather than a text.

    esm_class says so; an SMSC that leaves it 0 says so with the parameters that only a receipt has.
    """
    if (
        message.esm_class
        & ESM_MESSAGE_TYPE
        & (EsmClass.DELIVERY_RECEIPT | EsmClass.INTERMEDIATE_NOTIFICATION)
    ):
        return True
    return bool(find_string(message.tlvs, Tag.RECEIPTED_MESSAGE_ID)) and (
        find(message.tlvs, Tag.MESSAGE_STATE) is not None
    )


def read(message: DeliverSm) -> Receipt | None:
    """The receipt a deliver_sm carries, or None when it names no message."""
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(_text(message)):
        fields.setdefault(_NAMES.get(name.lower(), name.lower()), value)
    message_id = find_string(message.tlvs, Tag.RECEIPTED_MESSAGE_ID) or fields.get("id", "")
    if not message_id:
        return None
    word = fields.get("stat", "")[:20]
    state = _state_parameter(message.tlvs)
    if state is None:
        state = _state_word(word)
    return Receipt(
        message_id,
        state,
        _network_error(message.tlvs) or fields.get("err", "") or "000",
        fields.get("done date", ""),
        fields.get("submit date", ""),
        word or ("" if state is None else WORDS[state]),
        bool(message.esm_class & ESM_MESSAGE_TYPE & EsmClass.INTERMEDIATE_NOTIFICATION),
    )


def write(receipt: Receipt, text: str = "") -> tuple[bytes, Tlvs]:
    """The short_message and the optional parameters of a receipt whose state is known.

    `text` is the start of the message it is about.
    """
    assert receipt.state is not None
    delivered = "001" if receipt.state is MessageState.DELIVERED else "000"
    body = (
        f"id:{receipt.message_id} sub:001 dlvrd:{delivered} submit date:{receipt.submit_date} "
        f"done date:{receipt.done_date} stat:{WORDS[receipt.state]} err:{receipt.error} text:{text[:20]}"
    )
    tlvs: Tlvs = (
        (Tag.RECEIPTED_MESSAGE_ID, receipt.message_id.encode("latin-1") + b"\0"),
        (Tag.MESSAGE_STATE, bytes((receipt.state,))),
    )
    return body.encode("latin-1", "replace"), tlvs


def _text(message: DeliverSm) -> str:
    octets = message.message[:LONGEST_READ]
    is_ucs2 = message.data_coding == DataCoding.UCS_2
    return octets.decode("utf-16-be" if is_ucs2 else "latin-1", "replace").replace("\0", "")


def _state_parameter(tlvs: Tlvs) -> MessageState | None:
    value = find_integer(tlvs, Tag.MESSAGE_STATE)
    return MessageState(value) if value is not None and value <= max(MessageState) else None


def _state_word(word: str) -> MessageState | None:
    if word.isascii() and word.isdigit() and int(word) <= max(MessageState):
        return MessageState(int(word))
    upper = word.upper()
    return next((state for beginning, state in _BEGINNINGS if upper.startswith(beginning)), None)


def _network_error(tlvs: Tlvs) -> str | None:
    value = find(tlvs, Tag.NETWORK_ERROR_CODE)
    return f"{int.from_bytes(value[1:], 'big'):03d}" if value is not None and len(value) == 3 else None
