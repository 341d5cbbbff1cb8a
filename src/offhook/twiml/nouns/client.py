"""`<Client>`: whoever is registered under an identity. Its text is the identity, or an `<Identity>` in it is.

What `<Parameter>`s say is told to the phone in one header, `X-Twilio-Params`, as Twilio tells it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlencode

from offhook.twiml.attributes import http_method, web_url, words
from offhook.twiml.effects import DialClient, DialTarget, Pairs
from offhook.twiml.noun import Noun
from offhook.twiml.nouns.parameters import parameters
from offhook.twiml.turn import Turn

INVALID_IDENTITY: Final = 13215
PARAMETERS_HEADER: Final = "X-Twilio-Params"
IDENTITY = re.compile(r"[^\s<>\"@;?:]{1,121}")


@dataclass(frozen=True, slots=True)
class Client(Noun):
    """All phones of the identity ring."""

    url: str | None = web_url()
    method: Literal["GET", "POST"] = http_method()
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method()
    status_callback_event: tuple[str, ...] = words(("completed",), "initiated", "ringing", "answered")

    nests = ("Identity", "Parameter")

    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """One leg."""
        named = [child.text for child in self.element.children if child.name == "Identity"]
        identity = (named[0] if named else self.element.text).strip()
        if not IDENTITY.fullmatch(identity):
            turn.warn(INVALID_IDENTITY, self.element, f"{identity[:80]!r} is not an identity")
            return ()
        whisper = turn.absolute(self.url) if self.url else ""
        if whisper is None:
            return ()
        return (
            DialClient(
                identity,
                headers=self._headers(turn),
                url=whisper or None,
                method=self.method,
                callback=turn.callback(
                    self.status_callback, self.status_callback_method, self.status_callback_event
                ),
            ),
        )

    def _headers(self, turn: Turn) -> Pairs:
        told = urlencode(parameters(self.element, turn))
        return ((PARAMETERS_HEADER, told),) if told else ()
