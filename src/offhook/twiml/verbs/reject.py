"""`<Reject>`: refuses an inbound call that is not answered yet, at no cost; ends one that is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import choice
from offhook.twiml.turn import Turn
from offhook.twiml.verb import DECLINED, END, Outcome, Verb


@dataclass(frozen=True, slots=True)
class Reject(Verb):
    """`reason`: what the caller hears, that the number is not in service, or busy."""

    reason: Literal["rejected", "busy"] = choice("rejected", "busy", code=13810)

    nests = ("Parameter",)

    def answers(self) -> bool:
        """The point of it."""
        return False

    def begin(self, turn: Turn) -> Outcome:
        """Refuse the call."""
        if turn.answered:
            return END
        turn.want(effects.Decline(self.reason))
        return DECLINED
