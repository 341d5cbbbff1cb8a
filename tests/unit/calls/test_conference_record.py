"""What a conference puts on record, and which of it its status callback is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import Conference, ConferenceEvent, ParticipantEntered, step
from offhook.calls.rooms.effects import Report
from offhook.calls.rooms.events import EndRequested, Left
from offhook.calls.rooms.participant import Participant
from offhook.twiml.effects import StatusCallback

AT = datetime(2026, 1, 1, tzinfo=UTC)
EVENTS: tuple[ConferenceEvent, ...] = (
    ParticipantEntered(Participant("CA1")),
    ParticipantEntered(Participant("CA2")),
    Left("CA1", status="completed"),
    EndRequested(),
)


def reports(callback: StatusCallback | None) -> list[tuple[Report, bool]]:
    """What two calls in a conference that is ended lead to, and of which the callback is told."""
    room = Conference("CF1", "AC1", "room", callback)
    found = []
    for event in EVENTS:
        room, done = step(room, event, 0.0)
        found += [one for one in done if isinstance(one, Report)]
    return [(one, conference_callback(room, one, AT) is not None) for one in found]


@pytest.mark.parametrize("events", [None, (), ("start", "end")])
def test_all_is_on_record_and_what_is_asked_for_is_told_and_numbered(events: tuple[str, ...] | None) -> None:
    callback = StatusCallback("https://app.example/", "POST", events) if events is not None else None
    found = reports(callback)
    assert [report.event for report, _ in found] == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    told = [(report.event, report.sequence) for report, is_told in found if is_told]
    assert told == ([("conference-start", 1), ("conference-end", 2)] if events else [])
    assert all(report.sequence is None for report, is_told in found if not is_told)
