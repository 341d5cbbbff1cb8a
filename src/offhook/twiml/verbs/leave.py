"""`<Leave>`: leaves the queue, from the document that is heard there; elsewhere it means nothing."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml import effects
from offhook.twiml.entry import Purpose
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Leave(Verb):
    """Without attributes. It is at work until the `<Enqueue>` below has ended, and the document with it."""

    def begin(self, turn: Turn) -> Outcome:
        """Ask to leave."""
        if turn.purpose is not Purpose.QUEUE:
            return NEXT
        turn.want(effects.LeaveQueue())
        return self
