"""`<Echo>`: the far end hears itself, until it hangs up."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml import effects
from offhook.twiml.events import Event
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Outcome, Verb


@dataclass(frozen=True, slots=True)
class Echo(Verb):
    """Without attributes. What follows it is never reached."""

    hears_digits = True

    def begin(self, turn: Turn) -> Outcome:
        """Begin; keys come back as what is heard, and are not for a later `<Gather>`."""
        turn.typed = ""
        turn.start(effects.Echo)
        return self

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Go on."""
        return self
