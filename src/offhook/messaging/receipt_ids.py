"""The ids of messages as SMSCs write them: in receipts often differently than in the responses before.

Letters change case, leading zeros come and go, and what one writes in decimal the other writes in
hexadecimal. Ids are kept in a canonical form, which undoes the first two; a receipt's id is looked up in
each of the forms it may stand for, of which an SMSC always uses the same. Pure.
"""

from enum import Enum
from typing import Final

LONGEST_NUMBER: Final = 40
"""Digits of an id that may be a number written in another base."""


class Form(Enum):
    """What a receipt's id is of the response's."""

    SAME = "same"
    HEX = "hex"
    """The response's in hexadecimal."""
    DECIMAL = "decimal"
    """The response's in decimal."""


READINGS: Final[dict[str, tuple[Form, ...]]] = {
    "auto": (Form.SAME, Form.HEX, Form.DECIMAL),
    "same": (Form.SAME,),
    "hex": (Form.HEX, Form.SAME),
    "decimal": (Form.DECIMAL, Form.SAME),
}
"""The forms that each setting of an SMSC allows, likeliest first."""


def canonical(message_id: str) -> str:
    """The form in which an id is kept and compared."""
    return message_id.strip().lower().lstrip("0") or message_id.strip()[:1]


def candidates(message_id: str, forms: tuple[Form, ...]) -> dict[str, Form]:
    """The kept ids that a receipt's id may mean, likeliest first, each with the form it is that in."""
    found: dict[str, Form] = {}
    for form in forms:
        meant = _meant(canonical(message_id), form)
        if meant is not None:
            found.setdefault(meant, form)
    return found


def preferring(form: Form, forms: tuple[Form, ...]) -> tuple[Form, ...]:
    """The same forms with this one first."""
    return (form, *(each for each in forms if each is not form))


def _meant(message_id: str, form: Form) -> str | None:
    if form is Form.SAME:
        return message_id
    if not message_id.isascii() or not message_id.isalnum() or len(message_id) > LONGEST_NUMBER:
        return None
    try:
        return str(int(message_id, 16)) if form is Form.HEX else f"{int(message_id):x}"
    except ValueError:
        return None
