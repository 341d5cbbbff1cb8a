"""Phone numbers as SIP carries them, in E.164."""

from __future__ import annotations

#: ITU-T E.164: at most 15 digits.
_LONGEST = 15


def as_e164(user: str) -> str:
    """The user part of a SIP address as E.164, where it is a number; unchanged where it is a name.

    ``+15551230000`` as it is; the national ``5551230000`` and ``15551230000`` of North American carriers get
    their prefix, any other string of digits a plus.
    """
    number = user.partition(";")[0]
    digits = number.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or not 7 <= len(digits) <= _LONGEST:
        return user
    if number.startswith("+"):
        return number
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"
