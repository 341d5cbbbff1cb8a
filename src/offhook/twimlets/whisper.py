"""Whisper: tells whoever answers a dialled call what it is about, and connects who presses a key.

``Message``. The other twimlets use it as the ``url`` of ``<Number>``; who presses nothing is hung up on.
"""

from __future__ import annotations

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, is_url, one

DEFAULT_MESSAGE = "You have a call. Press any key to take it."


def whisper(values: Values) -> str:
    """The TwiML that asks, or, once a key was pressed, that does nothing more: the calls are connected."""
    response = Response()
    if one(values, "Digits"):
        return str(response)
    message = one(values, "Message") or DEFAULT_MESSAGE
    with response.gather(numDigits=1) as gather:
        if is_url(message):
            gather.play(message)
        else:
            gather.say(message)
    response.hangup()
    return str(response)
