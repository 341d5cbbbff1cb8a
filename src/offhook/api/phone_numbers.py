"""Phone numbers as people and programs write them: reading, formatting, SIP addresses.

Decision: a number is taken when it is *possible* (right length for its country, by libphonenumber's
metadata), not only when it is *valid* (in a range that is handed out). The sandbox's phones, and the 555
numbers of every example, are in no such range, and a numbering plan changes faster than an installation is
updated; the trunk says whether a number can be reached. Numbers that no country code or length allows are
refused.

Without a ``+``, as Twilio does: ten digits are American; eleven or more are taken to begin with a country
code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers

MAX_LENGTH: Final = 64
MAX_SIP_URI: Final = 255

_PUNCTUATION = re.compile(r"[\s().\-/]")
_NORTH_AMERICAN = re.compile(r"\+1([2-9]\d\d)(\d{3})(\d{4})")
# RFC 3261, section 25.1, narrowed to what can be dialled: sip(s):user@host[:port][;parameters][?headers].
_SIP_URI = re.compile(
    r"sips?:[A-Za-z0-9\-_.!~*'()%&=+$,;?/]+(?::[^@\s]*)?@(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    r"(?:;[A-Za-z0-9\-_.!~*'()%\[\]/:&+$=]+)*(?:\?[A-Za-z0-9\-_.!~*'()%\[\]/?:+$=&]+)?",
    re.IGNORECASE,
)
_SIP_CALLER = re.compile(r"[A-Za-z0-9+_.\-]{1,64}")


@lru_cache(maxsize=65536)
def e164(text: str) -> str | None:
    """The number in E.164 (``+15551230000``), or None when no such number can exist."""
    if len(text) > MAX_LENGTH:
        return None
    digits = _PUNCTUATION.sub("", text)
    if not digits.startswith("+"):
        digits = f"+1{digits}" if len(digits) == 10 else f"+{digits}"
    if not re.fullmatch(r"\+[1-9][0-9]{7,14}", digits):
        return None
    return digits if _NORTH_AMERICAN.fullmatch(digits) or _possible(digits) else None


def _possible(digits: str) -> bool:
    # The North American plan has one length; libphonenumber also lets its seven-digit local form pass.
    if digits.startswith("+1"):
        return False
    try:
        number = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


def formatted(address: str) -> str:
    """A number as Twilio's ``…_formatted`` fields show it:

    ``(415) 867-5308`` for North America, else itself.
    """
    if match := _NORTH_AMERICAN.fullmatch(address):
        return f"({match[1]}) {match[2]}-{match[3]}"
    return address


def is_sip_uri(text: str) -> bool:
    """Whether `text` is a SIP address that a call can be made to."""
    return len(text) <= MAX_SIP_URI and _SIP_URI.fullmatch(text) is not None


def is_sip_caller(text: str) -> bool:
    """Whether `text` may be the caller of a call to a SIP address: letters, digits and ``+-_.``."""
    return _SIP_CALLER.fullmatch(text) is not None
