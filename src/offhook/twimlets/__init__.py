"""Twimlets: small programs at a URL that answer TwiML, after those of twimlets.com.

Each is a pure function from the parameters of a request, by name, to a TwiML document. Serving them is
`offhook.api.twimlets`; the fetcher sends requests for twimlets.com here (`offhook.delivery.client`), and those for
demo.twilio.com to `offhook.twimlets.demo`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from offhook.twimlets.echo import echo
from offhook.twimlets.findme import callme, findme
from offhook.twimlets.forward import forward
from offhook.twimlets.holdmusic import holdmusic
from offhook.twimlets.menu import menu
from offhook.twimlets.message import message
from offhook.twimlets.simulring import simulring
from offhook.twimlets.voicemail import voicemail
from offhook.twimlets.whisper import whisper

Twimlet = Callable[[Mapping[str, list[str]]], str]

TWIMLETS: Final[Mapping[str, Twimlet]] = {
    "callme": callme,
    "echo": echo,
    "findme": findme,
    "forward": forward,
    "holdmusic": holdmusic,
    "menu": menu,
    "message": message,
    "simulring": simulring,
    "voicemail": voicemail,
    "whisper": whisper,
}

__all__ = ["TWIMLETS", "Twimlet"]
