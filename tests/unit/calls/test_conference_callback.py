"""The status callback of a conference."""

from __future__ import annotations

from datetime import UTC, datetime

from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.effects import Report
from offhook.twiml.effects import StatusCallback

AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
REPORT = Report("participant-join", 3, (("CallSid", "CA1"), ("Muted", "false")))


def test_an_event_of_a_conference_is_told() -> None:
    room = Conference("CF1", "AC1", "Standup", StatusCallback("http://app/conference", "GET", ("join",)))
    told = conference_callback(room, REPORT, AT)
    assert told is not None
    assert (told.url, told.method, told.event) == ("http://app/conference", "GET", "participant-join")
    assert told.params == (
        ("ConferenceSid", "CF1"),
        ("FriendlyName", "Standup"),
        ("AccountSid", "AC1"),
        ("SequenceNumber", "3"),
        ("Timestamp", "Sun, 01 Mar 2026 12:00:05 +0000"),
        ("StatusCallbackEvent", "participant-join"),
        ("CallSid", "CA1"),
        ("Muted", "false"),
    )


def test_nobody_is_told_who_did_not_ask() -> None:
    assert conference_callback(Conference("CF1", "AC1", "Standup"), REPORT, AT) is None
