"""Phone numbers as people write them in TwiML, made E.164."""

from __future__ import annotations

import re

_PUNCTUATION = re.compile(r"[\s().-]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NATIONAL = re.compile(r"[2-9][0-9]{9}")
_INTERNATIONAL = re.compile(r"[1-9][0-9]{9,14}")


def normalised(text: str) -> str | None:
    """Return `text` as E.164, None if it is no phone number.

    Without `+`, ten digits are a North American number and more are taken to begin with the country code, as
    Twilio does.
    """
    number = _PUNCTUATION.sub("", text)
    if _E164.fullmatch(number):
        return number
    if _NATIONAL.fullmatch(number):
        return f"+1{number}"
    return f"+{number}" if _INTERNATIONAL.fullmatch(number) else None
