"""A text as the submit_sm that carry it.

A text sent again is the same octets: the reference of its concatenation and user_message_reference follow
from its SID, so that an SMSC that looks can tell a repeat.
"""

from typing import Final

from offhook.messaging.carriers import OutgoingText
from offhook.smpp.address import Address, to_address
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.tlv import Tlvs
from offhook.smpp.vocabulary import DataCoding, EsmClass, RegisteredDelivery, Tag
from offhook.sms.concatenation import Part, pack_header
from offhook.sms.segments import Encoding, encode_part, segment, segment_as
from offhook.smsc import SmscSettings

CODINGS: Final = {Encoding.GSM7: DataCoding.DEFAULT, Encoding.UCS2: DataCoding.UCS_2}

CODECS: Final = {"latin1": "latin-1", "ascii": "ascii"}
"""What data_coding 0 is encoded as at an SMSC whose default alphabet is not GSM 03.38."""


def submissions(text: OutgoingText, smsc: SmscSettings) -> list[SubmitSm]:
    """One submit_sm for each segment, asking for a final receipt of each."""
    source = _address(text.sender, smsc.source_ton, smsc.source_npi)
    destination = _address(text.recipient, smsc.dest_ton, smsc.dest_npi)
    data_coding, parts = _encoded(text.body, smsc.alphabet)
    reference = int(text.sid[-4:], 16)
    tlvs: Tlvs = ((Tag.USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")),)
    total = len(parts)
    return [
        SubmitSm(
            source.digits,
            destination.digits,
            (pack_header(Part(reference, total, number)) if total > 1 else b"") + part,
            source.ton,
            source.npi,
            destination.ton,
            destination.npi,
            EsmClass.UDHI if total > 1 else 0,
            data_coding,
            RegisteredDelivery.FINAL,
            tlvs,
            smsc.service_type,
        )
        for number, part in enumerate(parts, 1)
    ]


def _address(number: str, ton: int | None, npi: int | None) -> Address:
    address = to_address(number)
    if ton is None and npi is None:
        return address
    return Address(address.ton if ton is None else ton, address.npi if npi is None else npi, address.digits)


def _encoded(body: str, alphabet: str) -> tuple[int, list[bytes]]:
    """data_coding and the user data of each segment.

    The SMSC of another default alphabet puts the text into septets itself, so the text is cut by those, and
    one with a character that its alphabet lacks goes as UCS-2.
    """
    encoding, parts = segment(body)
    codec = CODECS.get(alphabet)
    if encoding is Encoding.GSM7 and codec is not None:
        try:
            return DataCoding.DEFAULT, [part.encode(codec) for part in parts]
        except UnicodeEncodeError:
            encoding, parts = segment_as(body, Encoding.UCS2)
    return CODINGS[encoding], [encode_part(part, encoding) for part in parts]
