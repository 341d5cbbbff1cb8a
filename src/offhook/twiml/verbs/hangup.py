"""`<Hangup>`: ends the call. As the first verb of an inbound call it does not keep it from being answered."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml.turn import Turn
from offhook.twiml.verb import END, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Hangup(Verb):
    """Has no attributes."""

    def begin(self, turn: Turn) -> Outcome:
        """End the call."""
        return END
