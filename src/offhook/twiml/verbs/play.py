"""`<Play>`: plays the audio at a URL, or sends DTMF digits, or first the digits and then the audio."""

from __future__ import annotations

from dataclasses import dataclass, replace

from offhook.twiml import effects
from offhook.twiml.attributes import INVALID_URL, loops, pattern
from offhook.twiml.events import Event, PlayFailed
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Failed, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Play(Verb):
    """The text is the URL. `digits`: `w` waits half a second, `W` a whole one."""

    loop: int = loops(code=13410)
    digits: str | None = pattern(r"[0-9*#A-DwW,]{1,256}", "made of 0-9 * # A-D w W", None, code=13430)

    digits_first: bool = False

    def begin(self, turn: Turn) -> Outcome:
        """Send the digits if there are any, else play the audio."""
        if self.digits is None:
            return self._audio(turn)
        both = bool(self.element.text)
        turn.start(effects.PlayDigits, self.digits.replace(",", "w"), 1 if both else self.loop)
        return replace(self, digits_first=both)

    def step(self, event: Event, turn: Turn) -> Outcome:
        """After the digits comes the audio. Audio that is not to be had is an error of the application."""
        if isinstance(event, PlayFailed) and not self.digits_first and self.element.text:
            return Failed(turn.recodes.get(event.code, event.code), turn.absolute(self.element.text) or "")
        return self._audio(turn) if self.digits_first else NEXT

    def _audio(self, turn: Turn) -> Outcome:
        url = turn.absolute(self.element.text)
        if url is None:
            return Failed(INVALID_URL, self.element.text)
        turn.start(effects.PlayUrl, url, self.loop)
        return replace(self, digits_first=False)
