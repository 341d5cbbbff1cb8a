"""Forward: connects the caller to another number.

``PhoneNumber``; ``CallerId``, ``Timeout`` (seconds, 20), ``AllowedCallers[n]`` (everyone when there are
none), ``FailUrl`` (where to go when nobody answers). The twimlet asks itself again with ``Dial=true`` when
the dial ends.
"""

from __future__ import annotations

from urllib.parse import urlencode

from offhook.twiml.builder import Response
from offhook.twimlets.dialling import DEFAULT_TIMEOUT, follow_up
from offhook.twimlets.parameters import Values, one, several


def forward(values: Values) -> str:
    """The TwiML that dials, or that follows the dial."""
    if one(values, "Dial"):
        return follow_up(values)
    response = Response()
    if not _allowed(values):
        response.say("Sorry, you are calling from a restricted number. Good bye.")
    elif number := one(values, "PhoneNumber"):
        again = {"Dial": "true", "FailUrl": one(values, "FailUrl")}
        response.dial(
            number,
            action=f"forward?{urlencode(again)}",
            timeout=one(values, "Timeout") or DEFAULT_TIMEOUT,
            callerId=one(values, "CallerId") or None,
        )
    return str(response)


def _allowed(values: Values) -> bool:
    allowed = {_digits(number) for number in several(values, "AllowedCallers")}
    return not allowed or _digits(one(values, "From")) in allowed


def _digits(number: str) -> str:
    """The last ten digits, by which numbers with and without country code are compared."""
    return "".join(character for character in number if character.isdigit())[-10:]
