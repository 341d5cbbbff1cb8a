"""``<Dial>`` as the call that dials sees it: who rings, who joins, and what the action is told."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from tests.unit.calls.driver import (
    HANG_UP,
    TWO,
    dialled,
    dialling,
    inbound,
    joins,
    room_ends,
    room_of,
    twiml_of,
)

from offhook.calls import effects, events
from offhook.calls.events import EndedBy
from offhook.calls.status import CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard


def test_a_dial_opens_a_room_and_waits_there() -> None:
    driver = dialling("record='record-from-ringing-dual'")
    assert driver.only(effects.OpenRoom) == effects.OpenRoom(
        "CA1-2", effects.RoomRecording(2, False, True, None)
    )
    assert driver.only(effects.Enter) == effects.Enter("CA1-2")


def test_the_first_to_join_is_let_in_and_the_others_are_ended() -> None:
    driver = dialling(targets=TWO)
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    joins(driver, 2, "CA3", after=5)
    assert driver.told("CA2") == [HANG_UP]
    assert driver.told("CA3") == [events.Admitted(room_of(driver))]
    driver.feed(events.ChildEnded(1, CallStatus.CANCELED))
    room_ends(driver, 7)
    assert driver.only(twiml.Speak).text == "After"


def test_only_telephones_need_a_caller_id_of_the_account() -> None:
    nouns = "<Number>+15551230001</Number><Sip>sip:a@b.example</Sip>"
    driver = dialling("callerId='+15559990000'", nouns)
    placed = [e for e in driver.wanted if isinstance(e, effects.PlaceChild)]
    assert [e.check_caller_id for e in placed] == [True, False]


def test_a_call_that_has_no_sid_yet_is_not_placed() -> None:
    driver = dialling(targets=TWO)
    joins(driver, 2, "CA3")
    assert driver.only(effects.DropChild).child == 1


def test_a_dial_that_nobody_answers_goes_on_with_the_next_verb() -> None:
    driver = dialling("timeout='10'")
    ring = [e for e in driver.wanted if isinstance(e, effects.SetTimer) and e.key == "dial-ring"]
    assert ring[0].seconds == 10
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.TimerExpired("dial-ring"), after=10)
    assert driver.told("CA2") == [events.HangUpRequested(EndedBy.DIAL, unanswered=CallStatus.NO_ANSWER)]
    assert driver.only(effects.Leave).room == room_of(driver)
    room_ends(driver, 0)
    assert driver.only(twiml.Speak).text == "After"


def test_the_action_of_a_dial_that_nobody_answers_names_the_call() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.TimerExpired("dial-ring"), after=30)
    room_ends(driver, 0)
    params = dict(driver.last(twiml.Fetch).params)
    assert (params["DialCallStatus"], params["DialCallSid"]) == ("no-answer", "CA2")


def test_the_dial_action_is_told_how_it_ended() -> None:
    driver = dialling("action='/done'")
    joins(driver, 1, "CA2", after=1)
    room_ends(driver, 9)
    fetch = driver.last(twiml.Fetch)
    assert fetch.url == "http://app/done"
    params = dict(fetch.params)
    assert params["DialCallStatus"] == "completed"
    assert params["DialCallSid"] == "CA2"
    assert params["DialCallDuration"] == "9"
    assert params["DialBridged"] == "true"
    assert params["DialSipCallId"] == "CA2@sip"
    assert params["DialSipResponseCode"] == "200"


def test_the_action_is_told_the_headers_of_the_answer() -> None:
    driver = dialling("action='/done'", "<Sip>sip:a@b.example</Sip>")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildAnswered(1, "x@sip", (("X-Agent", "7"),)))
    driver.feed(events.ChildJoined(1, "CA2"))
    room_ends(driver, 3)
    assert dict(driver.last(twiml.Fetch).params)["DialSipHeader_X-Agent"] == "7"


def test_the_action_is_told_the_response_of_the_call_that_it_names() -> None:
    driver = dialling("action='/done'", TWO)
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildPlaced(2, "CA3", "+15551230001"))
    driver.feed(events.ChildEnded(1, CallStatus.FAILED, "a@sip", 404))
    driver.feed(events.ChildEnded(2, CallStatus.BUSY, "b@sip", 486))
    room_ends(driver, 0)
    params = dict(driver.last(twiml.Fetch).params)
    assert (params["DialCallSid"], params["DialSipResponseCode"]) == ("CA3", "486")
    assert params["DialCallStatus"] == "busy"


def test_star_ends_the_bridge_when_it_may() -> None:
    driver = dialling("hangupOnStar='true'")
    assert driver.only(effects.Enter).hears_star
    joins(driver, 1, "CA2")
    driver.feed(heard.DigitPressed("*"), after=3)
    assert driver.only(effects.Leave).room == room_of(driver)
    room_ends(driver, 3)
    assert driver.only(twiml.Speak).text == "After"


def test_star_does_nothing_when_it_may_not() -> None:
    driver = dialling()
    joins(driver, 1, "CA2")
    assert driver.feed(heard.DigitPressed("*")) == []


def test_a_caller_who_hangs_up_leaves_the_room() -> None:
    driver = dialling("action='/done'")
    joins(driver, 1, "CA2")
    driver.feed(events.LegEnded(), after=3)
    assert driver.only(effects.Leave).room == room_of(driver)
    assert driver.statuses[-1] == "completed"
    room_ends(driver, 3)
    fetch = driver.last(twiml.Fetch)
    assert fetch.final and dict(fetch.params)["DialCallStatus"] == "completed"


def test_a_caller_who_hangs_up_while_it_rings_ends_the_dialled_call() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.LegEnded(), after=3)
    assert driver.told("CA2") == [HANG_UP]
    room_ends(driver, 0)
    assert dict(driver.last(twiml.Fetch).params)["DialCallStatus"] == "canceled"


def test_one_that_is_ready_too_late_is_hung_up() -> None:
    driver = dialling("timeout='5'")
    driver.feed(events.TimerExpired("dial-ring"), after=5)
    room_ends(driver, 0)
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.told("CA2") == [HANG_UP]


def test_answer_on_bridge_lets_the_caller_ring_until_then() -> None:
    driver = dialling("answerOnBridge='true'")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildAnswered(1))
    assert "in-progress" not in driver.statuses
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.only(effects.AcceptLeg)
    assert driver.statuses[-1] == "in-progress"


def test_the_ring_timer_does_not_cut_a_whisper() -> None:
    driver = dialling("timeout='8' action='/done'", "<Number url='/whisper'>+15551230001</Number>")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildAnswered(1), after=5)
    assert effects.ClearTimer("dial-ring") in driver.wanted
    assert driver.feed(events.TimerExpired("dial-ring"), after=3) == []
    driver.feed(events.ChildJoined(1, "CA2"), after=4)
    assert driver.told("CA2") == [events.Admitted(room_of(driver))]


def test_the_ring_timer_ends_those_that_ring_and_no_other() -> None:
    driver = dialling("timeout='8'", f"<Number url='/whisper'>+15551230003</Number>{TWO}")
    for child, sid in ((1, "CA2"), (2, "CA3"), (3, "CA4")):
        driver.feed(events.ChildPlaced(child, sid, "+15551230001"))
    driver.feed(events.ChildAnswered(1), after=5)
    driver.feed(events.TimerExpired("dial-ring"), after=3)
    given_up = [events.HangUpRequested(EndedBy.DIAL, unanswered=CallStatus.NO_ANSWER)]
    assert (driver.told("CA2"), driver.told("CA3"), driver.told("CA4")) == ([], given_up, given_up)
    driver.feed(events.ChildEnded(2, CallStatus.NO_ANSWER))
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.told("CA2") == [events.Admitted(room_of(driver))]


def test_a_whisper_that_refuses_is_followed_by_the_next_of_a_sequence() -> None:
    driver = dialling("sequential='true'", f"<Number url='/whisper'>+15551230003</Number>{TWO}")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildAnswered(1), after=2)
    driver.feed(events.ChildEnded(1, CallStatus.COMPLETED), after=2)
    assert [e.child for e in driver.wanted if isinstance(e, effects.PlaceChild)] == [1, 2]


def test_one_that_is_let_in_but_gone_already_does_not_leave_the_caller_alone() -> None:
    driver = dialling()
    joins(driver, 1, "CA2")
    driver.feed(events.ChildEnded(1, CallStatus.COMPLETED))
    assert driver.only(effects.Leave).room == room_of(driver)


def test_a_recorded_dial_tells_its_recording() -> None:
    driver = dialling("record='record-from-answer' action='/done'")
    recording = driver.only(effects.OpenRoom).recording
    assert recording is not None and recording.channels == 1 and not recording.from_ringing
    joins(driver, 1, "CA2")
    room_ends(driver, 5, recorded=events.Recorded("RE1", "http://api/RE1", 5))
    params = dict(driver.last(twiml.Fetch).params)
    assert (params["RecordingUrl"], params["RecordingSid"]) == ("http://api/RE1", "RE1")


def test_a_redirect_into_another_recorded_dial_has_a_room_and_a_recording_of_its_own() -> None:
    body = "<Dial record='true' action='/done'>+15551230001</Dial>"
    driver = inbound(body)
    joins(driver, 1, "CA2")
    first = room_of(driver)
    driver.feed(events.RedirectRequested(twiml_of(body.replace("/done", "http://app/second"))))
    assert driver.only(effects.Leave).room == first
    second = room_of(driver)
    assert second != first
    joins(driver, 2, "CA3")
    driver.feed(events.RoomEnded(first, 3, recorded=events.Recorded("RE1", "http://api/RE1", 3)))
    driver.feed(events.RoomEnded(second, 4, recorded=events.Recorded("RE2", "http://api/RE2", 4)))
    fetch = driver.last(twiml.Fetch)
    assert (fetch.url, dict(fetch.params)["RecordingSid"]) == ("http://app/second", "RE2")


def test_a_sequential_dial_calls_one_after_the_other() -> None:
    driver = dialling("sequential='true'", TWO)
    assert len([e for e in driver.wanted if isinstance(e, effects.PlaceChild)]) == 1
    driver.feed(events.ChildEnded(1, CallStatus.BUSY))
    assert [e.child for e in driver.wanted if isinstance(e, effects.PlaceChild)] == [1, 2]


def test_early_media_of_the_only_target_is_heard_in_the_room() -> None:
    driver = dialling()
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildRinging(1, early_media=True))
    assert driver.told("CA2") == [events.Admitted(room_of(driver), early=True)]
    assert driver.only(effects.StopRingback)


WHISPERED = "<Number url='http://app/whisper'>+15551230001</Number>"


def test_early_media_ends_where_the_whisper_begins() -> None:
    driver = dialling("ringTone='de'", WHISPERED)
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildRinging(1, early_media=True))
    driver.feed(events.ChildAnswered(1, "sip"))
    assert driver.last(effects.PlayRingback).tone == "de"
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.wanted.index(driver.last(effects.StopRingback)) > driver.wanted.index(
        driver.last(effects.PlayRingback)
    )
    child = dialled(twiml_of("<Say>A call for you</Say>"))
    child.feed(events.Admitted("room", early=True))
    assert effects.Leave("room") in child.feed(events.LegAnswered())
    child.feed(events.RedirectRequested(twiml_of("<Say>New</Say>")))
    assert isinstance(child.told("CA0")[-1], events.ChildEnded)


def test_who_has_been_given_up_does_not_join() -> None:
    driver = dialling("sequential='true'", TWO)
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.TimerExpired("dial-ring"))
    for late in (events.ChildRinging(1, True), events.ChildAnswered(1), events.ChildJoined(1, "CA2")):
        assert driver.feed(late) == []
    assert driver.told("CA2") == [replace(HANG_UP, unanswered=CallStatus.NO_ANSWER)]


def test_one_that_has_twiml_of_its_own_is_not_let_in_nor_ended_by_the_dial() -> None:
    child = dialled()
    child.feed(events.LegAnswered())
    child.feed(events.RedirectRequested(twiml_of("<Say>New</Say>")))
    assert child.feed(events.Admitted("room")) == child.feed(HANG_UP) == []
    assert not child.call.is_over


@pytest.mark.parametrize(
    ("event", "by"), [(events.TimerExpired("dial-limit"), "timeLimit"), (heard.DigitPressed("*"), "*")]
)
def test_the_timeline_says_what_ended_a_dial(event: events.CallEvent | heard.Event, by: str) -> None:
    driver = dialling("hangupOnStar='true'", "<Number>+15551230001</Number>")
    joins(driver, 1, "CA2")
    driver.feed(event)
    assert driver.notes[-1] == ("dial ended", {"by": by})
    driver.feed(events.ChildEnded(1, CallStatus.COMPLETED, by=EndedBy.DIAL))
    assert driver.notes[-1] == (
        "child ended",
        {"child": "1", "status": "completed", "by": "the call that dialled it"},
    )


def test_star_is_a_key_again_for_who_has_been_redirected() -> None:
    driver = dialling("hangupOnStar='true' record='record-from-answer'")
    joins(driver, 1, "CA2")
    driver.feed(events.RedirectRequested(twiml_of("<Gather finishOnKey='*' action='http://app/got'/>")))
    driver.feed(heard.DigitPressed("1"))
    driver.feed(heard.DigitPressed("*"))
    assert ("Digits", "1") in driver.last(twiml.Fetch).params


def test_the_timeline_of_a_dial_tells_of_each_child() -> None:
    driver = dialling(targets=TWO)
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.ChildEnded(1, CallStatus.FAILED, None, 404))
    assert ("dialled", {"child": "1", "sid": "CA2", "to": "+15551230001"}) in driver.notes
    assert ("child ended", {"child": "1", "status": "failed", "response": "404"}) in driver.notes


def test_the_timeline_of_a_dial_names_the_error_of_a_whisper() -> None:
    driver = dialling()
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    by = EndedBy.TWIML_FAILED
    driver.feed(events.ChildEnded(1, CallStatus.COMPLETED, "CA2@sip", 200, by, 11200))
    ended = {"child": "1", "status": "completed", "response": "200", "by": by.value, "code": "11200"}
    assert ("child ended", ended) in driver.notes


def test_a_redirect_while_it_rings_ends_the_calls_and_forgets_the_dial() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildPlaced(1, "CA2", "+15551230001"))
    driver.feed(events.RedirectRequested(twiml_of("<Say>New</Say>")))
    assert driver.told("CA2") == [HANG_UP]
    assert driver.only(effects.Leave).room == room_of(driver)
    assert driver.only(twiml.Speak).text == "New"
    assert room_ends(driver, 0) == [effects.ClearTimer("dial-limit")]


def test_a_limit_that_comes_when_the_dial_is_done_ends_and_tells_nothing() -> None:
    driver = dialling()
    joins(driver, 1, "CA2")
    room_ends(driver, 3)
    told = len(driver.notes)
    assert driver.feed(events.TimerExpired("dial-limit")) == []
    assert len(driver.notes) == told
    assert driver.only(twiml.Speak).text == "After"
