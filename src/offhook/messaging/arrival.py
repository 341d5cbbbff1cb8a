"""Texts that arrive in deliver_sm or data_sm: their alphabet, and putting segments together.

Segments are recognised by a user data header or by the sar_ parameters (5.3.2.22-24).
"""

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from offhook.messaging import alphabets
from offhook.messaging.carriers import IncomingText
from offhook.smpp.address import from_address
from offhook.smpp.bodies import DeliverSm
from offhook.smpp.tlv import Tlvs, find_integer
from offhook.smpp.vocabulary import EsmClass, Tag
from offhook.sms.concatenation import Part, unpack_header
from offhook.sms.reassembly import Reassembler, Repeated, Whole

Token = TypeVar("Token")

Arrived = tuple[IncomingText, Sequence[Token]]
"""A text and the tokens of its segments."""

GAP: Final = "…"
"""Stands for the segments that are missing."""

NO_TEXT: Final = "[data that is not text]"
"""The body of a message whose octets are not text in any alphabet."""


class Arrivals(Generic[Token]):
    """The segments of texts that are not whole yet.

    Args:
        alphabet: what data_coding 0 means, as in `alphabets.decode`.
    """

    def __init__(self, alphabet: str = "gsm7") -> None:
        self._alphabet = alphabet
        self._reassembler: Reassembler[tuple[str, str, int], Token] = Reassembler()

    def take(self, message: DeliverSm, token: Token, now: float) -> Arrived[Token] | Repeated | None:
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
            body = self._decode(octets, message.data_coding)
            return IncomingText(sender, recipient, body), (token,)
        key = (sender, recipient, message.data_coding)
        whole = self._reassembler.add(key, part, octets, token, now)
        return self._text(whole) if isinstance(whole, Whole) else whole

    def expire(self, now: float) -> list[Arrived[Token]]:
        """Texts whose missing segments are not waited for any longer, as far as they came."""
        return [self._text(whole) for whole in self._reassembler.expire(now)]

    def _text(self, whole: Whole[tuple[str, str, int], Token]) -> Arrived[Token]:
        sender, recipient, data_coding = whole.key
        body = GAP.join(self._decode(run, data_coding) if run else "" for run in whole.runs)
        return IncomingText(sender, recipient, body, whole.segments, whole.missing), whole.tokens

    def _decode(self, octets: bytes, data_coding: int) -> str:
        text = alphabets.decode(octets, data_coding, self._alphabet)
        return NO_TEXT if text is None else text


def _sar(tlvs: Tlvs) -> Part | None:
    reference = find_integer(tlvs, Tag.SAR_MSG_REF_NUM)
    total = find_integer(tlvs, Tag.SAR_TOTAL_SEGMENTS)
    number = find_integer(tlvs, Tag.SAR_SEGMENT_SEQNUM)
    if reference is None or total is None or number is None or not 1 <= number <= total <= 255:
        return None
    return Part(reference, total, number)
