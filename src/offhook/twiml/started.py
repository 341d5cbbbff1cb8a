"""What an effect starts: by which events it is answered, and how it is stopped. One row for each kind.

The interpreter routes answers and stops things by this table alone, so that a new kind is its effect, its event and a
row here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from offhook.twiml import effects, events


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of started thing.

    Attributes:
        answers: the events that tell of its end; each names it by its first field.
        stopped_by: the effect that ends it, None where it cannot be stopped.
        lingers: it stays active when it is stopped, until its result comes.
    """

    answers: tuple[type[events.Answer], ...]
    stopped_by: Callable[[int], effects.Effect] | None
    lingers: bool = False


_PLAY = Kind((events.Played, events.PlayFailed), effects.StopPlay)

STARTED: Mapping[type[effects.Started], Kind] = {
    effects.Speak: _PLAY,
    effects.PlayUrl: _PLAY,
    effects.PlayDigits: _PLAY,
    effects.Beep: _PLAY,
    effects.StartTimer: Kind((events.TimerFired,), effects.StopTimer),
    effects.StartRecording: Kind((events.RecordingDone,), effects.StopRecording, lingers=True),
    effects.Dial: Kind((events.DialDone,), effects.EndDial, lingers=True),
    effects.Echo: Kind((), effects.EndEcho),
    effects.Confer: Kind((events.DialDone,), effects.EndDial, lingers=True),
    effects.Take: Kind((events.DialDone,), effects.EndDial, lingers=True),
    effects.Enqueue: Kind((events.EnqueueDone,), effects.EndEnqueue, lingers=True),
    effects.Refer: Kind((events.ReferDone,), effects.EndRefer, lingers=True),
    effects.SendMessage: Kind((events.MessageQueued,), None),
}


def answered_id(event: events.Answer) -> int:
    """The id of what an event answers: its first field."""
    name: str = type(event).__match_args__[0]
    answered: int = getattr(event, name)
    return answered
