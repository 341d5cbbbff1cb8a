"""One execution of the TwiML that answers a text: the same machine as that of calls, with its own verbs.

Effects are `Fetch`, `SendMessage`, `Notify` and `Trace`; events are `Fetched`, `FetchFailed` and
`MessageQueued`. Go on until `state.finished`.
"""

from __future__ import annotations

from collections.abc import Sequence

from offhook.twiml import interpreter
from offhook.twiml.effects import Effect, Fetch, Notify, SendMessage, Trace
from offhook.twiml.entry import Entry, MessageFacts
from offhook.twiml.events import Fetched, FetchFailed, MessageQueued
from offhook.twiml.interpreter import State
from offhook.twiml.schema import MESSAGING

__all__ = ["Event", "State", "Wanted", "start", "step"]

Wanted = Fetch | SendMessage | Notify | Trace
Event = Fetched | FetchFailed | MessageQueued


def start(entry: Entry, facts: MessageFacts) -> tuple[State, Sequence[Wanted]]:
    """Begin: ask for the document that answers the text from `facts.from_`."""
    state, effects = interpreter.start(entry, facts, MESSAGING)
    return state, _of_texts(effects)


def step(state: State, event: Event) -> tuple[State, Sequence[Wanted]]:
    """Go on after an effect was carried out."""
    state, effects = interpreter.step(state, event)
    return state, _of_texts(effects)


def _of_texts(effects: Sequence[Effect]) -> Sequence[Wanted]:
    """The effects as those that verbs of replies have; there is nobody to hang up on or play to."""
    return [effect for effect in effects if isinstance(effect, Wanted)]
