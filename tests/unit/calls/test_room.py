"""Who is in a room of whichever kind."""

from __future__ import annotations

import pytest

from offhook.calls.rooms.bridge import Bridge
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.events import Member
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.queue import Queue, Taker, Waiting
from offhook.calls.rooms.room import Room, calls_in


@pytest.mark.parametrize(
    ("room", "calls"),
    [
        (Bridge("CA1-1", "CA1", members=(Member("CA1"), Member("CA2"))), ("CA1", "CA2")),
        (Conference("CF1", "AC1", "Weekly", participants=(Participant("CA3"),)), ("CA3",)),
        (
            Queue("QU1", "AC1", "Line", members=(Waiting("CA4", 0, None),), takers=(Taker("CA5", "CA5-1"),)),
            ("CA4", "CA5"),
        ),
    ],
    ids=["bridge", "conference", "queue"],
)
def test_those_in_it(room: Room, calls: tuple[str, ...]) -> None:
    assert calls_in(room) == calls
