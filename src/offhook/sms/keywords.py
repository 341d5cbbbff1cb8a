"""The words by which a recipient opts out, opts in or asks for help, as Twilio's default English set has
them.

A keyword is the whole text, in any case, with nothing but spaces around it.
"""

from enum import StrEnum
from typing import Final


class OptOutType(StrEnum):
    """The value of a webhook's `OptOutType`."""

    STOP = "STOP"
    START = "START"
    HELP = "HELP"


KEYWORDS: Final[dict[str, OptOutType]] = {
    "STOP": OptOutType.STOP,
    "STOPALL": OptOutType.STOP,
    "UNSUBSCRIBE": OptOutType.STOP,
    "CANCEL": OptOutType.STOP,
    "END": OptOutType.STOP,
    "QUIT": OptOutType.STOP,
    "OPTOUT": OptOutType.STOP,
    "REVOKE": OptOutType.STOP,
    "START": OptOutType.START,
    "YES": OptOutType.START,
    "UNSTOP": OptOutType.START,
    "HELP": OptOutType.HELP,
    "INFO": OptOutType.HELP,
}


def recognize(body: str) -> OptOutType | None:
    """What the text asks for when it is a keyword, else None."""
    return KEYWORDS.get(body.strip().upper()) if len(body) <= 64 else None
