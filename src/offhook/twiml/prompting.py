"""Prompts that a verb plays while it waits for something else: `<Say>`, `<Play>` and `<Pause>`, in order.

    prompts = Prompting.of(element, code, turn)
    prompts = prompts.go_on(turn)           until `prompts.over`: give it the answers, and go on
    prompts = prompts.step(event, turn)

What the verb does meanwhile, and when it cuts the prompts short, is its own business: a verb that does so
releases what is active and goes on with `SILENCE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from offhook.twiml.document import Element
from offhook.twiml.events import Event
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Outcome, Verb
from offhook.twiml.verbs.pause import Pause
from offhook.twiml.verbs.play import Play
from offhook.twiml.verbs.say import Say

PROMPTS: Final[dict[str, type[Verb]]] = {"Say": Say, "Play": Play, "Pause": Pause}


@dataclass(frozen=True, slots=True)
class Prompting:
    """Where a sequence of prompts stands: the one that `plays`, and those that are `left`."""

    left: tuple[Element, ...] = ()
    plays: Verb | None = None

    @classmethod
    def of(cls, element: Element, misplaced: int, turn: Turn) -> Prompting:
        """Return the prompts in an element, with warning `misplaced` for all else that stands there."""
        for child in element.children:
            if child.name not in PROMPTS:
                turn.warn(misplaced, child, f"This cannot stand in a {element.name}")
        return cls(tuple(child for child in element.children if child.name in PROMPTS))

    @property
    def over(self) -> bool:
        """Whether nothing plays and nothing is left."""
        return self.plays is None and not self.left

    def go_on(self, turn: Turn) -> Prompting:
        """Begin the next prompt, unless one plays; those with nothing to wait for are passed over."""
        left, plays = list(self.left), self.plays
        while plays is None and left:
            first = left.pop(0)
            turn.trace(first)
            plays = _at_work(turn.read(PROMPTS[first.name], first).begin(turn))
        return Prompting(tuple(left), plays)

    def step(self, event: Event, turn: Turn) -> Prompting:
        """Give the prompt that plays an answer."""
        if self.plays is None:
            return self
        return Prompting(self.left, _at_work(self.plays.step(event, turn)))


def _at_work(outcome: Outcome) -> Verb | None:
    return outcome if isinstance(outcome, Verb) else None


SILENCE: Final = Prompting()
