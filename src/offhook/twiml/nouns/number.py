"""`<Number>`: a telephone to dial. `sendDigits` are sent when it answers, `url` runs for it before the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.numbers import e164
from offhook.twiml.attributes import (
    WITHOUT_EFFECT,
    choice,
    http_method,
    integer,
    pattern,
    text,
    web_url,
    words,
)
from offhook.twiml.effects import DialNumber, DialTarget
from offhook.twiml.noun import Noun
from offhook.twiml.turn import Turn

INVALID_NUMBER = 13223


@dataclass(frozen=True, slots=True)
class Number(Noun):
    """The text is the number. Times of machine detection are in milliseconds but the first, in seconds."""

    send_digits: str | None = pattern(
        r"[0-9A-D*#wW]{0,32}", "made of 0-9 A-D * # w W", None, code=13222, essential=True
    )
    url: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13221)
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method(code=13221)
    status_callback_event: tuple[str, ...] = words(("completed",), "initiated", "ringing", "answered")
    byoc: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)
    machine_detection: str | None = choice(None, "Enable", "DetectMessageEnd", unbuilt=WITHOUT_EFFECT)
    amd_status_callback: str | None = web_url(unbuilt=WITHOUT_EFFECT)
    amd_status_callback_method: Literal["GET", "POST"] = http_method(unbuilt=WITHOUT_EFFECT)
    machine_detection_timeout: int = integer(30, at_least=3, at_most=120, unbuilt=WITHOUT_EFFECT)
    machine_detection_speech_threshold: int = integer(
        2400, at_least=1000, at_most=6000, unbuilt=WITHOUT_EFFECT
    )
    machine_detection_speech_end_threshold: int = integer(
        1200, at_least=500, at_most=5000, unbuilt=WITHOUT_EFFECT
    )
    machine_detection_silence_timeout: int = integer(
        5000, at_least=2000, at_most=10000, unbuilt=WITHOUT_EFFECT
    )

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
