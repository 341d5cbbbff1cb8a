"""`<Enqueue>`: the call waits in a queue until somebody comes for it, and its action is told how that ended.

While it waits a document is heard (`waitUrl`, by default music), again and again. Without an action the next verb
follows. There is no TaskRouter: a `workflowSid` is an error, and the call does not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import WITHOUT_EFFECT, http_method, limit, text, web_url
from offhook.twiml.entry import EntryPoint
from offhook.twiml.events import EnqueueDone, Event
from offhook.twiml.holdmusic import waiting
from offhook.twiml.turn import Turn
from offhook.twiml.verb import END, NEXT, Goto, Outcome, Verb
from offhook.twiml.verbs.dial import NO_DIAL_IN_WHISPER

LONGEST_NAME = 64
TOO_SHORT, TOO_LONG = 14204, 14205
NO_TASK_ROUTER = 14226
INVALID_WAIT_URL = 14202


@dataclass(frozen=True, slots=True)
class Enqueue(Verb):
    """The text is the queue's name. Digits are for the document of the wait, then for whoever came for the call."""

    action: str | None = web_url(code=14203)
    method: Literal["GET", "POST"] = http_method(code=14201)
    wait_url: str | None = web_url(code=INVALID_WAIT_URL)
    wait_url_method: Literal["GET", "POST"] = http_method(code=14206)
    max_queue_size: int | None = limit(None, at_most=5000, code=WITHOUT_EFFECT)
    workflow_sid: str | None = text(longest=64)

    nests = ("Task",)
    hears_digits = True

    def begin(self, turn: Turn) -> Outcome:
        """Enter the queue."""
        if turn.whisper:
            turn.warn(NO_DIAL_IN_WHISPER, self.element, "A dialled leg cannot wait in a queue")
            return NEXT
        if self.workflow_sid is not None:
            turn.warn(NO_TASK_ROUTER, self.element, "There is no TaskRouter here")
            return self._report(EnqueueDone(0, "error"))
        name = self.element.text.strip()
        if not 0 < len(name) <= LONGEST_NAME:
            turn.warn(
                TOO_LONG if name else TOO_SHORT,
                self.element,
                f"A queue's name has 1 to {LONGEST_NAME} characters",
            )
            return self._report(EnqueueDone(0, "error"))
        turn.start(
            effects.Enqueue,
            queue=name,
            wait=self._wait(turn),
            most=self.max_queue_size,
        )
        return self

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Tell how it went."""
        return self._report(event) if isinstance(event, EnqueueDone) else self

    def superseded(self, after: EnqueueDone) -> Goto | None:
        """The action is told of a redirect too."""
        return None if self.action is None else Goto(self.action, self.method, _params(after))

    def hung_up(self, turn: Turn) -> Outcome:
        """Leave the queue, or whoever came for the call, and wait for how it went."""
        if not turn.active:
            return END
        for wait in tuple(turn.active):
            turn.stop(wait)
        return self

    def _wait(self, turn: Turn) -> EntryPoint | None:
        return waiting(self.wait_url, self.wait_url_method, INVALID_WAIT_URL, turn)

    def _report(self, done: EnqueueDone) -> Outcome:
        if self.action is None:
            return NEXT
        return Goto(self.action, self.method, _params(done))


def _params(done: EnqueueDone) -> effects.Pairs:
    known = (("QueueResult", done.result), ("QueueSid", done.queue_sid), ("QueueTime", done.waited))
    return tuple((name, str(value)) for name, value in known if value is not None)
