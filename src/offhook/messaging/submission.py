"""A text as the submit_sm that carry it.

A text sent again is the same octets: the reference of its concatenation and user_message_reference follow
from its SID, so that an SMSC that looks can tell a repeat.
"""

from offhook.messaging.carriers import OutgoingText
from offhook.smpp.address import to_address
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.tlv import Tlvs
from offhook.smpp.vocabulary import DataCoding, EsmClass, RegisteredDelivery, Tag
from offhook.sms.concatenation import Part, pack_header
from offhook.sms.segments import Encoding, encode_part, segment

CODINGS = {Encoding.GSM7: DataCoding.DEFAULT, Encoding.UCS2: DataCoding.UCS_2}


def submissions(text: OutgoingText) -> list[SubmitSm]:
    """One submit_sm for each segment, asking for a final receipt of each."""
    source, destination = to_address(text.sender), to_address(text.recipient)
    encoding, parts = segment(text.body)
    reference = int(text.sid[-4:], 16)
    tlvs: Tlvs = ((Tag.USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")),)
    total = len(parts)
    return [
        SubmitSm(
            source.digits,
            destination.digits,
            (pack_header(Part(reference, total, number)) if total > 1 else b"") + encode_part(part, encoding),
            source.ton,
            source.npi,
            destination.ton,
            destination.npi,
            EsmClass.UDHI if total > 1 else 0,
            CODINGS[encoding],
            RegisteredDelivery.FINAL,
            tlvs,
        )
        for number, part in enumerate(parts, 1)
    ]
