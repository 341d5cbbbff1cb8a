"""`<Redirect>`: goes on with the TwiML of another URL; the verbs after it are never reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.twiml.attributes import http_method
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Goto, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Redirect(Verb):
    """The text is the URL; empty, it is the current document's."""

    method: Literal["GET", "POST"] = http_method(code=13710)

    def begin(self, turn: Turn) -> Outcome:
        """Go there."""
        return Goto(self.element.text, self.method)
