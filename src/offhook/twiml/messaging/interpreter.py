"""One execution of the TwiML that answers a text: the same machine as that of calls, with its own verbs.

Effects are `Fetch`, `SendMessage`, `Notify` and `Trace`; events are `Fetched`, `FetchFailed` and `MessageQueued`. Go on
until `state.finished`.
"""

from __future__ import annotations

from offhook.twiml import interpreter
from offhook.twiml.entry import Entry, MessageFacts
from offhook.twiml.interpreter import State, Step, step
from offhook.twiml.schema import MESSAGING

__all__ = ["State", "start", "step"]


def start(entry: Entry, facts: MessageFacts) -> Step:
    """Begin: ask for the document that answers the text from `facts.from_`."""
    return interpreter.start(entry, facts, MESSAGING)
