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
from offhook.twiml.verb import Failed, Outcome, Verb
from offhook.twiml.verbs.pause import Pause
from offhook.twiml.verbs.play import Play
from offhook.twiml.verbs.say import Say

PROMPTS: Final[dict[str, type[Verb]]] = {"Say": Say, "Play": Play, "Pause": Pause}


@dataclass(frozen=True, slots=True)
class Prompting:
    """Where a sequence of prompts stands: the one that `plays`, those that are `left`.

    `failed`: one could not be played, which is an error of the application; the others are left out.
    """

    left: tuple[Element, ...] = ()
    plays: Verb | None = None
    failed: Failed | None = None

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
        prompts = self
        while prompts.plays is None and prompts.left:
            first, *left = prompts.left
            turn.trace(first)
            prompts = _after(turn.read(PROMPTS[first.name], first).begin(turn), tuple(left))
        return prompts

    def step(self, event: Event, turn: Turn) -> Prompting:
        """Give the prompt that plays an answer."""
        if self.plays is None:
            return self
        return _after(self.plays.step(event, turn), self.left)


def _after(outcome: Outcome, left: tuple[Element, ...]) -> Prompting:
    if isinstance(outcome, Failed):
        return Prompting(failed=outcome)
    return Prompting(left, outcome if isinstance(outcome, Verb) else None)


SILENCE: Final = Prompting()
