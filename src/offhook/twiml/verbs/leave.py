"""`<Leave>`: leaves the queue, from the document that is heard there; elsewhere it means nothing."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml import effects
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Leave(Verb):
    """Without attributes. What it leads to is up to the `<Enqueue>` below."""

    def begin(self, turn: Turn) -> Outcome:
        """Ask to leave; the document ends with the wait."""
        turn.want(effects.LeaveQueue())
        return NEXT
