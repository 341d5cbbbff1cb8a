"""Message: says texts and plays sounds, one after the other.

``Message`` or ``Message[0]``, ``Message[1]``, …: a URL is played, anything else is said. Without any the
document is an empty ``<Response>``.
"""

from __future__ import annotations

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, is_url, several


def message(values: Values) -> str:
    """The TwiML for the messages."""
    response = Response()
    for item in several(values, "Message"):
        if is_url(item):
            response.play(item.strip())
        else:
            response.say(item)
    return str(response)
