"""`<Pause>`: waits in silence. An inbound call that is not answered yet goes on ringing meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml import effects
from offhook.twiml.attributes import seconds
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Outcome, Verb


@dataclass(frozen=True, slots=True)
class Pause(Verb):
    """`length`: seconds."""

    length: int = seconds(1, code=13910)

    def answers(self) -> bool:
        """A pause before anything else delays the answer."""
        return False

    def begin(self, turn: Turn) -> Outcome:
        """Wait."""
        turn.start(effects.StartTimer, self.length)
        return self
