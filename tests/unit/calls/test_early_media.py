"""A participant that the API dials into a conference: it is heard before it answers, and enters no other conference."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.calls.driver import Driver, outbound, twiml_of

from offhook.calls import effects, events
from offhook.calls.events import EndedBy
from offhook.calls.place import ALONE, Conferring, In
from offhook.twiml import effects as twiml

ROOM = "conference/Weekly"
EARLY = events.LegRinging(early_media=True)


def participant(*, early: bool = True, conference: str | None = None) -> Driver:
    """A call that is dialled for a conference."""
    driver = outbound("<Dial><Conference>Weekly</Conference></Dial>")
    driver.call = replace(driver.call, early=early, conference=conference)
    return driver


def test_it_enters_with_its_early_media_and_is_answered_there() -> None:
    driver = participant()
    driver.feed(events.LegRinging())
    assert driver.call.place == ALONE
    driver.feed(EARLY)
    driver.feed(EARLY)
    assert driver.only(effects.EnterConference).room == ROOM
    assert not driver.call.is_answered and driver.statuses == ["initiated", "ringing"]
    assert effects.TellAnswered(ROOM) in driver.feed(events.LegAnswered())
    driver.only(effects.EnterConference)
    assert driver.statuses == ["initiated", "ringing", "in-progress"]
    assert isinstance(driver.call.place, In) and isinstance(driver.call.place.because, Conferring)


def test_one_that_only_rings_or_is_not_to_be_heard_enters_when_it_answers() -> None:
    for driver, rings in ((participant(), events.LegRinging()), (participant(early=False), EARLY)):
        driver.feed(rings)
        assert driver.call.place == ALONE
        driver.feed(events.LegAnswered())
        driver.only(effects.EnterConference)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        (events.LegFailed(486, "Busy Here"), "busy"),
        (events.HangUpRequested(EndedBy.REST), "canceled"),
        (events.TimerExpired("ring"), "no-answer"),
    ],
)
def test_one_that_comes_to_nothing_leaves(event: events.CallEvent, status: str) -> None:
    driver = participant()
    driver.feed(EARLY)
    driver.feed(event)
    assert driver.statuses[-1] == status
    assert driver.only(effects.Leave) == effects.Leave(ROOM)
    assert driver.call.place == ALONE


def test_the_end_of_its_conference_cancels_one_that_rings() -> None:
    driver = participant()
    driver.feed(EARLY)
    driver.feed(events.RoomEnded(ROOM, 0))
    assert driver.statuses[-1] == "canceled"
    driver.only(effects.CancelLeg)


def test_one_that_was_taken_out_while_it_rang_is_answered_alone() -> None:
    driver = participant()
    driver.call = replace(driver.call, entry=twiml_of("<Dial><Conference>Weekly</Conference></Dial><Pause/>"))
    driver.feed(EARLY)
    driver.feed(events.RoomEnded(ROOM, 0))
    driver.feed(events.LegAnswered())
    assert driver.statuses[-1] == "in-progress"
    assert not any(isinstance(effect, effects.TellAnswered) for effect in driver.wanted)


def test_it_enters_the_conference_it_was_dialled_for_until_it_has_other_twiml() -> None:
    driver = participant(conference="CF1")
    driver.feed(events.LegAnswered())
    assert driver.only(effects.EnterConference).sid == "CF1"
    driver.feed(events.RedirectRequested(twiml_of("<Dial><Conference>Weekly</Conference></Dial>")))
    assert driver.last(effects.EnterConference).sid is None


def test_a_conference_that_has_ended_by_then_ends_the_call_with_the_reason() -> None:
    driver = participant(conference="CF1")
    driver.feed(events.LegAnswered())
    driver.feed(events.TurnedAway(ROOM, 16022))
    assert driver.only(twiml.Notify).code == 16022
    assert driver.statuses[-1] == "completed"
