"""Texts that arrive in deliver_sm or data_sm: their alphabet, and putting segments together.

Segments are told by a user data header or by the sar_ parameters (5.3.2.22-24).
"""

from collections.abc import Sequence
from typing import Generic, TypeVar

from offhook.messaging.carriers import IncomingText
from offhook.smpp.address import from_address
from offhook.smpp.bodies import DeliverSm
from offhook.smpp.tlv import Tlvs, find_integer
from offhook.smpp.vocabulary import DataCoding, EsmClass, Tag
from offhook.sms import gsm7
from offhook.sms.concatenation import Part, unpack_header
from offhook.sms.reassembly import Reassembler, Whole

Token = TypeVar("Token")

Arrived = tuple[IncomingText, Sequence[Token]]
"""A whole text and the tokens of its segments."""


class Arrivals(Generic[Token]):
    """The segments of texts that are not whole yet."""

    def __init__(self) -> None:
        self._reassembler: Reassembler[tuple[str, str, int], Token] = Reassembler()

    def take(self, message: DeliverSm, token: Token, now: float) -> Arrived[Token] | None:
        """The text that this deliver_sm completes, or None when segments are missing.

        Raises:
            RemoteProtocolError: its user data header is malformed.
        """
        octets = message.message
        part = _sar(message.tlvs) if message.tlvs else None
        if message.esm_class & EsmClass.UDHI:
            header, octets = unpack_header(octets)
            part = header or part
        sender, recipient = from_address(message.source), from_address(message.destination)
        if part is None or part.total == 1:
            return IncomingText(sender, recipient, decode(octets, message.data_coding)), (token,)
        key = (sender, recipient, message.data_coding)
        whole = self._reassembler.add(key, part, octets, token, now)
        return None if whole is None else _text(whole)

    def expire(self, now: float) -> list[Arrived[Token]]:
        """Texts whose missing segments are not waited for any longer, as far as they came."""
        return [_text(whole) for whole in self._reassembler.expire(now)]


def decode(octets: bytes, data_coding: int) -> str:
    """The text in these octets. What has no text (8-bit data) is shown as Latin-1; no octets are an error."""
    # The message class bits of data coding groups 1111 and 00xx say nothing of SMPP's own values.
    match data_coding:
        case DataCoding.UCS_2:
            text = octets.decode("utf-16-be", "replace")
        case DataCoding.DEFAULT:
            text = gsm7.decode(octets)
        case _:
            text = octets.decode("latin-1")
    return text.replace("\0", "")


def _text(whole: Whole[tuple[str, str, int], Token]) -> Arrived[Token]:
    sender, recipient, data_coding = whole.key
    return IncomingText(sender, recipient, decode(whole.octets, data_coding), whole.segments), whole.tokens


def _sar(tlvs: Tlvs) -> Part | None:
    reference = find_integer(tlvs, Tag.SAR_MSG_REF_NUM)
    total = find_integer(tlvs, Tag.SAR_TOTAL_SEGMENTS)
    number = find_integer(tlvs, Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or number is None or not 1 <= number <= total <= 255:
        return None
    return Part(reference, total, number)
