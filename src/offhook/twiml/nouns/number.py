"""`<Number>`: a telephone to dial. `sendDigits` are sent when it answers, `url` runs for it before the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.numbers import e164
from offhook.twiml.attributes import (
    WITHOUT_EFFECT,
    http_method,
    pattern,
    text,
    web_url,
    words,
)
from offhook.twiml.effects import DialNumber, DialTarget
from offhook.twiml.noun import Answerable
from offhook.twiml.turn import Turn

INVALID_NUMBER = 13223


@dataclass(frozen=True, slots=True)
class Number(Answerable):
    """The text is the number."""

    send_digits: str | None = pattern(
        r"[0-9A-D*#wW]{0,32}", "made of 0-9 A-D * # w W", None, code=13222, essential=True
    )
    url: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13221)
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method(code=13221)
    status_callback_event: tuple[str, ...] = words(("completed",), "initiated", "ringing", "answered")
    byoc: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)

    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """One leg."""
        number = e164(self.element.text)
        if number is None:
            turn.warn(INVALID_NUMBER, self.element, f"{self.element.text[:80]!r} is not a phone number")
        whisper = turn.absolute(self.url) if self.url else ""
        if self.refused or number is None or whisper is None:
            return ()
        return (
            DialNumber(
                number,
                send_digits=self.send_digits,
                url=whisper or None,
                method=self.method,
                callback=turn.callback(
                    self.status_callback, self.status_callback_method, self.status_callback_event
                ),
            ),
        )
