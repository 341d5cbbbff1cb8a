"""A frame: one document at work, for one purpose, with all that its verbs have started.

An execution (`offhook.twiml.interpreter`) is a stack of frames. What is decided here: how a document is had,
what one that cannot be fetched or read leads to (the fallback URL, then the apology), which verb comes next,
and when documents that lead to each other without end are stopped. What the end of a frame means is the
interpreter's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from offhook.twiml import effects, events, schema
from offhook.twiml.document import Document, DocumentError, Element, parse
from offhook.twiml.entry import Entry, EntryPoint, Purpose, Retrieved
from offhook.twiml.schema import VOICE, Dialect
from offhook.twiml.turn import INVALID_URL, Turn
from offhook.twiml.verb import END, NEXT, POP, Enter, Failed, Flow, Goto, Outcome, Verb, apologise

HTTP_RETRIEVAL_FAILURE = 11200
TOO_MANY_DOCUMENTS = 14106
MOST_DOCUMENTS = 50
"""Documents that may follow each other without anything being heard, said or pressed in between."""


_MUSIC = frozenset({"Play", "Say", "Pause", "Redirect"})
OVER_A_VERB: Mapping[Purpose, frozenset[str]] = {
    Purpose.WAIT: _MUSIC,
    Purpose.HOLD: _MUSIC,
    Purpose.ANNOUNCEMENT: _MUSIC,
    Purpose.HANDOVER: _MUSIC,
    Purpose.QUEUE: _MUSIC | {"Gather", "Hangup", "Leave"},
}
"""What is run above a verb that waits, and the verbs that may stand in it."""
REPEATED = frozenset({Purpose.WAIT, Purpose.HOLD, Purpose.QUEUE})
"""What begins again at its end."""
VERB_NOT_ALLOWED = 13238
LONGEST_REST = 60
"""Seconds until a document of which nothing is heard begins again: one, and twice as many each time, up to this."""


class Phase(Enum):
    """What a frame waits for."""

    FETCHING = "a document"
    RUNNING = "the verb"
    FINISHING = "the answer to a last request, which is not run"
    HELD = "the end of what is heard above it, to begin then"
    RESTING = "its time to begin again, as nothing was heard of it"


class Frame(Struct, frozen=True):
    """Where a document stands. `active` is what it has started and not stopped, by id.

    `code` is the error that led to it, of an apology.
    """

    purpose: Purpose
    entry: Entry
    dialect: Dialect = VOICE
    phase: Phase = Phase.FETCHING
    request: effects.Fetch | None = None
    document: Document | None = None
    position: int = 0
    verb: Verb | None = None
    active: tuple[tuple[int, effects.Started], ...] = ()
    of_fallback: bool = False
    """Whether the document is the fallback's: when it fails too, nothing more is asked."""
    documents: int = 0
    notices: int = 0
    told: frozenset[effects.Notify] | None = None
    """What it has given notice of so far, if it begins again at its end."""
    code: int | None = None

    @property
    def base(self) -> str | None:
        """The URL of the document, against which those in it are resolved."""
        return self.document.url if self.document else None


After = Frame | Flow | Enter
"""What a step makes of a frame: the frame as it then is, or how it ends."""


def begin(frame: Frame, turn: Turn) -> After:
    """Fetch the entry point's document, or run the inline one."""
    turn.base = None
    entry = frame.entry
    if isinstance(entry, EntryPoint):
        return _fetch(frame, effects.Fetch(turn.new_id(), entry.url, entry.method), turn)
    if isinstance(entry, Retrieved):
        return _retrieved(frame, entry, turn)
    try:
        document = parse(entry.text, "text/xml")
    except DocumentError as error:
        return _failed(frame, error.code, _where(error), "", turn)
    return _run(frame, document, turn)


def rest(frame: Frame, turn: Turn) -> Frame:
    """Begin again later: nothing is heard of the document, perhaps because its audio cannot be had now."""
    turn.start(effects.StartTimer, min(2 ** (frame.documents - 1), LONGEST_REST))
    return replace(frame, phase=Phase.RESTING)


def _retrieved(frame: Frame, entry: Retrieved, turn: Turn) -> After:
    """Run the document that somebody has asked for before."""
    request = effects.Fetch(turn.new_id(), entry.url, entry.method)
    event: events.Fetched | events.FetchFailed
    if entry.code is not None:
        event = events.FetchFailed(request.request, entry.code, entry.detail)
    else:
        event = events.Fetched(request.request, entry.url, entry.status, entry.content_type, entry.body)
    return responded(replace(frame, request=request, documents=frame.documents + 1), event, turn)


def answered(frame: Frame, event: events.Answer, turn: Turn) -> After:
    """What something that the frame has started has come to."""
    verb = frame.verb
    if frame.phase is Phase.RESTING:
        return begin(replace(frame, phase=Phase.FETCHING), turn)
    if verb is None:
        return frame
    turn.recodes = verb.recodes
    if isinstance(event, events.PlayFailed):
        blamed = turn.over.url if isinstance(turn.over, effects.PlayUrl) else None
        turn.notify(event.code, event.detail or "The audio could not be played", blamed)
    return _after(frame, verb.step(event, turn), turn)


def pressed(frame: Frame, event: events.DigitPressed, turn: Turn) -> After:
    """A key: the verb's if it hears digits, else kept for the next that does, if there can be one."""
    if "Gather" not in OVER_A_VERB.get(frame.purpose, ("Gather",)):
        return frame
    if frame.verb is None or not frame.verb.hears_digits:
        turn.typed += event.digit
        return frame
    turn.recodes = frame.verb.recodes
    return _after(frame, frame.verb.step(event, turn), turn)


def hung_up(frame: Frame, turn: Turn) -> After:
    """The caller is gone: what the verb still waits for is waited for."""
    return _after(frame, frame.verb.hung_up(turn) if frame.verb else END, turn)


def responded(frame: Frame, event: events.Fetched | events.FetchFailed, turn: Turn) -> After:
    """Run the document that has come, or do without it."""
    request = frame.request
    assert request is not None
    try:
        document = _document(event, frame.dialect, read=not request.final)
    except DocumentError as error:
        return _failed(frame, error.code, _where(error), request.url, turn)
    if request.final:
        return END
    return _run(replace(frame, request=None, of_fallback=request.error is not None), document, turn)


def time_passed(frame: Frame, event: events.Answer | events.DigitPressed) -> Frame:
    """Forget how many documents there were, if the event means that the caller has heard or done something."""
    if frame.phase is Phase.RESTING:
        return frame
    match event:
        case events.DigitPressed() if "Gather" in OVER_A_VERB.get(frame.purpose, ("Gather",)):
            return replace(frame, documents=0)
        case events.Played(silent=False) | events.TimerFired() | events.RecordingDone():
            return replace(frame, documents=0)
        case events.DialDone(bridged=bridged, status=status) if bridged or status == "no-answer":
            return replace(frame, documents=0)
    return frame


# Verbs


def _after(frame: Frame, outcome: Outcome, turn: Turn) -> After:
    """Go on as a verb says."""
    if isinstance(outcome, Verb):
        return replace(frame, phase=Phase.RUNNING, verb=outcome)
    turn.release()
    turn.recodes = {}
    frame = replace(frame, verb=None)
    if isinstance(outcome, Goto):
        return _goto(frame, outcome, turn)
    if isinstance(outcome, Failed) and frame.purpose in REPEATED:
        return _next(frame, turn)  # Of music that cannot be had the rest is heard.
    if isinstance(outcome, Failed):
        return _fall_back(frame, outcome.code, outcome.url, turn)
    if outcome is NEXT:
        return END if turn.hung_up else _next(frame, turn)
    return outcome


def _next(frame: Frame, turn: Turn) -> After:
    """Begin verbs from the current position on, until one has something to wait for or leads elsewhere."""
    verbs = frame.document.verbs if frame.document else ()
    for position in range(frame.position, len(verbs)):
        outcome = _begin(verbs[position], frame, turn)
        if outcome is not NEXT:
            return _after(replace(frame, position=position + 1), outcome, turn)
        turn.release()
    return POP


def _begin(element: Element, frame: Frame, turn: Turn) -> Outcome:
    turn.recodes = {}
    dialect = frame.dialect
    kind = dialect.verbs.get(element.name)
    if kind is None:
        return _pass_over(element, dialect, turn)
    if element.name not in OVER_A_VERB.get(frame.purpose, (element.name,)):
        turn.warn(VERB_NOT_ALLOWED, element, "This verb cannot stand in what is played to a call that waits")
        return NEXT
    turn.trace(element)
    verb = turn.read(kind, element)
    if verb.answers():
        turn.answer()
    turn.recodes = verb.recodes
    return verb.begin(turn)


def _pass_over(element: Element, dialect: Dialect, turn: Turn) -> Outcome:
    """Tell of a verb that cannot run; one that nobody knows has had its schema warning."""
    if element.name in dialect.unbuilt:
        turn.warn(dialect.unbuilt[element.name].code, element, "This verb is not supported")
    elif element.name in dialect.foreign:
        turn.warn(dialect.foreign[element.name], element, "This verb cannot stand in a reply to a message")
    return NEXT


# Documents


def _goto(frame: Frame, goto: Goto, turn: Turn) -> After:
    """Go on with the document that a verb leads to."""
    if not goto.url and frame.document is not None and turn.base is None:
        return END if turn.hung_up else _run(frame, frame.document, turn)
    url = turn.absolute(goto.url or turn.base or "")
    if url is None:
        return _fall_back(frame, INVALID_URL, goto.url or "", turn)
    return _fetch(
        frame, effects.Fetch(turn.new_id(), url, goto.method, goto.params, final=turn.hung_up), turn
    )


def _fetch(frame: Frame, request: effects.Fetch, turn: Turn) -> After:
    if frame.documents >= MOST_DOCUMENTS:
        return _too_many(request.url, turn)
    request = replace(request, purpose=frame.purpose)
    turn.want(request)
    phase = Phase.FINISHING if request.final else Phase.FETCHING
    return replace(frame, phase=phase, request=request, documents=frame.documents + 1)


def _document(event: events.Fetched | events.FetchFailed, dialect: Dialect, *, read: bool) -> Document:
    """Return the document in a response; an empty one if it is not to be read.

    A reply to a text may be nothing at all: 204, or a text without characters.

    Raises:
        DocumentError: there is none, for whatever reason.
    """
    if isinstance(event, events.FetchFailed):
        raise DocumentError(event.code, event.detail or "The document could not be fetched")
    if not 200 <= event.status <= 299:
        raise DocumentError(HTTP_RETRIEVAL_FAILURE, f"The HTTP status is {event.status}")
    textual = (event.content_type or "").lower().startswith("text/plain")
    silent = dialect is not VOICE and not event.body.strip() and (event.status == 204 or textual)
    if silent or not read:
        return Document(event.url, Element("Response"))
    return parse(event.body, event.content_type, event.url, plain=dialect.plain)


def _where(error: DocumentError) -> str:
    return f"{error.message} (line {error.line})" if error.line else error.message


def _run(frame: Frame, document: Document, turn: Turn) -> After:
    """Run a document from its first verb."""
    if document.url is None and frame.documents >= MOST_DOCUMENTS:
        return _too_many("", turn)
    inline = 1 if document.url is None else 0
    turn.base, turn.notices = document.url, 0
    for problem in schema.warnings(document, frame.dialect):
        turn.notify(problem.code, problem.message)
    frame = replace(
        frame, phase=Phase.RUNNING, document=document, position=0, documents=frame.documents + inline
    )
    return _next(frame, turn)


def _failed(frame: Frame, code: int, message: str, url: str, turn: Turn) -> After:
    """A document is not to be had."""
    turn.notify(code, message, url)
    return _fall_back(frame, code, url, turn)


def _fall_back(frame: Frame, code: int, url: str, turn: Turn) -> After:
    """Ask the fallback URL; apologise if there is none, or if it is what failed."""
    entry, failed = frame.entry, frame.request
    tried = frame.of_fallback if failed is None else failed.error is not None
    if not isinstance(entry, EntryPoint) or not entry.fallback_url or tried or turn.hung_up:
        return apologise(code)
    fallback = effects.Fetch(turn.new_id(), entry.fallback_url, entry.fallback_method, error=(code, url))
    return _fetch(replace(frame, request=None), fallback, turn)


def _too_many(url: str, turn: Turn) -> After:
    turn.notify(TOO_MANY_DOCUMENTS, f"{MOST_DOCUMENTS} documents in a row led nowhere", url)
    return apologise(TOO_MANY_DOCUMENTS)
