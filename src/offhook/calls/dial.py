"""``<Dial>`` in progress: the calls it places, who answers first, and how it ends.

A part of `offhook.calls.call`. All targets ring at once, or in turn with ``sequential``; the first
to answer is bridged and the others are cancelled. The status that the dial ends with is Twilio's
``DialCallStatus``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from offhook.calls import effects
from offhook.calls.events import BridgeRecorded, ChildAnswered, ChildEnded, ChildPlaced, ChildRinging
from offhook.calls.status import CallStatus, billable_seconds
from offhook.twiml.effects import Dial
from offhook.twiml.events import DialDone, DialStatus

RING_TIMER = "dial-ring"
LIMIT_TIMER = "dial-limit"

_DIAL_STATUS: dict[CallStatus, DialStatus] = {
    CallStatus.COMPLETED: "completed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no-answer",
    CallStatus.FAILED: "failed",
    CallStatus.CANCELED: "canceled",
}

_RECORDS = frozenset({"record-from-answer", "record-from-ringing"})
_RECORDS_DUAL = frozenset({"record-from-answer-dual", "record-from-ringing-dual"})


@dataclass(frozen=True, slots=True)
class Child:
    """One call that a dial has placed. `number` names it towards voice."""

    number: int
    live: bool = True
    status: CallStatus = CallStatus.QUEUED
    call_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Dialling:
    """A dial between its first INVITE and its end."""

    request: Dial
    children: tuple[Child, ...] = ()
    waiting: int = 0
    """Index of the next target to call, when sequential."""
    bridged: int | None = None
    bridged_at: float | None = None
    early: int | None = None
    """The child whose early media the caller hears."""
    outcome: ChildEnded | None = None
    recording: int | None = None
    recorded: BridgeRecorded | None = None
    over: CallStatus | None = None
    """Set when everything has ended but the recording."""
    ended_at: float = 0.0

    @property
    def ends_on_star(self) -> bool:
        """Whether ``*`` of the caller ends the dial now."""
        return self.request.hangup_on_star and self.bridged is not None and self.over is None


Step = tuple[Dialling, tuple[object, ...]]


def begin(request: Dial, next_child: int) -> Step:
    """Place the first calls. `next_child` is the first free child number of this call."""
    count = 1 if request.sequential else len(request.targets)
    children = tuple(Child(next_child + index) for index in range(count))
    placed = tuple(_place(request, index, child.number) for index, child in enumerate(children))
    dialling = Dialling(request, children, waiting=count)
    started: tuple[object, ...] = (effects.SetTimer(RING_TIMER, request.timeout),)
    if request.record in {"record-from-ringing", "record-from-ringing-dual"}:
        dialling, recording = _record(dialling)
        started += recording
    return dialling, (effects.PlayRingback(request.ring_tone), *placed, *started)


def child_placed(dialling: Dialling, event: ChildPlaced) -> Dialling:
    """A target is being called: the action of a dial that nobody answers names it all the same."""
    return _update(dialling, event.child, status=CallStatus.QUEUED, call_sid=event.call_sid)


def child_ringing(dialling: Dialling, event: ChildRinging) -> Step:
    """A target rings; its early media replaces our own ringing tone, unless several ring at once."""
    dialling = _update(dialling, event.child, status=CallStatus.RINGING)
    if not event.early_media or len(dialling.children) > 1 or dialling.early or dialling.bridged is not None:
        return dialling, ()
    return replace(dialling, early=event.child), (effects.StopRingback(), effects.Connect(event.child))


def child_answered(dialling: Dialling, event: ChildAnswered, now: float) -> Step:
    """A target answered: bridge it, or hang it up when another was faster."""
    if dialling.bridged is not None or dialling.over is not None:
        return dialling, (effects.EndChild(event.child),)
    request = dialling.request
    dialling = _update(dialling, event.child, status=CallStatus.IN_PROGRESS, call_sid=event.call_sid)
    dialling = replace(dialling, bridged=event.child, bridged_at=now)
    losers = tuple(
        effects.EndChild(child.number)
        for child in dialling.children
        if child.live and child.number != event.child
    )
    done: tuple[object, ...] = (
        effects.ClearTimer(RING_TIMER),
        effects.StopRingback(),
        *losers,
        effects.Connect(event.child, detect_star=request.hangup_on_star),
        effects.SetTimer(LIMIT_TIMER, request.time_limit),
    )
    if dialling.recording is None and request.record in _RECORDS | _RECORDS_DUAL:
        dialling, recording = _record(dialling)
        done += recording
    return dialling, done


def child_ended(dialling: Dialling, event: ChildEnded, now: float) -> Step:
    """A target's call is over: the dial ends with it, or waits for or calls another."""
    dialling = _update(dialling, event.child, live=False, status=event.status, call_sid=event.call_sid)
    dialling = replace(dialling, outcome=event)
    if dialling.over is not None:
        return dialling, ()
    if dialling.bridged is not None:
        return (
            finish(dialling, CallStatus.COMPLETED, now) if event.child == dialling.bridged else (dialling, ())
        )
    if any(child.live for child in dialling.children):
        return dialling, ()
    if dialling.waiting < len(dialling.request.targets):
        return _next(dialling)
    return finish(dialling, event.status, now)


def ring_timeout(dialling: Dialling, now: float) -> Step:
    """Nobody answered in time."""
    if dialling.bridged is not None or dialling.over is not None:
        return dialling, ()
    if dialling.waiting < len(dialling.request.targets):
        live = _end_live(dialling, CallStatus.NO_ANSWER)
        dialling = replace(
            dialling, children=tuple(replace(child, live=False) for child in dialling.children)
        )
        dialling, placed = _next(dialling)
        return dialling, live + placed
    return finish(dialling, CallStatus.NO_ANSWER, now)


def finish(dialling: Dialling, status: CallStatus, now: float) -> Step:
    """End what is left of the dial; `done` is true once its recording, if any, is complete."""
    if dialling.over is not None:
        return dialling, ()
    unanswered = CallStatus.NO_ANSWER if status is CallStatus.NO_ANSWER else CallStatus.CANCELED
    ends = _end_live(dialling, unanswered)
    done: tuple[object, ...] = (
        effects.ClearTimer(RING_TIMER),
        effects.ClearTimer(LIMIT_TIMER),
        effects.StopRingback(),
        effects.Disconnect(),
        *ends,
    )
    if dialling.recording is not None and dialling.recorded is None:
        done += (effects.StopBridgeRecording(dialling.recording),)
    return replace(dialling, over=status, ended_at=now), done


def recorded(dialling: Dialling, event: BridgeRecorded) -> Dialling:
    """The dial's recording is complete."""
    return replace(dialling, recorded=event if event.sid else None, recording=None)


def is_done(dialling: Dialling) -> bool:
    """Whether the interpreter may be told."""
    return dialling.over is not None and dialling.recording is None


def result(dialling: Dialling) -> DialDone:
    """What the interpreter is told when the dial is done."""
    chosen = dialling.bridged
    child = next((c for c in dialling.children if c.number == chosen), None) or dialling.children[-1]
    outcome = dialling.outcome
    kept = dialling.recorded
    return DialDone(
        dial=dialling.request.dial,
        status=_DIAL_STATUS[dialling.over or CallStatus.FAILED],
        call_sid=child.call_sid,
        duration=billable_seconds(dialling.bridged_at, dialling.ended_at),
        bridged=chosen is not None,
        recording_sid=kept.sid if kept else None,
        recording_url=kept.url if kept else None,
        recording_duration=kept.duration if kept else None,
        sip_call_id=outcome.sip_call_id if outcome else None,
        sip_response_code=outcome.sip_response if outcome else None,
    )


def _place(request: Dial, index: int, number: int) -> effects.PlaceChild:
    return effects.PlaceChild(
        number, request.targets[index], request.caller_id, request.timeout, request.check_caller_id
    )


def _next(dialling: Dialling) -> Step:
    """Call the next target of a sequential dial, with a ring timeout of its own."""
    number = dialling.children[-1].number + 1
    placed = _place(dialling.request, dialling.waiting, number)
    dialling = replace(
        dialling, children=(*dialling.children, Child(number)), waiting=dialling.waiting + 1, early=None
    )
    return dialling, (placed, effects.SetTimer(RING_TIMER, dialling.request.timeout))


def _end_live(dialling: Dialling, unanswered: CallStatus) -> tuple[effects.EndChild, ...]:
    return tuple(effects.EndChild(child.number, unanswered) for child in dialling.children if child.live)


def _record(dialling: Dialling) -> Step:
    request = dialling.request
    channels = 2 if request.record in _RECORDS_DUAL else 1
    started = effects.RecordBridge(
        request.dial, channels, request.trim == "trim-silence", request.recording_callback
    )
    return replace(dialling, recording=request.dial), (started,)


def _update(
    dialling: Dialling,
    number: int,
    *,
    live: bool = True,
    status: CallStatus,
    call_sid: str | None = None,
) -> Dialling:
    children = tuple(
        replace(child, live=live and child.live, status=status, call_sid=call_sid or child.call_sid)
        if child.number == number
        else child
        for child in dialling.children
    )
    return replace(dialling, children=children)
