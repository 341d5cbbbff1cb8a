"""What rooms and calls tell each other, as plain values that another node can be sent, and back.

An event is a mapping of its fields, with its type's name under ``is``; so is each value in it that has fields. The
reader makes nothing that is not in `VOCABULARY`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

from offhook.calls import events as calls
from offhook.calls.events import CallEvent
from offhook.calls.rooms import conference, events, participant, queue
from offhook.calls.rooms.room import RoomEvent
from offhook.twiml import entry

CALL_EVENTS: Final = (
    calls.RoomEnded,
    calls.TurnedAway,
    calls.RoomPushed,
    calls.RoomPopped,
    calls.InQueue,
    calls.Called,
    calls.Served,
    calls.MemberJoined,
    calls.MemberGone,
    calls.LeftQueue,
    calls.RedirectRequested,
)
"""What a room, or whom it has brought together with a call, tells it."""

ROOM_EVENTS: Final = (
    conference.ParticipantEntered,
    queue.Enqueued,
    queue.Taking,
    events.Entered,
    events.Left,
    events.AnnouncementOver,
)
"""What a call tells a room."""

VOCABULARY: Final[dict[str, type]] = {
    kind.__name__: kind
    for kind in (
        *CALL_EVENTS,
        *ROOM_EVENTS,
        calls.Recorded,
        events.Member,
        participant.Participant,
        queue.Taker,
        entry.EntryPoint,
        entry.InlineTwiml,
        entry.Retrieved,
        entry.Purpose,
    )
}

_KIND: Final = "is"


def encode(value: Any) -> Any:
    """An event as plain values: mappings, text, octets, numbers, None.

    Raises:
        ValueError: it has something in it that is not in the vocabulary.
    """
    name = type(value).__name__
    if VOCABULARY.get(name) is not type(value):
        if value is None or type(value) in (str, bytes, int, float, bool):
            return value
        if isinstance(value, str):
            return str(value)
        raise ValueError(f"{name} is not told to other nodes")
    if isinstance(value, Enum):
        return {_KIND: name, "name": value.name}
    # All else there is a dataclass or a struct, which names its fields so.
    kind: Any = type(value)
    return {_KIND: name, **{field: encode(getattr(value, field)) for field in kind.__match_args__}}


def call_event(plain: Any) -> CallEvent:
    """Read what a call is told. Raises ValueError."""
    event = _decode(plain)
    if not isinstance(event, CALL_EVENTS):
        raise ValueError(f"{type(event).__name__} is nothing that a call is told")
    return event


def room_event(plain: Any) -> RoomEvent:
    """Read what a room is told. Raises ValueError."""
    event = _decode(plain)
    if not isinstance(event, ROOM_EVENTS):
        raise ValueError(f"{type(event).__name__} is nothing that a room is told")
    return event


def _decode(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    kind = VOCABULARY.get(str(plain.get(_KIND)))
    if kind is None:
        raise ValueError(f"{plain.get(_KIND)!r} is no word of the vocabulary")
    values = {name: _decode(value) for name, value in plain.items() if name != _KIND}
    try:
        return kind[values["name"]] if issubclass(kind, Enum) else kind(**values)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{kind.__name__} cannot be made of {sorted(values)}") from error
