"""One execution of TwiML, as a pure function of frozen state.

    state, effects = start(entry, facts)
    state, effects = step(state, event)

until `state.finished`. Documents are asked for by `Fetch` effects and come back as events; verbs run one
after another (`offhook.twiml.verbs`), each until it says what comes next. What is decided here: when an
inbound call is answered, what a document that cannot be had or read leads to (the fallback URL, then the
spoken apology), when documents that lead to each other without end are stopped, and what is left to do when
the caller has gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from offhook.twiml import effects, events, schema
from offhook.twiml.document import Document, DocumentError, Element, parse
from offhook.twiml.effects import Effect
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml, MessageFacts, Parties
from offhook.twiml.events import Event
from offhook.twiml.schema import VOICE, Dialect
from offhook.twiml.turn import INVALID_URL, Turn
from offhook.twiml.verb import DECLINED, NEXT, Failed, Flow, Goto, Outcome, Verb

__all__ = ["CallFacts", "Entry", "EntryPoint", "InlineTwiml", "MessageFacts", "State", "start", "step"]

APOLOGY = "An application error has occurred. Goodbye."
HTTP_RETRIEVAL_FAILURE = 11200
TOO_MANY_DOCUMENTS = 14106
MOST_DOCUMENTS = 50
"""Documents that may follow each other without anything being heard, said or pressed in between."""
MOST_TYPED_AHEAD = 64


class Phase(Enum):
    """What the execution waits for."""

    FETCHING = "a document"
    RUNNING = "the verb"
    APOLOGISING = "the end of the apology"
    FINISHING = "the answer to a last request, which is not run"
    FINISHED = "nothing"


@dataclass(frozen=True, slots=True)
class State:
    """Where an execution stands."""

    parties: Parties
    entry: Entry
    dialect: Dialect = field(default=VOICE, repr=False)
    phase: Phase = Phase.FETCHING
    request: effects.Fetch | None = None
    document: Document | None = None
    position: int = 0
    verb: Verb | None = None
    of_fallback: bool = False
    """Whether the document is the fallback's: when it fails too, nothing more is asked."""
    answered: bool = False
    hung_up: bool = False
    typed: str = ""
    documents: int = 0
    notices: int = 0
    active: tuple[tuple[int, effects.Started], ...] = ()
    next_id: int = 0

    @property
    def finished(self) -> bool:
        """Whether no event will have any effect any more."""
        return self.phase is Phase.FINISHED


Step = tuple[State, list[Effect]]


def start(entry: Entry, facts: Parties, dialect: Dialect = VOICE) -> Step:
    """Begin: fetch the entry point's document, or run the inline one."""
    answered = not isinstance(facts, CallFacts) or facts.answered
    state = State(facts, entry, dialect, answered=answered)
    turn = _turn(state)
    return _closed(_enter(state, entry, turn), turn)


def step(state: State, event: Event) -> Step:
    """Take one event; events after the end, and answers to what was stopped, change nothing."""
    if state.finished:
        return state, []
    turn = _turn(state)
    return _closed(_take(state, event, turn), turn)


def _turn(state: State) -> Turn:
    return Turn(
        state.parties,
        base=state.document.url if state.document else None,
        answered=state.answered,
        typed=state.typed,
        active=state.active,
        next_id=state.next_id,
        notices=state.notices,
    )


def _closed(state: State, turn: Turn) -> Step:
    """Freeze what the step has changed."""
    state = replace(
        state,
        answered=turn.answered,
        typed=turn.typed[:MOST_TYPED_AHEAD],
        active=tuple(turn.active.items()),
        next_id=turn.next_id,
        notices=turn.notices,
    )
    return state, turn.wanted


def _take(state: State, event: Event, turn: Turn) -> State:
    match event:
        case events.Fetched() | events.FetchFailed():
            return _response(state, event, turn)
        case events.Redirected(entry):
            return state if state.hung_up else _redirected(state, entry, turn)
        case events.HungUp():
            return state if state.hung_up else _hung_up(replace(state, hung_up=True), turn)
        case events.DigitPressed():
            return _digit(replace(state, documents=0), event, turn)
        case _ if turn.ended(event):
            return _answered(_time_passed(state, event), event, turn)
    return state


def _time_passed(state: State, event: Event) -> State:
    """Forget how many documents there were, if the event means that the caller has heard or done something."""
    match event:
        case events.Played() | events.TimerFired() | events.RecordingDone():
            return replace(state, documents=0)
        case events.DialDone(bridged=True) | events.DialDone(status="no-answer"):
            return replace(state, documents=0)
    return state


def _answered(state: State, event: Event, turn: Turn) -> State:
    """What an effect has come to."""
    if state.verb is None:
        return _end(state, turn) if state.phase is Phase.APOLOGISING else state
    turn.recodes = state.verb.recodes
    if isinstance(event, events.PlayFailed):
        blamed = turn.over.url if isinstance(turn.over, effects.PlayUrl) else None
        turn.notify(event.code, event.detail or "The audio could not be played", blamed)
    return _after(state, state.verb.step(event, turn), turn)


def _digit(state: State, event: events.DigitPressed, turn: Turn) -> State:
    if state.verb is None or not state.verb.hears_digits:
        turn.typed += event.digit
        return state
    turn.recodes = state.verb.recodes
    return _after(state, state.verb.step(event, turn), turn)


def _redirected(state: State, entry: Entry, turn: Turn) -> State:
    turn.release()
    return _enter(replace(state, entry=entry, request=None, verb=None, documents=0), entry, turn)


def _hung_up(state: State, turn: Turn) -> State:
    outcome: Outcome = state.verb.hung_up(turn) if state.verb else Flow.END
    return _after(state, outcome, turn)


# Verbs


def _after(state: State, outcome: Outcome, turn: Turn) -> State:
    """Go on as a verb says."""
    if isinstance(outcome, Verb):
        return replace(state, phase=Phase.RUNNING, verb=outcome)
    turn.release()
    turn.recodes = {}
    state = replace(state, verb=None)
    if isinstance(outcome, Goto):
        return _goto(state, outcome, turn)
    if isinstance(outcome, Failed):
        return _fall_back(state, outcome.code, outcome.url, turn)
    if outcome is NEXT and not state.hung_up:
        return _next(state, turn)
    return replace(state, phase=Phase.FINISHED) if outcome is DECLINED else _end(state, turn)


def _next(state: State, turn: Turn) -> State:
    """Begin verbs from the current position on, until one has something to wait for or leads elsewhere."""
    verbs = state.document.verbs if state.document else ()
    for position in range(state.position, len(verbs)):
        outcome = _begin(verbs[position], state.dialect, turn)
        if outcome is not NEXT:
            return _after(replace(state, position=position + 1), outcome, turn)
        turn.release()
    return _end_of_document(state, turn)


def _begin(element: Element, dialect: Dialect, turn: Turn) -> Outcome:
    turn.recodes = {}
    kind = dialect.verbs.get(element.name)
    if kind is None:
        return _pass_over(element, dialect, turn)
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


def _end_of_document(state: State, turn: Turn) -> State:
    if turn.whisper:
        turn.want(effects.Join())
        return replace(state, phase=Phase.FINISHED)
    return _end(state, turn)


def _end(state: State, turn: Turn) -> State:
    """Nothing more is to be done: hang up, if there is somebody to hang up on."""
    turn.release()
    if state.dialect is VOICE and not state.hung_up:
        turn.answer()
        turn.want(effects.HangUp())
    return replace(state, phase=Phase.FINISHED, verb=None)


# Documents


def _enter(state: State, entry: Entry, turn: Turn) -> State:
    """Begin with an entry's document."""
    state = replace(state, document=None, of_fallback=False)
    turn.base = None
    if isinstance(entry, EntryPoint):
        return _fetch(state, effects.Fetch(turn.new_id(), entry.url, entry.method), turn)
    return _inline(state, entry, turn)


def _inline(state: State, entry: InlineTwiml, turn: Turn) -> State:
    try:
        document = parse(entry.text, "text/xml")
    except DocumentError as error:
        return _failed(state, error.code, _where(error), "", turn)
    return _run(state, document, turn)


def _goto(state: State, goto: Goto, turn: Turn) -> State:
    """Go on with the document that a verb leads to."""
    if not goto.url and state.document is not None and turn.base is None:
        return _end(state, turn) if state.hung_up else _run(state, state.document, turn)
    url = turn.absolute(goto.url or turn.base or "")
    if url is None:
        return _fall_back(state, INVALID_URL, goto.url or "", turn)
    request = effects.Fetch(turn.new_id(), url, goto.method, goto.params, final=state.hung_up)
    return _fetch(state, request, turn)


def _fetch(state: State, request: effects.Fetch, turn: Turn) -> State:
    if state.documents >= MOST_DOCUMENTS:
        return _too_many(state, request.url, turn)
    turn.want(request)
    phase = Phase.FINISHING if request.final else Phase.FETCHING
    return replace(state, phase=phase, request=request, documents=state.documents + 1)


def _response(state: State, event: events.Fetched | events.FetchFailed, turn: Turn) -> State:
    """Run the document that has come, or do without it."""
    request = state.request
    if request is None or event.request != request.request:
        return state
    try:
        document = _document(event, state.dialect, read=not request.final)
    except DocumentError as error:
        return _failed(state, error.code, _where(error), request.url, turn)
    if request.final:
        return _end(state, turn)
    state = replace(state, request=None, of_fallback=request.error is not None)
    return _run(state, document, turn)


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


def _run(state: State, document: Document, turn: Turn) -> State:
    """Run a document from its first verb."""
    if document.url is None and state.documents >= MOST_DOCUMENTS:
        return _too_many(state, "", turn)
    inline = 1 if document.url is None else 0
    turn.base, turn.notices = document.url, 0
    for problem in schema.warnings(document, state.dialect):
        turn.notify(problem.code, problem.message)
    state = replace(
        state, phase=Phase.RUNNING, document=document, position=0, documents=state.documents + inline
    )
    return _next(state, turn)


def _failed(state: State, code: int, message: str, url: str, turn: Turn) -> State:
    """A document is not to be had."""
    turn.notify(code, message, url)
    return _fall_back(state, code, url, turn)


def _fall_back(state: State, code: int, url: str, turn: Turn) -> State:
    """Ask the fallback URL; apologise if there is none, or if it is what failed."""
    entry, failed = state.entry, state.request
    state = replace(state, request=None)
    tried = state.of_fallback if failed is None else failed.error is not None
    if isinstance(entry, InlineTwiml) or not entry.fallback_url or tried or state.hung_up:
        return _apologise(state, turn)
    fallback = effects.Fetch(turn.new_id(), entry.fallback_url, entry.fallback_method, error=(code, url))
    return _fetch(state, fallback, turn)


def _too_many(state: State, url: str, turn: Turn) -> State:
    turn.notify(TOO_MANY_DOCUMENTS, f"{MOST_DOCUMENTS} documents in a row led nowhere", url)
    return _apologise(state, turn)


def _apologise(state: State, turn: Turn) -> State:
    """Tell the caller that the application has failed, and hang up."""
    if state.hung_up or turn.whisper or state.dialect is not VOICE:
        return _end(state, turn)
    turn.release()
    turn.answer()
    turn.start(effects.Speak, APOLOGY, "man", "en-US")
    return replace(state, phase=Phase.APOLOGISING, verb=None)
