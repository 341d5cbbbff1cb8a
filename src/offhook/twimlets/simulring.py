"""Simulring: rings several numbers at once and connects the caller to the first that answers.

``PhoneNumbers[n]``; ``Timeout`` (seconds, 20), ``Message`` (said to whoever answers, who takes the call by pressing
a key), ``FailUrl`` (where to go when nobody answers).
"""

from __future__ import annotations

from urllib.parse import urlencode

from offhook.twiml.builder import Response
from offhook.twimlets.dialling import DEFAULT_TIMEOUT, MOST_NUMBERS, follow_up, screening
from offhook.twimlets.parameters import Values, one, several


def simulring(values: Values) -> str:
    """The TwiML that dials, or that follows the dial."""
    if one(values, "Dial"):
        return follow_up(values)
    response = Response()
    again = {"Dial": "true", "FailUrl": one(values, "FailUrl")}
    timeout = one(values, "Timeout") or DEFAULT_TIMEOUT
    if numbers := several(values, "PhoneNumbers")[:MOST_NUMBERS]:
        dial = response.dial(action=f"simulring?{urlencode(again)}", timeout=timeout)
        for number in numbers:
            dial.number(number, url=screening(values))
    return str(response)
