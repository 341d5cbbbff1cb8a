"""``<Dial>`` while it rings: the calls it places, and which of them joins first.

A part of `offhook.calls.call`. All targets ring at once, or in turn with ``sequential``; a target that answers
hears its whisper, if it has one, and the first that is through with it joins the room. What happens there is the
business of `offhook.calls.rooms.bridge`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from offhook.calls import effects, events
from offhook.calls.status import CallStatus
from offhook.twiml.effects import Dial, DialNumber, Pairs, Take

RING_TIMER = "dial-ring"

_RECORDS = frozenset({"record-from-answer", "record-from-answer-dual"})
_RECORDS_RINGING = frozenset({"record-from-ringing", "record-from-ringing-dual"})


@dataclass(frozen=True, slots=True)
class Child:
    """One call that a dial has placed. `number` names it until it has a SID."""

    number: int
    live: bool = True
    status: CallStatus = CallStatus.QUEUED
    call_sid: str | None = None
    sip_call_id: str | None = None
    sip_response: int | None = None
    sip_headers: Pairs = ()

    @property
    def rings(self) -> bool:
        """Whether it may still be given up as unanswered."""
        return self.live and self.status is not CallStatus.IN_PROGRESS


@dataclass(frozen=True, slots=True)
class Dialling:
    """A dial between its first INVITE and the moment somebody joins. `room` is where they will meet."""

    request: Dial
    room: str
    children: tuple[Child, ...] = ()
    waiting: int = 0
    """Index of the next target to call, when sequential."""
    early: int | None = None
    """The child whose early media the caller hears."""

    def child(self, number: int) -> Child:
        """The child of this number."""
        return next(child for child in self.children if child.number == number)


@dataclass(frozen=True, slots=True)
class Joined:
    """A child is through with its whisper, or had none; the others have been given up."""

    child: Child


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody is left to join; `child` is the one that the action names."""

    status: CallStatus
    child: Child


Result = Dialling | Joined | Unanswered
Step = tuple[Result, tuple[effects.CallEffect, ...]]
ChildEvent = (
    events.ChildPlaced | events.ChildRinging | events.ChildAnswered | events.ChildJoined | events.ChildEnded
)


def begin(request: Dial, room: str, next_child: int) -> tuple[Dialling, tuple[effects.CallEffect, ...]]:
    """Place the first calls. `next_child` is the first free child number of this call."""
    count = 1 if request.sequential else len(request.targets)
    children = tuple(Child(next_child + index) for index in range(count))
    placed = tuple(_place(request, index, child.number) for index, child in enumerate(children))
    timer = effects.SetTimer(RING_TIMER, request.timeout)
    return Dialling(request, room, children, waiting=count), (
        effects.PlayRingback(request.ring_tone),
        *placed,
        timer,
    )


def step(dialling: Dialling, event: ChildEvent) -> Step:
    """What a child did. One that has been given up is only heard of at its end."""
    child = next((child for child in dialling.children if child.number == event.child), None)
    if child is None:
        return dialling, ()
    match event:
        case events.ChildPlaced():
            dialling = _update(dialling, event.child, call_sid=event.call_sid)
            return dialling, () if child.live else (end(dialling.child(event.child)),)
        case events.ChildRinging() | events.ChildAnswered() | events.ChildJoined() if not child.live:
            return dialling, ()
        case events.ChildRinging():
            return _ringing(dialling, event)
        case events.ChildAnswered():
            return _answered(dialling, event)
        case events.ChildJoined():
            return _joined(dialling, event.child)
        case events.ChildEnded():
            dialling = _update(
                dialling,
                event.child,
                live=False,
                status=event.status,
                sip_call_id=event.sip_call_id,
                sip_response=event.sip_response,
            )
            return _ended(dialling, event.child)


def recording(request: Dial | Take) -> effects.RoomRecording | None:
    """How the bridge of a dial is to be recorded, if it is."""
    if request.record not in _RECORDS | _RECORDS_RINGING:
        return None
    return effects.RoomRecording(
        2 if request.record.endswith("-dual") and request.recording_track == "both" else 1,
        request.trim == "trim-silence",
        request.record in _RECORDS_RINGING,
        request.recording_callback,
        request.recording_track,
    )


def note(event: ChildEvent) -> effects.Note:
    """A dialled call's doings, for the timeline of the one that dialled it."""
    match event:
        case events.ChildPlaced():
            return effects.Note(
                "dialled", (("child", str(event.child)), ("sid", event.call_sid), ("to", event.to))
            )
        case events.ChildEnded():
            response = (("response", str(event.sip_response)),) if event.sip_response else ()
            by = (("by", event.by.value),) if event.by is not None else ()
            code = (("code", str(event.code)),) if event.code is not None else ()
            ended = (("child", str(event.child)), ("status", event.status.value), *response, *by, *code)
            return effects.Note("child ended", ended)
        case events.ChildRinging():
            return effects.Note("child rings", (("child", str(event.child)),))
        case events.ChildAnswered():
            return effects.Note("child answered", (("child", str(event.child)),))
        case events.ChildJoined():
            return effects.Note("child joined", (("child", str(event.child)),))


def ring_timeout(dialling: Dialling) -> Step:
    """It has rung for long enough: give up whoever has not answered. Who hears its whisper may go on."""
    unanswered = _give_up(dialling, CallStatus.NO_ANSWER)
    dialling = replace(
        dialling,
        children=tuple(
            replace(child, live=False, status=CallStatus.NO_ANSWER) if child.rings else child
            for child in dialling.children
        ),
    )
    result, more = _go_on(dialling)
    return result, (*unanswered, *more)


def abandon(dialling: Dialling, status: CallStatus) -> tuple[Unanswered, tuple[effects.CallEffect, ...]]:
    """The caller has gone, or does something else: end all that is left of the dial."""
    given_up = _give_up(dialling, CallStatus.CANCELED, answered_too=True)
    return Unanswered(status, dialling.children[-1]), (*_silence(), *given_up)


def _ringing(dialling: Dialling, event: events.ChildRinging) -> Step:
    """A target rings; its early media replaces our own ringing tone, unless several ring at once."""
    dialling = _update(dialling, event.child, status=CallStatus.RINGING)
    child = dialling.child(event.child)
    if not event.early_media or len(dialling.children) > 1 or dialling.early or child.call_sid is None:
        return dialling, ()
    heard = effects.Tell(child.call_sid, events.Admitted(dialling.room, early=True))
    return replace(dialling, early=event.child), (effects.StopRingback(), heard)


def _answered(dialling: Dialling, event: events.ChildAnswered) -> Step:
    """A target answered, and may have a whisper to hear: it does not ring any more."""
    dialling = _update(
        dialling,
        event.child,
        status=CallStatus.IN_PROGRESS,
        sip_call_id=event.sip_call_id,
        sip_response=200,
        sip_headers=event.sip_headers,
    )
    done: tuple[effects.CallEffect, ...] = ()
    if not any(child.rings for child in dialling.children):
        done = (effects.ClearTimer(RING_TIMER),)
    if dialling.early == event.child and _whisper(dialling, event.child):
        # Its audio is not for the caller until it has joined.
        dialling = replace(dialling, early=None)
        done += (effects.PlayRingback(dialling.request.ring_tone),)
    return dialling, done


def _whisper(dialling: Dialling, number: int) -> bool:
    """Whether a child hears a document before it joins."""
    return any(
        child.number == number and target.url is not None
        for child, target in zip(dialling.children, dialling.request.targets, strict=False)
    )


def _joined(dialling: Dialling, number: int) -> Step:
    """The first that is ready joins, and the others are given up."""
    child = dialling.child(number)
    assert child.call_sid is not None
    others = replace(dialling, children=tuple(one for one in dialling.children if one is not child))
    admitted = effects.Tell(child.call_sid, events.Admitted(dialling.room))
    return Joined(child), (*_silence(), *_give_up(others, CallStatus.CANCELED, answered_too=True), admitted)


def _ended(dialling: Dialling, number: int) -> Step:
    """A target is out of the game."""
    if dialling.early == number:
        dialling = replace(dialling, early=None)
    return _go_on(dialling, dialling.child(number))


def _go_on(dialling: Dialling, last: Child | None = None) -> Step:
    """Wait for those who are left, call the next one, or tell that nobody is."""
    if any(child.live for child in dialling.children):
        return dialling, ()
    if dialling.waiting < len(dialling.request.targets):
        return _next(dialling)
    child = last or dialling.children[-1]
    return Unanswered(child.status, child), _silence()


def _silence() -> tuple[effects.CallEffect, ...]:
    return effects.ClearTimer(RING_TIMER), effects.StopRingback()


def _place(request: Dial, index: int, number: int) -> effects.PlaceChild:
    """Only a telephone has to be called from a number of the account's; a SIP address may be shown any name."""
    target = request.targets[index]
    checked = request.check_caller_id and isinstance(target, DialNumber)
    return effects.PlaceChild(number, target, request.caller_id, request.timeout, checked)


def _next(dialling: Dialling) -> Step:
    """Call the next target of a sequential dial, with a ring timeout of its own."""
    number = dialling.children[-1].number + 1
    placed = _place(dialling.request, dialling.waiting, number)
    dialling = replace(
        dialling, children=(*dialling.children, Child(number)), waiting=dialling.waiting + 1, early=None
    )
    request = dialling.request
    return dialling, (
        effects.PlayRingback(request.ring_tone),
        placed,
        effects.SetTimer(RING_TIMER, request.timeout),
    )


def _give_up(
    dialling: Dialling, unanswered: CallStatus, *, answered_too: bool = False
) -> tuple[effects.CallEffect, ...]:
    """End the children that ring, or all that live."""
    ends: list[effects.CallEffect] = []
    for child in dialling.children:
        if child.live and (answered_too or child.rings):
            ends.append(end(child, unanswered))
    return tuple(ends)


def end(child: Child, unanswered: CallStatus = CallStatus.CANCELED) -> effects.CallEffect:
    """End a child, or keep one from being placed; its status is `unanswered` if nobody has answered it."""
    if child.call_sid is None:
        return effects.DropChild(child.number)
    return effects.Tell(child.call_sid, events.HangUpRequested(events.EndedBy.DIAL, unanswered=unanswered))


def _update(
    dialling: Dialling,
    number: int,
    *,
    live: bool = True,
    status: CallStatus | None = None,
    call_sid: str | None = None,
    sip_call_id: str | None = None,
    sip_response: int | None = None,
    sip_headers: Pairs = (),
) -> Dialling:
    """The dial with what is new of a child."""
    children = tuple(
        replace(
            child,
            live=live and child.live,
            status=status or child.status,
            call_sid=call_sid or child.call_sid,
            sip_call_id=sip_call_id or child.sip_call_id,
            sip_response=sip_response or child.sip_response,
            sip_headers=sip_headers or child.sip_headers,
        )
        if child.number == number
        else child
        for child in dialling.children
    )
    return replace(dialling, children=children)
