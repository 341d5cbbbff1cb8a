"""The documents at demo.twilio.com that examples, and numbers nobody has set up, point to.

A greeting and a tune for a call, an answer for a text; the words and the tune are this platform's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import numpy as np

from offhook.audio import wav
from offhook.twiml.builder import Response

XML: Final = "text/xml; charset=utf-8"
RATE: Final = 8000
_BEAT: Final = 0.3
_TUNE: Final = (262, 330, 392, 523, 392, 330, 294, 349, 440, 587, 440, 349, 262, 330, 392, 523)
"""The tones, in Hz."""


def _greeting() -> bytes:
    response = Response()
    response.say("Thank you for trying the documentation. Your call works.")
    response.play("/docs/classic.mp3")
    return str(response).encode()


def _welcome() -> bytes:
    response = Response()
    response.say("Your call works. To hear your own words here, give your number a voice URL.")
    return str(response).encode()


def _reply() -> bytes:
    response = Response()
    response.message("Your text works. To answer with your own words, give your number an SMS URL.")
    return str(response).encode()


@cache
def tune() -> bytes:
    """A WAV file of some seconds."""
    at = np.arange(int(_BEAT * RATE)) / RATE
    fading = 6000 * np.exp(-4 * at)
    tones = [fading * np.sin(2 * np.pi * hertz * at) for hertz in _TUNE]
    return wav.write(np.concatenate(tones).astype(np.int16), rate=RATE)


DOCUMENTS: Final[Mapping[str, tuple[str, Callable[[], bytes]]]] = {
    "/docs/voice.xml": (XML, _greeting),
    "/docs/classic.mp3": ("audio/x-wav", tune),
    "/welcome/voice": (XML, _welcome),
    "/welcome/sms/reply": (XML, _reply),
}
"""The type and content of each, by its path."""
