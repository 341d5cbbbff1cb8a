"""Phone numbers and SIP addresses as people, programs and SIP write them. One reader for all of them.

Decision: a number is taken when it is *possible* (right length for its country, by libphonenumber's
metadata), not only when it is *valid* (in a range that is handed out). The sandbox's phones, and the 555
numbers of every example, are in no such range, and a numbering plan changes faster than an installation is
updated; the trunk says whether a number can be reached. Numbers that no country code or length allows are
refused.

Without a ``+``, as Twilio does: ten digits are American; more are taken to begin with a country code.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import phonenumbers

MAX_LENGTH: Final = 64
MAX_SIP_URI: Final = 255
MAX_SIP_HEADERS: Final = 1024

_PUNCTUATION = re.compile(r"[\s().\-/]+")
_E164 = re.compile(r"\+[1-9][0-9]{7,14}")
# The North American plan has one length; libphonenumber also lets its seven-digit local form pass.
_NORTH_AMERICAN = re.compile(r"\+1([2-9][0-9]{2})([0-9]{3})([0-9]{4})")
# RFC 3261, section 25.1, narrowed to what can be dialled: sip:user@host[:port][;parameters][?headers].
_SIP_URI = re.compile(
    r"(?P<scheme>sips?):[A-Za-z0-9\-_.!~*'()%&=+$,;?/]+(?::[A-Za-z0-9\-_.!~*'()%&=+$,]*)?"
    r"@(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>(?:;[A-Za-z0-9\-_.!~*'()%\[\]/:&+$=]+)*)"
    r"(?:\?(?P<headers>[A-Za-z0-9\-_.!~*'()%\[\]/?:+$=&]+))?",
    re.IGNORECASE,
)
_SHORT_CODE = re.compile(r"[0-9]{3,6}")
_SENDER_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_TRANSPORT = re.compile(r";transport=([^;]*)", re.IGNORECASE)
_SIP_CALLER = re.compile(r"[A-Za-z0-9+_.\-]{1,64}")


def e164(text: str) -> str | None:
    """The number in E.164 (``+15551230000``), or None when no such number can exist."""
    if len(text) > MAX_LENGTH:
        return None
    digits = _PUNCTUATION.sub("", text)
    if not digits.startswith("+"):
        digits = f"+1{digits}" if len(digits) == 10 else f"+{digits}"
    if not _E164.fullmatch(digits):
        return None
    if digits.startswith("+1"):
        return digits if _NORTH_AMERICAN.fullmatch(digits) else None
    return digits if _possible(digits) else None


@lru_cache(maxsize=8192)
def _possible(digits: str) -> bool:
    """Whether the country has numbers of this length. `digits` are at most 16 octets, so is a cached key."""
    try:
        number = phonenumbers.parse(digits, None)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(number)


def as_e164(user: str) -> str:
    """The user part of a SIP address as E.164, where it is a number; unchanged where it is a name."""
    return e164(user.partition(";")[0]) or user


def sender(text: str) -> str | None:
    """Who sends a text: E.164, or a short code or sender's name as it is; None when it is neither."""
    if (number := e164(text)) is not None:
        return number
    bare = text.strip()
    return bare if _SHORT_CODE.fullmatch(bare) or _SENDER_NAME.fullmatch(bare) else None


def formatted(address: str) -> str:
    """A number as Twilio's ``…_formatted`` fields show it:

    ``(415) 867-5308`` for North America, else itself.
    """
    if match := _NORTH_AMERICAN.fullmatch(address):
        return f"({match[1]}) {match[2]}-{match[3]}"
    return address


def sip_refusal(text: str) -> str | None:
    """Why no call can be made to a SIP address, in words that follow its name; None when one can be.

    Decision: an address that asks for TLS (``sips:``, ``transport=tls``) is refused, never called in clear;
    so is a transport that does not exist here.
    """
    if len(text) > MAX_SIP_URI + 1 + MAX_SIP_HEADERS:
        return f"is longer than {MAX_SIP_URI} characters and {MAX_SIP_HEADERS} of headers"
    match = _SIP_URI.fullmatch(text)
    if match is None:
        return "is not a valid SIP URI"
    headers = match["headers"] or ""
    if len(headers) > MAX_SIP_HEADERS:
        return f"has more than {MAX_SIP_HEADERS} characters of headers"
    if len(text.removesuffix(f"?{headers}")) > MAX_SIP_URI:
        return f"is longer than {MAX_SIP_URI} characters"
    if match["port"] is not None and not 0 < int(match["port"]) <= 65535:
        return "has a port that is not between 1 and 65535"
    if match["scheme"].lower() == "sips":
        return "asks for TLS (sips:), which is not built yet"
    return _transport_refusal(match["parameters"])


def _transport_refusal(parameters: str) -> str | None:
    for transport in _TRANSPORT.findall(parameters):
        if transport.lower() == "tls":
            return "asks for TLS (transport=tls), which is not built yet"
        if transport.lower() not in ("udp", "tcp"):
            return f"asks for the transport {transport[:20]}; calls go over udp or tcp"
    return None


def is_sip_caller(text: str) -> bool:
    """Whether `text` may be the caller of a call to a SIP address: letters, digits and ``+-_.``."""
    return _SIP_CALLER.fullmatch(text) is not None
