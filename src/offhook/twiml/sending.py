"""What the verbs that send a text share: its limits, and how its sending is started."""

from __future__ import annotations

from functools import partial

from offhook.twiml import effects
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Outcome, Verb

INVALID_BODY = 14103
LONGEST_BODY = 1600


def send(
    verb: Verb, turn: Turn, *, to: str, sender: str, body: str, status_callback: str | None, waits: bool
) -> Outcome:
    """Send a text, whose length is checked. `waits`: the verb waits for `MessageQueued`, to give it to its action."""
    if not 0 < len(body) <= LONGEST_BODY:
        turn.warn(INVALID_BODY, verb.element, f"The text must have 1 to {LONGEST_BODY} characters")
        return NEXT
    callback = turn.absolute(status_callback, 14105) if status_callback else None
    text = partial(effects.SendMessage, to=to, from_=sender, body=body, status_callback=callback)
    if waits:
        turn.start(text)
        return verb
    turn.launch(f"text-{turn.next_id}", text)
    return NEXT
