"""Source and destination addresses: numbers as the platform writes them, and TON, NPI and digits (5.2.5-5.2.9)."""

from msgspec import Struct

from offhook.smpp.vocabulary import NumberingPlan, TypeOfNumber


class Address(Struct, frozen=True, gc=False):
    """An address of a message: `digits` holds no plus sign."""

    ton: int = 0
    npi: int = 0
    digits: str = ""


def to_address(number: str) -> Address:
    """`+15551230000` as international ISDN, a short code as network specific, anything else as alphanumeric."""
    if number.startswith("+"):
        return Address(TypeOfNumber.INTERNATIONAL, NumberingPlan.ISDN, number[1:])
    if number.isascii() and number.isdigit():
        return Address(TypeOfNumber.NETWORK_SPECIFIC, NumberingPlan.UNKNOWN, number)
    return Address(TypeOfNumber.ALPHANUMERIC, NumberingPlan.UNKNOWN, number)


def from_address(address: Address) -> str:
    """The number as the platform writes it.

    SMSCs differ in whether an international address keeps its plus and in whether its TON is filled in: one
    with TON international gets the plus it lacks, and so does one of unknown TON that is too long for a
    short code.
    """
    digits = address.digits
    if digits.startswith("+") or not (digits.isascii() and digits.isdigit()):
        return digits
    unknown = address.ton == TypeOfNumber.UNKNOWN and len(digits) > 8
    return "+" + digits if address.ton == TypeOfNumber.INTERNATIONAL or unknown else digits
