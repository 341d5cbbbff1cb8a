"""Twimlets: small programs at a URL that answer TwiML, after those of twimlets.com.

Each is a pure function from the parameters of a request, by name, to a TwiML document. Serving them is
`offhook.api.twimlets`; the fetcher sends requests for twimlets.com here (`offhook.delivery.client`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from offhook.twimlets.echo import echo
from offhook.twimlets.forward import forward
from offhook.twimlets.holdmusic import holdmusic
from offhook.twimlets.message import message

Twimlet = Callable[[Mapping[str, list[str]]], str]

TWIMLETS: Final[Mapping[str, Twimlet]] = {
    "echo": echo,
    "forward": forward,
    "holdmusic": holdmusic,
    "message": message,
}

__all__ = ["TWIMLETS", "Twimlet"]
