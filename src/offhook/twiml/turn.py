"""What a verb works with during one step: facts to read, and the ways to ask for effects.

A `Turn` lives for one step of the interpreter and is the only thing in it that changes; between steps all is
frozen. What is started is remembered as active until its answer comes, so that answers to anything else never
reach a verb, and what a verb leaves behind can be stopped without its help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Concatenate, ParamSpec, TypeVar
from urllib.parse import urljoin, urlsplit

from offhook.twiml import attributes, effects, events
from offhook.twiml.document import Element
from offhook.twiml.entry import CallFacts, Method, Parties, Purpose
from offhook.twiml.started import STARTED, answered_id
from offhook.twiml.verb import Part

S = TypeVar("S", bound=effects.Started)
P = ParamSpec("P")
PartT = TypeVar("PartT", bound=Part)

INVALID_URL = 11100
RELATIVE_WITHOUT_BASE = 15004
_MAX_NOTICES = 50
_MAX_URL = 4000
_MOST_TRACED = 1000


class Turn:
    """One step's workbench.

    Attributes:
        parties: who is talking to whom.
        answered: whether the call is; `answer` sees to it.
        hung_up: whether the caller is gone.
        typed: digits pressed ahead, for `<Gather>` to take.
        background: what outlives its verb, by name.
        base: the URL of the frame's document, None for inline TwiML.
        active: what the frame has started and has neither ended nor been stopped, by id.
        over: what has ended with the event at hand.
        purpose: what the document is for.
        recodes: notification codes that are others in the verb at work.
        wanted: the effects, in order.
        notices: how many notifications the document has given, so that it cannot give thousands.
        told: the notifications of a document that begins again and again, which gives each once; None of another.
    """

    def __init__(
        self,
        parties: Parties,
        *,
        answered: bool,
        hung_up: bool,
        typed: str,
        next_id: int,
        background: dict[str, tuple[int, effects.Started]],
    ) -> None:
        self.parties = parties
        self.answered = answered
        self.hung_up = hung_up
        self.typed = typed
        self.next_id = next_id
        self.background = background
        self.base: str | None = None
        self.active: dict[int, effects.Started] = {}
        self.over: effects.Started | None = None
        self.notices = 0
        self.told: frozenset[effects.Notify] | None = None
        self.purpose = Purpose.MAIN
        self.recodes: Mapping[int, int] = {}
        self.wanted: list[effects.Effect] = []

    def stand_in(
        self,
        base: str | None,
        active: tuple[tuple[int, effects.Started], ...],
        notices: int,
        told: frozenset[effects.Notify] | None,
        purpose: Purpose,
    ) -> None:
        """Work for this frame from now on."""
        self.base = base
        self.active = dict(active)
        self.notices = notices
        self.told = told
        self.purpose = purpose

    @property
    def whisper(self) -> bool:
        """Whether the document is heard by a called leg before it is bridged."""
        return self.purpose is Purpose.WHISPER

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
        self.want(effects.Trace(element.name, element.line, (*element.attributes, *said), self.purpose))

    def start(self, kind: Callable[Concatenate[int, P], S], /, *arguments: P.args, **named: P.kwargs) -> int:
        """Start something, and return its new id, which is the effect's first field."""
        new = self.new_id()
        effect = kind(new, *arguments, **named)
        self.active[new] = effect
        self.wanted.append(effect)
        return new

    def launch(
        self, name: str, kind: Callable[Concatenate[int, P], S], /, *arguments: P.args, **named: P.kwargs
    ) -> int:
        """Start something that outlives its verb and its document, under a name of its own; return its new id."""
        new = self.new_id()
        effect = kind(new, *arguments, **named)
        self.background[name] = (new, effect)
        self.wanted.append(effect)
        return new

    def stop(self, started: int | None) -> None:
        """Stop what was started under this id, if it is still active.

        What lingers stays active until its result comes.
        """
        effect = self.active.get(started or 0)
        if started is None or effect is None:
            return
        kind = STARTED[type(effect)]
        if kind.stopped_by is not None:
            self.wanted.append(kind.stopped_by(started))
        if not kind.lingers:
            del self.active[started]

    def release(self) -> None:
        """Stop all that is active and expect no answers any more."""
        for started in list(self.active):
            self.stop(started)
        self.active.clear()

    def ended(self, event: events.Answer) -> bool:
        """Take note that what `event` answers is over; say whether it was active at all."""
        answered = answered_id(event)
        effect = self.active.get(answered)
        if effect is None or not isinstance(event, STARTED[type(effect)].answers):
            return False
        self.over = self.active.pop(answered)
        return True

    def answer(self) -> None:
        """Answer the call, if it is not answered yet."""
        if not self.answered:
            self.answered = True
            self.wanted.append(effects.Answer())

    def notify(self, code: int, message: str, url: str | None = None) -> None:
        """Write a notification about the document (or about `url`)."""
        self.notices += 1
        blamed = url if url is not None else self.base or ""
        notified = effects.Notify(self.recodes.get(code, code), message, blamed)
        if self.told is not None:
            if notified in self.told or len(self.told) >= _MAX_NOTICES:
                return
            self.told |= {notified}
        if self.notices <= _MAX_NOTICES:
            self.wanted.append(notified)

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
            # The length first: urlsplit remembers what it has split.
            known = url if len(url) <= _MAX_URL else ""
            given, resolved = urlsplit(known), urljoin(self.base or "", known)
            parts = urlsplit(resolved)
            # "http://" and "http:name" would resolve to something of the document's own host.
            whole = bool(given.netloc) or not given.scheme
            fit = bool(known) and known.isprintable() and whole
            if fit and parts.scheme in ("http", "https") and parts.hostname:
                return resolved
            if self.base is None and not parts.scheme and known == url:
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
