"""What a verb works with during one step: facts to read, and the ways to ask for effects.

A `Turn` lives for one step of the interpreter and is the only thing in it that changes; between steps all is
frozen. What is started is remembered as active until its answer comes, so that answers to anything else never
reach a verb, and what a verb leaves behind can be stopped without its help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec, TypeVar, get_args
from urllib.parse import urljoin, urlsplit

from offhook.twiml import attributes, effects, events
from offhook.twiml.document import Element
from offhook.twiml.entry import CallFacts, Method, Parties
from offhook.twiml.verb import Part

S = TypeVar("S", bound=effects.Started)
P = ParamSpec("P")
PartT = TypeVar("PartT", bound=Part)

INVALID_URL = 11100
RELATIVE_WITHOUT_BASE = 15004
_MAX_NOTICES = 50
_MAX_URL = 4000
_MOST_TRACED = 1000
_PLAYS = get_args(effects.Play)


class Turn:
    """One step's workbench.

    Attributes:
        parties: who is talking to whom.
        base: the URL of the document, None for inline TwiML.
        answered: whether the call is; `answer` sees to it.
        typed: digits pressed ahead, for `<Gather>` to take.
        active: what was started and has neither ended nor been stopped, by id.
        over: what has ended with the event at hand.
        recodes: notification codes that are others in the verb at work.
        wanted: the effects, in order.
        notices: how many notifications the document has given, so that it cannot give thousands.
    """

    def __init__(
        self,
        parties: Parties,
        *,
        base: str | None,
        answered: bool,
        typed: str,
        active: tuple[tuple[int, effects.Started], ...],
        next_id: int,
        notices: int,
    ) -> None:
        self.parties = parties
        self.base = base
        self.answered = answered
        self.typed = typed
        self.active = dict(active)
        self.over: effects.Started | None = None
        self.next_id = next_id
        self.notices = notices
        self.recodes: Mapping[int, int] = {}
        self.wanted: list[effects.Effect] = []

    @property
    def whisper(self) -> bool:
        """Whether the document is played to a called leg before it is bridged."""
        return isinstance(self.parties, CallFacts) and self.parties.whisper

    @property
    def replies(self) -> bool:
        """Whether the other party began, so that what is sent goes back to it."""
        return not isinstance(self.parties, CallFacts) or self.parties.direction == "inbound"

    def new_id(self) -> int:
        """Return an id that no effect has had."""
        self.next_id += 1
        return self.next_id

    def want(self, effect: effects.Effect) -> None:
        """Ask for an effect that starts nothing."""
        self.wanted.append(effect)

    def trace(self, element: Element) -> None:
        """Put on record that a verb begins, also one inside of another."""
        said = (("text", element.text[:_MOST_TRACED]),) if element.text else ()
        self.want(effects.Trace(element.name, element.line, (*element.attributes, *said)))

    def start(self, kind: Callable[Concatenate[int, P], S], /, *arguments: P.args, **named: P.kwargs) -> int:
        """Start something, and return its new id, which is the effect's first field."""
        new = self.new_id()
        effect = kind(new, *arguments, **named)
        self.active[new] = effect
        self.wanted.append(effect)
        return new

    def stop(self, started: int | None) -> None:
        """Stop what was started under this id, if it is still active.

        A recording and a dial stay active until `RecordingDone` or `DialDone` tells their result.
        """
        match self.active.get(started or 0):
            case effects.StartTimer(timer):
                self.wanted.append(effects.StopTimer(timer))
            case effects.StartRecording(recording):
                self.wanted.append(effects.StopRecording(recording))
                return
            case effects.Dial(dial):
                self.wanted.append(effects.EndDial(dial))
                return
            case effects.Speak(play) | effects.PlayUrl(play) | effects.PlayDigits(play) | effects.Beep(play):
                self.wanted.append(effects.StopPlay(play))
        self.active.pop(started or 0, None)

    def release(self) -> None:
        """Stop all that is active and expect no answers any more."""
        for started in list(self.active):
            self.stop(started)
        self.active.clear()

    def ended(self, event: events.Event) -> bool:
        """Take note that what `event` answers is over; say whether it was active at all."""
        match event:
            case events.Played(started) | events.PlayFailed(started):
                kind: tuple[type, ...] = _PLAYS
            case events.TimerFired(started):
                kind = (effects.StartTimer,)
            case events.RecordingDone(started):
                kind = (effects.StartRecording,)
            case events.DialDone(started):
                kind = (effects.Dial,)
            case events.MessageQueued(started):
                kind = (effects.SendMessage,)
            case _:
                return False
        if not isinstance(self.active.get(started), kind):
            return False
        self.over = self.active.pop(started)
        return True

    def answer(self) -> None:
        """Answer the call, if it is not answered yet."""
        if not self.answered:
            self.answered = True
            self.wanted.append(effects.Answer())

    def notify(self, code: int, message: str, url: str | None = None) -> None:
        """Write a notification about the document (or about `url`)."""
        self.notices += 1
        if self.notices <= _MAX_NOTICES:
            blamed = url if url is not None else self.base or ""
            self.wanted.append(effects.Notify(self.recodes.get(code, code), message, blamed))

    def warn(self, code: int, element: Element, message: str) -> None:
        """Write a notification about an element, saying where it is."""
        self.notify(code, f"{message} (<{element.name}>, line {element.line})")

    def read(self, part: type[PartT], element: Element) -> PartT:
        """Make a verb or noun of `element`, with warnings for the attributes that are ignored."""
        given = attributes.read(part, element)
        for problem in given.problems:
            self.notify(problem.code, f"{problem.message} (line {element.line})")
        return part(element, given.refused, **given.values)

    def absolute(self, url: str, code: int = INVALID_URL) -> str | None:
        """Resolve `url` against the document; None, with a notification, when that gives no http(s) URL."""
        problem = code
        try:
            resolved = urljoin(self.base or "", url)
            parts = urlsplit(resolved)
            fit = 0 < len(url) <= _MAX_URL and url.isprintable()
            if fit and parts.scheme in ("http", "https") and parts.hostname:
                return resolved
            if self.base is None and not parts.scheme:
                problem = RELATIVE_WITHOUT_BASE
        except ValueError:
            pass
        self.notify(problem, f"{url[:200]!r} is not a URL that can be requested")
        return None

    def callback(
        self, url: str | None, method: Method, notified: tuple[str, ...], code: int = INVALID_URL
    ) -> effects.StatusCallback | None:
        """Return whom to tell about what is started, None if nobody or the URL is wrong."""
        resolved = self.absolute(url, code) if url else None
        return effects.StatusCallback(resolved, method, notified) if resolved else None
