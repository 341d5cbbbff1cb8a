"""What rooms and calls of different nodes tell each other is the same after its way over the bus."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.calls import effects, events
from offhook.calls.rooms import encoding
from offhook.calls.rooms.effects import Beep
from offhook.calls.rooms.events import Left
from offhook.calls.status import CallStatus


def over_the_bus(value: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(encoding.encode(value)))


def any_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Events of a kind, with numbers that are numbers and fit into 64 bits, as all that are told do."""
    return st.from_type(kind).filter(fits)


def fits(event: Any) -> bool:
    try:
        return "nan" not in repr(event) and over_the_bus(event) is not None
    except OverflowError:
        return False


@pytest.mark.parametrize("kind", encoding.CALL_EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_what_a_call_is_told_arrives_as_it_was(kind: type[events.CallEvent], data: st.DataObject) -> None:
    event = data.draw(any_of(kind))
    assert encoding.call_event(over_the_bus(event)) == event


@pytest.mark.parametrize("kind", encoding.ROOM_EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=25)
@given(data=st.data())
def test_what_a_room_is_told_arrives_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    event = data.draw(any_of(kind))
    assert encoding.room_event(over_the_bus(event)) == event


def test_the_status_of_a_call_is_its_word() -> None:
    left = Left("CA1", status=CallStatus.COMPLETED)
    assert over_the_bus(left)["status"] == "completed"
    assert encoding.room_event(over_the_bus(left)) == left


@pytest.mark.parametrize("value", [Beep(entering=True), effects.Ring(), {"a": 1}])
def test_what_is_not_told_to_other_nodes(value: object) -> None:
    with pytest.raises(ValueError, match="is not told"):
        encoding.encode(value)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        "MemberGone",
        {},
        {"is": "Popen", "args": "true"},
        {"is": ["MemberGone"]},
        {"is": "MemberGone"},
        {"is": "MemberGone", "bridge": "b", "other": 1},
        {"is": "Purpose", "name": "NONE"},
        {"is": "Left", "call_sid": "CA1"},
    ],
)
def test_what_is_no_event_of_a_call(plain: object) -> None:
    with pytest.raises(ValueError, match=r"is no|is nothing|cannot be made"):
        encoding.call_event(plain)


def test_what_is_no_event_of_a_room() -> None:
    with pytest.raises(ValueError, match="MemberGone is nothing that a room is told"):
        encoding.room_event({"is": "MemberGone", "bridge": "b"})
