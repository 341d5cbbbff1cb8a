"""A document stepped through by hand: what is given to the interpreter, and what it asks for in return."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from offhook.twiml import events, interpreter
from offhook.twiml.attributes import table
from offhook.twiml.effects import Effect, Fetch, Notify, Started, Trace
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, Purpose

URL = "https://app.example/voice/start?a=1"
CALLER = "+15550001111"
CALLED = "+15552223333"
ANSWERED = CallFacts(CALLER, CALLED, answered=True)
RINGING = CallFacts(CALLER, CALLED)

E = TypeVar("E")


class Transcript:
    """An execution; `asked` are the effects of the last step, without the traces, which are in `traces`."""

    def __init__(self, entry: Entry, facts: CallFacts = ANSWERED, purpose: Purpose = Purpose.MAIN) -> None:
        self.traces: list[Trace] = []
        self._take(interpreter.start(entry, facts, purpose=purpose))

    def on(self, event: events.Event) -> list[Effect]:
        """Give it an event and return what it asks for."""
        self._take(interpreter.step(self.state, event))
        return self.asked

    def press(self, digits: str) -> list[Effect]:
        """Press keys one by one and return what all of them lead to."""
        return [effect for digit in digits for effect in self.on(events.DigitPressed(digit))]

    def respond(
        self,
        body: str | bytes,
        content_type: str | None = "text/xml",
        status: int = 200,
        url: str | None = None,
    ) -> list[Effect]:
        """Answer the request for a document that it waits for."""
        request = self.state.frames[-1].request
        assert request is not None
        data = body.encode() if isinstance(body, str) else body
        return self.on(events.Fetched(request.request, url or request.url, status, content_type, data))

    def active(self, kind: type[E]) -> E:
        """Return the one effect of this kind that has not ended."""
        found = [effect for _, effect in self.started if isinstance(effect, kind)]
        assert len(found) == 1, self.started
        return found[0]

    @property
    def started(self) -> list[tuple[int, Started]]:
        """What its frames have started and not stopped."""
        return [started for frame in self.state.frames for started in frame.active]

    def played(self) -> list[Effect]:
        """Let what is playing come to its end."""
        ((started, _),) = self.started
        return self.on(events.Played(started))

    def fired(self) -> list[Effect]:
        """Let the timer run out."""
        ((started, _),) = self.started
        return self.on(events.TimerFired(started))

    @property
    def finished(self) -> bool:
        return self.state.finished

    def _take(self, step: interpreter.Step) -> None:
        self.state, effects = step
        self.traces += [effect for effect in effects if isinstance(effect, Trace)]
        self.asked: list[Effect] = [effect for effect in effects if not isinstance(effect, Trace)]


def run(verbs: str, facts: CallFacts = ANSWERED, fallback: str | None = None) -> Transcript:
    """Return the transcript of a document of these verbs, from the moment it has come from `URL`."""
    transcript = Transcript(EntryPoint(URL, fallback_url=fallback), facts)
    transcript.respond(f"<Response>{verbs}</Response>")
    return transcript


def codes(effects: Iterable[object]) -> list[int]:
    """Return the codes of the notifications among effects."""
    return [effect.code for effect in effects if isinstance(effect, Notify)]


def only(kind: type[E], effects: Iterable[object]) -> E:
    """Return the one effect of a kind."""
    found = [effect for effect in effects if isinstance(effect, kind)]
    assert len(found) == 1, effects
    return found[0]


def attribute_table(part: type) -> dict[str, tuple[object, int]]:
    """Return the default and the code of each attribute that does something, to be pinned."""
    return {row.name: (row.default, row.code) for row in table(part).values() if row.unbuilt is None}


def next_document(effects: Iterable[object]) -> Fetch:
    """Return the request for a document."""
    return only(Fetch, effects)
