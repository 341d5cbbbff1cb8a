"""A participant of a conference that is recorded itself (`<Dial record>`): its verb waits for what was kept."""

from __future__ import annotations

import pytest
from tests.unit.calls.driver import Driver, inbound, twiml_of

from offhook.calls import effects, events
from offhook.calls.events import EndedBy
from offhook.calls.place import ALONE
from offhook.twiml import effects as twiml

ROOM = "conference/Weekly"
DONE = "http://app/done"
KEPT = events.Recorded("RE1", "http://platform/RE1", 7)


def recorded(attributes: str = 'record="record-from-answer-dual"') -> Driver:
    """A call in a conference."""
    return inbound(f'<Dial action="done" {attributes}><Conference>Weekly</Conference></Dial>')


def actions(driver: Driver) -> list[dict[str, str]]:
    """What the action was told, each time."""
    return [dict(each.params) for each in driver.wanted if isinstance(each, twiml.Fetch) and each.url == DONE]


def dial_of(driver: Driver) -> int:
    return driver.only(effects.RecordLeg).dial


@pytest.mark.parametrize(
    ("attributes", "channels", "track", "trim"),
    [
        ('record="record-from-answer"', 1, "both", "do-not-trim"),
        ('record="record-from-ringing-dual" trim="trim-silence"', 2, "both", "trim-silence"),
        ('record="record-from-answer-dual" recordingTrack="inbound"', 1, "inbound", "do-not-trim"),
    ],
)
def test_it_is_recorded_as_the_dial_says(attributes: str, channels: int, track: str, trim: str) -> None:
    driver = recorded(f'{attributes} recordingStatusCallback="/kept"')
    request = driver.only(effects.RecordLeg).request
    assert (request.channels, request.track, request.trim) == (channels, track, trim)
    assert request.callback is not None and request.callback.url == "http://app/kept"


def test_without_record_it_is_not() -> None:
    driver = recorded("")
    assert not [each for each in driver.wanted if isinstance(each, effects.RecordLeg)]
    driver.feed(events.RoomEnded(ROOM, 9))
    assert actions(driver) == [{"DialCallStatus": "answered", "DialBridged": "true"}]


@pytest.mark.parametrize(
    "event", [events.RoomEnded(ROOM, 9), events.LegEnded(), events.TimerExpired("dial-limit")]
)
def test_the_action_is_told_when_the_recording_is_complete(event: events.CallEvent) -> None:
    driver = recorded()
    asked = driver.feed(event)
    assert effects.StopRecordingLeg(dial_of(driver)) in asked and not actions(driver)
    driver.feed(events.LegRecorded(dial_of(driver), KEPT))
    [told] = actions(driver)
    assert (told["RecordingSid"], told["RecordingUrl"], told["RecordingDuration"]) == ("RE1", KEPT.url, "7")
    assert driver.call.place == ALONE


def test_an_empty_recording_is_not_spoken_of() -> None:
    driver = recorded()
    driver.feed(events.RoomEnded(ROOM, 9))
    driver.feed(events.LegRecorded(dial_of(driver), None))
    assert actions(driver) == [{"DialCallStatus": "answered", "DialBridged": "true"}]


def test_a_recording_that_became_too_long_is_told_of_when_the_call_leaves() -> None:
    driver = recorded()
    driver.feed(events.LegRecorded(dial_of(driver), KEPT))
    assert not actions(driver)
    asked = driver.feed(events.RoomEnded(ROOM, 9))
    assert [told["RecordingSid"] for told in actions(driver)] == ["RE1"]
    assert not [each for each in asked if isinstance(each, effects.StopRecordingLeg)]


def test_who_is_turned_away_is_not_recorded_any_more() -> None:
    driver = recorded()
    asked = driver.feed(events.TurnedAway(ROOM, 16025))
    assert effects.StopRecordingLeg(dial_of(driver)) in asked
    assert [told["DialCallStatus"] for told in actions(driver)] == ["failed"]
    assert driver.feed(events.LegRecorded(dial_of(driver), None)) == []


@pytest.mark.parametrize("left", [False, True], ids=["in the conference", "while it waits for the recording"])
def test_a_redirect_does_not_wait_for_the_recording(left: bool) -> None:
    driver = recorded()
    if left:
        driver.feed(events.RoomEnded(ROOM, 9))
    driver.feed(events.RedirectRequested(twiml_of("<Say>Elsewhere</Say>")))
    assert driver.only(twiml.Speak).text == "Elsewhere"
    assert driver.feed(events.LegRecorded(dial_of(driver), KEPT)) == []
    assert not actions(driver)


def test_the_room_does_not_reach_who_waits_for_the_recording() -> None:
    driver = recorded()
    driver.feed(events.HangUpRequested(EndedBy.REST))
    assert driver.feed(events.RoomEnded(ROOM, 9)) == []
    assert driver.feed(events.TurnedAway(ROOM, 16025)) == []
