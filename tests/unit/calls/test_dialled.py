"""A call that another one has dialled: its whisper, the room, and TwiML of its own."""

from __future__ import annotations

import pytest
from tests.unit.calls.driver import (
    dialled,
    dialling,
    joins,
    room_ends,
    twiml_of,
)

from offhook.calls import effects, events
from offhook.calls.call import refusal
from offhook.calls.events import EndedBy
from offhook.calls.status import CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard


def test_a_dialled_call_tells_its_parent() -> None:
    driver = dialled()
    driver.feed(events.LegRinging())
    driver.feed(events.LegAnswered((("X-A", "b"),)))
    driver.feed(events.LegEnded(), after=2)
    assert driver.told("CA0") == [
        events.ChildRinging(4),
        events.ChildAnswered(4, "x@sip", (("X-A", "b"),)),
        events.ChildJoined(4, "CA1"),
        events.ChildEnded(4, CallStatus.COMPLETED, "x@sip", 200, EndedBy.FAR_END),
    ]


def test_a_dialled_call_joins_when_it_has_heard_its_whisper() -> None:
    driver = dialled(twiml_of("<Say>A call for you</Say>"))
    driver.feed(events.LegAnswered())
    assert driver.told("CA0") == [events.ChildAnswered(4, "x@sip")]
    driver.feed(heard.Played(driver.only(twiml.Speak).play))
    assert driver.told("CA0")[1:] == [events.ChildJoined(4, "CA1")]


def test_a_dialled_call_enters_and_leaves_the_room() -> None:
    driver = dialled()
    driver.feed(events.LegAnswered())
    assert driver.feed(events.Admitted("room")) == [effects.Enter("room")]
    asked = driver.feed(events.LegEnded())
    assert effects.Leave("room") in asked
    assert driver.statuses[-1] == "completed"


def test_a_dialled_call_ends_with_its_room() -> None:
    driver = dialled()
    driver.feed(events.LegAnswered())
    driver.feed(events.Admitted("room"))
    driver.feed(events.RoomEnded("another", 1))
    assert driver.statuses[-1] == "in-progress"
    driver.feed(events.RoomEnded("room", 1))
    assert driver.only(effects.EndLeg)
    assert driver.statuses[-1] == "completed"


@pytest.mark.parametrize("whisper", [None, "<Say>A call for you</Say>"])
def test_a_dialled_call_that_is_given_twiml_of_its_own_leaves_its_parent(whisper: str | None) -> None:
    driver = dialled(twiml_of(whisper) if whisper else None)
    driver.feed(events.LegAnswered())
    if whisper:
        driver.feed(heard.Played(driver.only(twiml.Speak).play))
    driver.feed(events.Admitted("room"))
    event = events.RedirectRequested(twiml_of("<Say>New</Say><Dial>+15551230001</Dial>"))
    assert refusal(driver.call, event) is None
    driver.feed(event)
    assert driver.only(effects.Leave) == effects.Leave("room", redirected=True)
    new = driver.last(twiml.Speak)
    assert new.text == "New"
    driver.feed(heard.Played(new.play))
    assert driver.only(effects.PlaceChild)
    told = len(driver.told("CA0"))
    driver.feed(events.LegEnded())
    assert len(driver.told("CA0")) == told


def test_a_redirect_while_the_whisper_runs_takes_its_place() -> None:
    driver = dialled(twiml_of("<Say>A call for you</Say>"))
    driver.feed(events.LegAnswered())
    driver.feed(events.RedirectRequested(twiml_of("<Dial>+15551230001</Dial>")))
    assert driver.told("CA0")[-1] == events.ChildEnded(4, CallStatus.COMPLETED, "x@sip", 200, EndedBy.REST)
    assert driver.only(effects.PlaceChild)
    assert not [e for e in driver.wanted if isinstance(e, twiml.Notify)]


def test_a_redirected_child_has_no_duration_yet() -> None:
    driver = dialling("action='/done'")
    joins(driver, 1, "CA2")
    room_ends(driver, 5, redirected=True)
    assert "DialCallDuration" not in dict(driver.last(twiml.Fetch).params)
