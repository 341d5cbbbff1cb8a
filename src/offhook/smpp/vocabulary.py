"""The numbers of SMPP 3.4: command ids (5.1.2.1), statuses (5.1.3), address and message values (5.2)."""

from enum import IntEnum, IntFlag
from typing import Final

RESPONSE: Final = 0x80000000
"""Set in the command id of every response."""

VERSION_3_4: Final = 0x34


class Command(IntEnum):
    """Command ids of requests; a response's is the same with `RESPONSE` set."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    QUERY_SM = 0x03
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    REPLACE_SM = 0x07
    CANCEL_SM = 0x08
    BIND_TRANSCEIVER = 0x09
    OUTBIND = 0x0B
    ENQUIRE_LINK = 0x15
    SUBMIT_MULTI = 0x21
    ALERT_NOTIFICATION = 0x102
    DATA_SM = 0x103
    GENERIC_NACK = 0x80000000


class Status(IntEnum):
    """command_status values, under their names in table 5-2 without the ESME_ prefix."""

    ROK = 0x00
    RINVMSGLEN = 0x01
    RINVCMDLEN = 0x02
    RINVCMDID = 0x03
    RINVBNDSTS = 0x04
    RALYBND = 0x05
    RINVPRTFLG = 0x06
    RINVREGDLVFLG = 0x07
    RSYSERR = 0x08
    RINVSRCADR = 0x0A
    RINVDSTADR = 0x0B
    RINVMSGID = 0x0C
    RBINDFAIL = 0x0D
    RINVPASWD = 0x0E
    RINVSYSID = 0x0F
    RCANCELFAIL = 0x11
    RREPLACEFAIL = 0x13
    RMSGQFUL = 0x14
    RINVSERTYP = 0x15
    RINVNUMDESTS = 0x33
    RINVDLNAME = 0x34
    RINVDESTFLAG = 0x40
    RINVSUBREP = 0x42
    RINVESMCLASS = 0x43
    RCNTSUBDL = 0x44
    RSUBMITFAIL = 0x45
    RINVSRCTON = 0x48
    RINVSRCNPI = 0x49
    RINVDSTTON = 0x50
    RINVDSTNPI = 0x51
    RINVSYSTYP = 0x53
    RINVREPFLAG = 0x54
    RINVNUMMSGS = 0x55
    RTHROTTLED = 0x58
    RINVSCHED = 0x61
    RINVEXPIRY = 0x62
    RINVDFTMSGID = 0x63
    RX_T_APPN = 0x64
    RX_P_APPN = 0x65
    RX_R_APPN = 0x66
    RQUERYFAIL = 0x67
    RINVOPTPARSTREAM = 0xC0
    ROPTPARNOTALLWD = 0xC1
    RINVPARLEN = 0xC2
    RMISSINGOPTPARAM = 0xC3
    RINVOPTPARAMVAL = 0xC4
    RDELIVERYFAILURE = 0xFE
    RUNKNOWNERR = 0xFF


def status_name(status: int) -> str:
    """`ESME_RTHROTTLED` for 0x58; `0x00000400` for a status the specification does not name."""
    try:
        return "ESME_" + Status(status).name
    except ValueError:
        return f"0x{status:08X}"


class DataCoding(IntEnum):
    """data_coding values that this table names (5.2.19); the others are those of 3GPP TS 23.038, section 4."""

    DEFAULT = 0x00
    ASCII = 0x01
    OCTETS = 0x02
    LATIN_1 = 0x03
    OCTETS_COMMON = 0x04
    JIS = 0x05
    CYRILLIC = 0x06
    HEBREW = 0x07
    UCS_2 = 0x08
    PICTOGRAM = 0x09
    MUSIC = 0x0A
    EXTENDED_KANJI = 0x0D
    KOREAN = 0x0E


class EsmClass(IntFlag):
    """esm_class bits (5.2.12) that this platform reads or writes."""

    DELIVERY_RECEIPT = 0x04
    INTERMEDIATE_NOTIFICATION = 0x20
    UDHI = 0x40


ESM_MESSAGE_TYPE: Final = 0x3C
"""Mask of esm_class's message type bits: zero is an ordinary text, `DELIVERY_RECEIPT` a receipt."""


class RegisteredDelivery(IntEnum):
    """registered_delivery: which receipts the SMSC is asked for (5.2.17)."""

    NONE = 0
    FINAL = 1
    FAILURE = 2


class Tag(IntEnum):
    """Optional parameter tags (5.3.2) that this platform reads or writes."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class MessageState(IntEnum):
    """message_state values (5.2.28); SCHEDULED and SKIPPED are version 5.0's (4.7.15), which SMSCs of 3.4 send too."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


class TypeOfNumber(IntEnum):
    """addr_ton (5.2.5)."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6


class NumberingPlan(IntEnum):
    """addr_npi (5.2.6)."""

    UNKNOWN = 0
    ISDN = 1
