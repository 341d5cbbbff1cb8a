"""One execution of TwiML, as a pure function of frozen state.

    state, effects = start(entry, facts)
    state, effects = step(state, event)

until `state.finished`. An execution is a stack of frames (`offhook.twiml.frame`), each a document at work: the
call's own TwiML, above it a whisper or the apology, or what it hears in a room: music while it waits or is on hold,
an announcement over that. Of these only the newest is at work. Answers are routed by id to the frame that started what
they answer, or to what runs in the background. What is decided here: what the end of a frame means, what a
redirect and a hang-up do to all of them, and that an inbound call is answered at most once.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from offhook.errors import title
from offhook.twiml import effects, events, frame
from offhook.twiml.effects import Effect
from offhook.twiml.entry import (
    CallFacts,
    Entry,
    EntryPoint,
    InlineTwiml,
    MessageFacts,
    Parties,
    Purpose,
)
from offhook.twiml.events import Event
from offhook.twiml.frame import MOST_DOCUMENTS, OVER_A_VERB, REPEATED, After, Frame, Phase
from offhook.twiml.schema import VOICE, Dialect
from offhook.twiml.started import STARTED, answered_id
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Enter, Flow

__all__ = [
    "MOST_DOCUMENTS",
    "CallFacts",
    "Entry",
    "EntryPoint",
    "InlineTwiml",
    "MessageFacts",
    "State",
    "idle",
    "start",
    "step",
]

MOST_TYPED_AHEAD = 64
MOST_ANNOUNCEMENTS = 20
"""Announcements to one call that wait for each other."""


class State(Struct, frozen=True):
    """Where an execution stands.

    Attributes:
        frames: the documents at work, the newest last. None at all: a dialled call that has nothing of its own to
            do, as long as the execution is not `over`.
        background: what outlives its verb, by name, and its id.
    """

    parties: Parties
    dialect: Dialect = VOICE
    frames: tuple[Frame, ...] = ()
    background: tuple[tuple[str, tuple[int, effects.Started]], ...] = ()
    answered: bool = False
    hung_up: bool = False
    over: bool = False
    typed: str = ""
    next_id: int = 0

    @property
    def finished(self) -> bool:
        """Whether no event will have any effect any more."""
        return self.over and not self.background


Step = tuple[State, list[Effect]]


def idle(facts: Parties, dialect: Dialect = VOICE) -> State:
    """An execution that has nothing to do yet: a dialled call, until something is pushed or it is redirected."""
    return State(facts, dialect, answered=not isinstance(facts, CallFacts) or facts.answered)


def start(entry: Entry, facts: Parties, dialect: Dialect = VOICE, purpose: Purpose = Purpose.MAIN) -> Step:
    """Begin: fetch the entry point's document, or run the inline one."""
    state = idle(facts, dialect)
    turn = _turn(state)
    return _closed(_push(state, Frame(purpose, entry, state.dialect), turn), turn)


def step(state: State, event: Event) -> Step:
    """Take one event; events after the end, and answers to what was stopped, change nothing.

    A redirect after the end of the TwiML goes on: the caller has not hung up, and still hears the last of it.
    """
    match event:
        case events.HungUp() if state.over:
            return replace(state, hung_up=True), []
        case events.Redirected() if not state.hung_up:
            state = replace(state, over=False)
    if state.finished:
        return state, []
    turn = _turn(state)
    return _closed(_take(state, event, turn), turn)


def _turn(state: State) -> Turn:
    return Turn(
        state.parties,
        answered=state.answered,
        hung_up=state.hung_up,
        typed=state.typed,
        next_id=state.next_id,
        background=dict(state.background),
    )


def _closed(state: State, turn: Turn) -> Step:
    """Freeze what the step has changed."""
    state = replace(
        state,
        answered=turn.answered,
        typed=turn.typed[:MOST_TYPED_AHEAD],
        next_id=turn.next_id,
        background=tuple(turn.background.items()),
    )
    return state, turn.wanted


def _take(state: State, event: Event, turn: Turn) -> State:
    match event:
        case (
            events.Redirected() | events.Pushed() | events.Popped() | events.DigitPressed() | events.HungUp()
        ):
            return state if state.over or state.hung_up else _told(state, event, turn)
        case events.Fetched() | events.FetchFailed():
            for index, asking in enumerate(state.frames):
                if asking.request is not None and asking.request.request == event.request:
                    _stand_in(asking, turn)
                    return _settle(state, index, frame.responded(asking, event, turn), turn)
            return state
        case _:
            return _answered(state, event, turn)


def _told(
    state: State,
    event: events.Redirected | events.Pushed | events.Popped | events.DigitPressed | events.HungUp,
    turn: Turn,
) -> State:
    """What comes from outside, and answers nothing."""
    match event:
        case events.Redirected(entry, after):
            if after is not None:
                _supersede(state.frames, after, turn)
            _release(state.frames, turn)
            return _push(replace(state, frames=()), Frame(Purpose.MAIN, entry, state.dialect), turn)
        case events.Pushed(purpose, entry):
            return _pushed(state, Frame(purpose, entry, state.dialect), turn)
        case events.Popped(purpose):
            return _woken(_without(state, purpose, turn), turn)
        case events.DigitPressed():
            return _digit(state, event, turn)
        case events.HungUp():
            return _hung_up(state, turn)


def _answered(state: State, event: events.Answer, turn: Turn) -> State:
    """What a frame, or something in the background, had started has come to an end."""
    for index, waiting in enumerate(state.frames):
        _stand_in(waiting, turn)
        if turn.ended(event):
            waiting = frame.time_passed(waiting, event)
            state = _put(state, index, waiting)
            return _gone_on(state, index, frame.answered(waiting, event, turn), turn)
    answered = answered_id(event)
    for name, (started, effect) in list(turn.background.items()):
        if started == answered and isinstance(event, STARTED[type(effect)].answers):
            del turn.background[name]
            _background_ended(event, turn)
    return state


def _gone_on(state: State, index: int, after: After, turn: Turn) -> State:
    """A frame goes on: if its verb is over, so is what was heard above it meanwhile."""
    above, verb = state.frames[index + 1 :], state.frames[index].verb
    state = _settle(state, index, after, turn)
    if not above or not isinstance(after, Frame) or after.verb is verb:
        return state
    # What it plays next would wait for the end of what is heard: that is stopped first.
    wanted, turn.wanted = turn.wanted, []
    _release(above, turn)
    turn.wanted += wanted
    return replace(state, frames=state.frames[: index + 1])


def _supersede(frames: tuple[Frame, ...], after: events.EnqueueDone, turn: Turn) -> None:
    """Tell the application of a verb what it has come to by a redirect. What comes back is not run."""
    for superseded in frames:
        _stand_in(superseded, turn)
        goto = superseded.verb.superseded(after) if superseded.verb is not None else None
        if goto is not None and (url := turn.absolute(goto.url or turn.base or "")) is not None:
            turn.want(effects.Fetch(turn.new_id(), url, goto.method, goto.params, final=True))


def _background_ended(event: events.Answer, turn: Turn) -> None:
    """What failed in the background is put on record: no verb is left to do it."""
    turn.base = None
    if isinstance(event, events.MessageQueued) and event.code is not None:
        turn.notify(event.code, event.detail)


def _digit(state: State, event: events.DigitPressed, turn: Turn) -> State:
    """A key is the newest document's; without one it waits for the next."""
    if not state.frames:
        turn.typed += event.digit
        return state
    index = len(state.frames) - 1
    newest = state.frames[index]
    _stand_in(newest, turn)
    newest = frame.time_passed(newest, event)
    return _settle(_put(state, index, newest), index, frame.pressed(newest, event, turn), turn)


def _hung_up(state: State, turn: Turn) -> State:
    """The caller is gone: whatever was for its ears ends, and the call's own TwiML says what is left to do."""
    turn.hung_up = True
    main = tuple(kept for kept in state.frames if kept.purpose is Purpose.MAIN)
    _release(tuple(kept for kept in state.frames if kept.purpose is not Purpose.MAIN), turn)
    state = replace(state, hung_up=True, frames=main)
    if not main:
        return replace(state, over=True)
    _stand_in(main[0], turn)
    return _settle(state, 0, frame.hung_up(main[0], turn), turn)


# Frames


def _stand_in(at_work: Frame, turn: Turn) -> None:
    """Let the turn work for a frame."""
    told = at_work.told
    if told is None and at_work.purpose in REPEATED:
        told = frozenset()
    turn.stand_in(at_work.base, at_work.active, at_work.notices, told, at_work.purpose)


def _put(state: State, index: int, changed: Frame) -> State:
    """A frame is not as it was."""
    return replace(state, frames=(*state.frames[:index], changed, *state.frames[index + 1 :]))


def _push(state: State, new: Frame, turn: Turn) -> State:
    """Begin a document above those that are at work."""
    _stand_in(new, turn)
    state = replace(state, frames=(*state.frames, new))
    return _settle(state, len(state.frames) - 1, frame.begin(new, turn), turn)


def _pushed(state: State, new: Frame, turn: Turn) -> State:
    """Begin a document in place of one for the same purpose; an announcement that is being made is not disturbed."""
    purposes = [at_work.purpose for at_work in state.frames]
    if Purpose.ANNOUNCEMENT in purposes:
        return _held_back(state, new, purposes.index(Purpose.ANNOUNCEMENT), turn)
    state = _without(state, new.purpose, turn)
    quiet = tuple(_held(below, turn) if below.purpose in REPEATED else below for below in state.frames)
    return _push(replace(state, frames=quiet), new, turn)


def _held_back(state: State, new: Frame, index: int, turn: Turn) -> State:
    """Let a document wait for the end of the announcements from `index` on."""
    if new.purpose is Purpose.ANNOUNCEMENT and len(state.frames) - index >= MOST_ANNOUNCEMENTS:
        turn.want(_announced(new, "too many announcements wait"))
        return state
    below, announcements = state.frames[:index], state.frames[index:]
    others = _without(replace(state, frames=below), new.purpose, turn).frames
    return replace(state, frames=(*others, _held(new, turn), *announcements))


def _held(heard: Frame, turn: Turn) -> Frame:
    """A document that is silent until what is heard above it has ended, and begins anew then."""
    _release((heard,), turn)
    return Frame(heard.purpose, heard.entry, heard.dialect, Phase.HELD, told=heard.told)


def _without(state: State, purpose: Purpose, turn: Turn) -> State:
    """End what runs for this purpose."""
    _release(tuple(ended for ended in state.frames if ended.purpose is purpose), turn)
    return replace(state, frames=tuple(kept for kept in state.frames if kept.purpose is not purpose))


def _woken(state: State, turn: Turn) -> State:
    """The newest document begins, if it was held until now."""
    if not state.frames or state.frames[-1].phase is not Phase.HELD:
        return state
    *others, held = state.frames
    return _push(replace(state, frames=tuple(others)), replace(held, phase=Phase.FETCHING), turn)


def _settle(state: State, index: int, after: After, turn: Turn) -> State:
    """Keep a frame as it now is, or see to its end."""
    if isinstance(after, Frame):
        kept = replace(after, active=tuple(turn.active.items()), notices=turn.notices, told=turn.told)
        return _put(state, index, kept)
    turn.release()
    ended = replace(state.frames[index], told=turn.told)
    state = replace(state, frames=(*state.frames[:index], *state.frames[index + 1 :]))
    if ended.purpose in OVER_A_VERB:
        return _heard(state, ended, index, after, turn)
    match after:
        case Enter():
            return _apologise(state, ended, after, turn)
        case Flow.POP if ended.purpose is Purpose.WHISPER:
            turn.want(effects.Join())
            return state
        case Flow.DECLINED:
            return replace(state, frames=(), over=True)
    return _end(state, turn, ended.code)


def _heard(state: State, ended: Frame, index: int, after: After, turn: Turn) -> State:
    """A document that was run above a verb has ended, or (`Enter`) failed: silence then, and the call goes on.

    ``<Hangup>`` in it ends the call, of which the verb below is told by `HungUp`.
    """
    match ended.purpose:
        case Purpose.HANDOVER:
            turn.want(effects.Join())
        case Purpose.ANNOUNCEMENT:
            failed = _reason(after) if isinstance(after, Enter) else None
            turn.want(_announced(ended, failed))
            return _woken(state, turn)
        case _ if after is Flow.POP:
            # A document that is fetched has been counted; an inline one that is over at once has not.
            at_once = isinstance(ended.entry, InlineTwiml) and ended.phase is not frame.Phase.RUNNING
            documents = ended.documents + at_once
            again = Frame(ended.purpose, ended.entry, state.dialect, documents=documents, told=ended.told)
            state = replace(state, frames=(*state.frames[:index], again, *state.frames[index:]))
            _stand_in(again, turn)
            begun = frame.rest(again, turn) if documents else frame.begin(again, turn)
            return _settle(state, index, begun, turn)
        case _ if after is Flow.END:
            turn.want(effects.HangUp())
    return state


def _reason(failed: Enter) -> str:
    """What kept a document from being run."""
    return f"{failed.code} {title(failed.code)}" if failed.code is not None else "The document cannot be run"


def _announced(announcement: Frame, failed: str | None) -> effects.Announced:
    entry = announcement.entry
    return effects.Announced(failed, entry.url if isinstance(entry, EntryPoint) else "")


def _apologise(state: State, failed: Frame, apology: Enter, turn: Turn) -> State:
    """Tell the caller that the application has failed; one that is not yet talked to, or is gone, is not told."""
    if state.hung_up or failed.purpose is not Purpose.MAIN or state.dialect is not VOICE:
        return _end(state, turn, failed.code or apology.code)
    _release(state.frames, turn)
    frame = Frame(apology.purpose, apology.entry, state.dialect, code=apology.code)
    return _push(replace(state, frames=()), frame, turn)


def _end(state: State, turn: Turn, code: int | None) -> State:
    """Nothing more is to be done, for an error or without one: hang up, if there is somebody to hang up on."""
    _release(state.frames, turn)
    if state.dialect is VOICE and not state.hung_up:
        turn.answer()
        turn.want(effects.HangUp(code))
    return replace(state, frames=(), over=True)


def _release(frames: tuple[Frame, ...], turn: Turn) -> None:
    """Stop all that these frames have started."""
    for stopped in frames:
        _stand_in(stopped, turn)
        turn.release()
