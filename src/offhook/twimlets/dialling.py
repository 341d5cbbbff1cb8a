"""What the twimlets that dial have in common: coming back after the dial, and asking whoever answers."""

from __future__ import annotations

from urllib.parse import urlencode

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, is_url, one

DEFAULT_TIMEOUT = "20"
MOST_NUMBERS = 10
"""Numbers that one ``<Dial>`` may ring."""


def was_answered(values: Values) -> bool:
    """Whether the dial that led here was answered."""
    return one(values, "DialCallStatus") in ("completed", "answered")


def follow_up(values: Values) -> str:
    """The TwiML after a dial: nothing is left to do if it was answered, else ``FailUrl`` is."""
    response = Response()
    fail_url = one(values, "FailUrl")
    if not was_answered(values) and is_url(fail_url):
        response.redirect(fail_url)
    else:
        response.hangup()
    return str(response)


def screening(values: Values) -> str | None:
    """The address of the whisper that says ``Message`` to whoever answers; None without a message."""
    message = one(values, "Message")
    return f"whisper?{urlencode({'Message': message})}" if message else None
