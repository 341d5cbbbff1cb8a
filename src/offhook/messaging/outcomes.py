"""What an SMSC's statuses and receipts mean in Twilio's error codes: tables, and nothing else.

command_status values are SMPP's (5.1.3). A receipt's `err` is the network's own; those of GSM (3GPP TS
29.002, MAP user errors) are what most SMSCs hand on, in decimal.
"""

from typing import Final

from offhook.smpp.receipt import Receipt
from offhook.smpp.vocabulary import MessageState, Status

ACCOUNT_SUSPENDED: Final = 30002
UNREACHABLE_HANDSET: Final = 30003
BLOCKED: Final = 30004
UNKNOWN_HANDSET: Final = 30005
LANDLINE: Final = 30006
FILTERED: Final = 30007
UNKNOWN_ERROR: Final = 30008
TOO_LONG: Final = 30019
SENDER_NOT_PROVISIONED: Final = 30024
MISSING_SEGMENT: Final = 30009
VALIDITY_EXPIRED: Final = 30036

TEMPORARY: Final = frozenset({Status.RSYSERR, Status.RX_T_APPN, Status.RINVBNDSTS})
"""Statuses of submit_sm_resp after which the same segment is tried again, until the validity of its text ends."""

REFUSALS: Final[dict[int, int]] = {
    Status.RINVMSGLEN: TOO_LONG,
    Status.RINVSRCADR: SENDER_NOT_PROVISIONED,
    Status.RINVSRCTON: SENDER_NOT_PROVISIONED,
    Status.RINVSRCNPI: SENDER_NOT_PROVISIONED,
    Status.RINVDSTADR: UNKNOWN_HANDSET,
    Status.RINVDSTTON: UNKNOWN_HANDSET,
    Status.RINVDSTNPI: UNKNOWN_HANDSET,
    Status.RX_R_APPN: FILTERED,
    Status.RDELIVERYFAILURE: UNREACHABLE_HANDSET,
}
"""The error code of a text that is refused with a command_status; any other: `UNKNOWN_ERROR`."""

NETWORK_ERRORS: Final[dict[int, int]] = {
    1: UNKNOWN_HANDSET,  # unknown subscriber
    5: UNKNOWN_HANDSET,  # unidentified subscriber
    6: UNREACHABLE_HANDSET,  # absent subscriber, SM
    9: UNKNOWN_HANDSET,  # illegal subscriber
    11: LANDLINE,  # teleservice not provisioned
    12: LANDLINE,  # illegal equipment
    13: BLOCKED,  # call barred
    21: LANDLINE,  # facility not supported
    27: UNREACHABLE_HANDSET,  # absent subscriber
    31: UNREACHABLE_HANDSET,  # subscriber busy for MT SMS
    32: UNREACHABLE_HANDSET,  # SM delivery failure
}
"""The error code of a receipt that says UNDELIV with a network's error."""

STATES: Final[dict[MessageState, int]] = {
    MessageState.EXPIRED: UNREACHABLE_HANDSET,
    MessageState.DELETED: UNKNOWN_ERROR,
    MessageState.UNDELIVERABLE: UNKNOWN_ERROR,
    MessageState.UNKNOWN: UNKNOWN_ERROR,
    MessageState.REJECTED: FILTERED,
    MessageState.SKIPPED: FILTERED,
}
"""The error code of a final state that is not delivered, when no network error says more."""

FINAL: Final = frozenset({MessageState.DELIVERED, *STATES})


def refusal(status: int) -> int:
    """The error code of a text that the SMSC refused with this command_status."""
    return REFUSALS.get(status, UNKNOWN_ERROR)


def outcome(receipt: Receipt) -> int | None:
    """The error code of a final receipt, None when the text was delivered.

    Codes of Twilio's that the SMSC itself writes (`err:30006`) are taken as they are.
    """
    if receipt.state is MessageState.DELIVERED:
        return None
    code = int(receipt.error) if receipt.error.isascii() and receipt.error.isdigit() else 0
    if 30001 <= code <= 30999:
        return code
    if receipt.state is MessageState.UNDELIVERABLE and code in NETWORK_ERRORS:
        return NETWORK_ERRORS[code]
    return UNKNOWN_ERROR if receipt.state is None else STATES.get(receipt.state, UNKNOWN_ERROR)
