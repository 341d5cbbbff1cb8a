"""Hold music: says a text, then goes round the sounds it is given.

``Message`` and ``Music[n]`` (URLs). The original chooses from an S3 bucket (``Bucket``); this platform
keeps no music of its own, so without sounds it waits and says the text again.
"""

from __future__ import annotations

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, is_url, one, several

WAIT_SECONDS = 30


def holdmusic(values: Values) -> str:
    """The TwiML of one round."""
    response = Response()
    if text := one(values, "Message"):
        response.say(text)
    sounds = [url for url in several(values, "Music") if is_url(url)]
    for url in sounds:
        response.play(url.strip())
    if not sounds:
        response.pause(length=WAIT_SECONDS)
    response.redirect()
    return str(response)
