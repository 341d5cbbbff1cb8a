"""One execution of a call's TwiML, as a pure function of frozen state.

    state, effects = start(entry, facts)
    state, effects = step(state, event)

until `state.finished`.
"""

from __future__ import annotations

from dataclasses import dataclass

from offhook.twiml.effects import Effect
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml
from offhook.twiml.events import Event

__all__ = ["CallFacts", "Entry", "EntryPoint", "InlineTwiml", "State", "start", "step"]


@dataclass(frozen=True, slots=True)
class State:
    """Where an execution stands."""

    finished: bool = False


def start(entry: Entry, facts: CallFacts) -> tuple[State, list[Effect]]:
    """Begin: fetch the entry point's document, or run the inline one."""
    raise NotImplementedError


def step(state: State, event: Event) -> tuple[State, list[Effect]]:
    """Take one event; events after the end, and answers to what was stopped, change nothing."""
    raise NotImplementedError
