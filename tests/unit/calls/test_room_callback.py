"""The request that tells of an event of a conference."""

from __future__ import annotations

from datetime import UTC, datetime

from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.effects import Report
from offhook.twiml.effects import StatusCallback

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REPORT = Report("participant-join", 3, (("CallSid", "CA1"), ("Muted", "false")))


def test_it_says_what_has_happened_where_and_when() -> None:
    callback = StatusCallback("http://app/events", "GET", ("join",))
    told = conference_callback(Conference("CF1", "AC1", "Weekly", callback=callback), REPORT, AT)
    assert told is not None and (told.url, told.method, told.event) == (
        callback.url,
        "GET",
        "participant-join",
    )
    params = dict(told.params)
    assert params.pop("Timestamp") == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert params == {
        "ConferenceSid": "CF1",
        "FriendlyName": "Weekly",
        "AccountSid": "AC1",
        "SequenceNumber": "3",
        "StatusCallbackEvent": "participant-join",
        "CallSid": "CA1",
        "Muted": "false",
    }


def test_nobody_is_told_who_has_not_asked() -> None:
    assert conference_callback(Conference("CF1", "AC1", "Weekly"), REPORT, AT) is None
