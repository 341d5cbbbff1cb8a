"""Find me: rings numbers one after another until one answers; and call me, which rings one.

``PhoneNumbers[n]``, or ``PhoneNumber`` of `callme`; ``Timeout`` (seconds a number, 20), ``Message`` (said to whoever
answers, who takes the call by pressing a key), ``FailUrl`` (where to go when nobody answers). The twimlet asks itself
again, with the numbers that are left, when a dial ends.
"""

from __future__ import annotations

from urllib.parse import urlencode

from offhook.twiml.builder import Response
from offhook.twimlets.dialling import DEFAULT_TIMEOUT, MOST_NUMBERS, follow_up, screening, was_answered
from offhook.twimlets.parameters import Values, one, several


def findme(values: Values) -> str:
    """The TwiML that dials the first of the numbers, or that follows the last dial."""
    return _ring(values, several(values, "PhoneNumbers")[:MOST_NUMBERS])


def callme(values: Values) -> str:
    """The TwiML that dials the number, or that follows the dial."""
    return _ring(values, several(values, "PhoneNumber")[:1])


def _ring(values: Values, numbers: list[str]) -> str:
    if one(values, "Dial") and (was_answered(values) or not numbers):
        return follow_up(values)
    response = Response()
    if numbers:
        again = [("Dial", "true"), *((name, one(values, name)) for name in ("FailUrl", "Message", "Timeout"))]
        again += [(f"PhoneNumbers[{at}]", number) for at, number in enumerate(numbers[1:])]
        timeout = one(values, "Timeout") or DEFAULT_TIMEOUT
        dial = response.dial(action=f"findme?{urlencode(again)}", timeout=timeout)
        dial.number(numbers[0], url=screening(values))
    return str(response)
