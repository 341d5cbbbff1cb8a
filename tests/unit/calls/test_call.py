"""A call stepped through its life without clock or socket."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import pytest

from offhook.calls import effects, events
from offhook.calls.call import Call, Parent, refusal, step
from offhook.calls.events import EndedBy, FailureSource
from offhook.calls.status import TERMINAL, TRANSITIONS, CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml

T = TypeVar("T")


class Driver:
    """A call and everything it has wanted so far, but for what is only told."""

    def __init__(
        self,
        direction: Direction,
        entry: Entry | None,
        ring_timeout: float = 60.0,
        time_limit: float = 14400.0,
        parent: Parent | None = None,
    ) -> None:
        facts = CallFacts("+15105550100", "+15551230000", direction.value)
        self.call = Call("CA1", direction, facts, entry, ring_timeout, time_limit, parent)
        self.wanted: list[effects.Wanted] = []
        self.now = 0.0

    def feed(self, event: events.CallEvent | heard.Event, after: float = 0.0) -> list[effects.Wanted]:
        self.now += after
        self.call, wanted = step(self.call, event, self.now)
        self.wanted.extend(wanted)
        return [effect for effect in wanted if not isinstance(effect, effects.Note)]

    def told(self, sid: str) -> list[events.CallEvent]:
        """What another call was told."""
        return [e.event for e in self.wanted if isinstance(e, effects.Tell) and e.call_sid == sid]

    @property
    def notes(self) -> list[tuple[str, dict[str, str]]]:
        return [(e.name, dict(e.detail)) for e in self.wanted if isinstance(e, effects.Note)]

    def only(self, kind: type[T]) -> T:
        """The one effect of a kind, since the beginning."""
        found = [effect for effect in self.wanted if isinstance(effect, kind)]
        assert len(found) == 1, f"{kind.__name__}: {self.wanted}"
        return found[0]

    def last(self, kind: type[T]) -> T:
        return [effect for effect in self.wanted if isinstance(effect, kind)][-1]

    @property
    def statuses(self) -> list[str]:
        return [effect.status.value for effect in self.wanted if isinstance(effect, effects.Changed)]


def twiml_of(body: str) -> InlineTwiml:
    return InlineTwiml(f"<Response>{body}</Response>")


def outbound(body: str = "<Say>Hello</Say>", ring_timeout: float = 60, time_limit: float = 14400) -> Driver:
    driver = Driver(Direction.OUTBOUND_API, twiml_of(body), ring_timeout, time_limit)
    driver.feed(events.Began())
    return driver


def inbound(body: str) -> Driver:
    driver = Driver(Direction.INBOUND, EntryPoint("http://app/voice"))
    driver.feed(events.Began())
    fetch = driver.only(twiml.Fetch)
    driver.feed(
        heard.Fetched(fetch.request, fetch.url, 200, "text/xml", f"<Response>{body}</Response>".encode())
    )
    return driver


def test_an_outbound_call_is_placed_rings_speaks_and_hangs_up() -> None:
    driver = outbound()
    assert isinstance(driver.wanted[-1], effects.PlaceLeg)
    driver.feed(events.LegRinging(), after=1)
    driver.feed(events.LegAnswered(), after=2)
    speak = driver.only(twiml.Speak)
    assert speak.text == "Hello"
    driver.feed(heard.Played(speak.play), after=4)
    assert driver.only(effects.EndLeg)
    assert driver.statuses == ["initiated", "ringing", "in-progress", "completed"]
    assert driver.last(effects.Changed).duration == 4


def test_a_call_nobody_answers_is_cancelled_after_its_timeout() -> None:
    driver = outbound(ring_timeout=20)
    timer = driver.only(effects.SetTimer)
    assert (timer.key, timer.seconds) == ("ring", 20)
    driver.feed(events.LegRinging())
    driver.feed(events.TimerExpired("ring"), after=20)
    assert driver.only(effects.CancelLeg)
    assert driver.statuses[-1] == "no-answer"
    assert driver.last(effects.Changed).duration == 0


def test_a_far_end_that_says_nothing_at_all_is_a_failure() -> None:
    driver = outbound(ring_timeout=20)
    driver.feed(events.TimerExpired("ring"), after=20)
    assert driver.statuses[-1] == "failed"
    assert driver.last(effects.Changed).response is None
    assert driver.only(twiml.Notify).code == 32011


def test_a_dialled_far_end_that_says_nothing_is_a_failure_too() -> None:
    driver = dialled()
    driver.feed(events.HangUpRequested(EndedBy.DIAL, unanswered=CallStatus.NO_ANSWER))
    assert driver.statuses[-1] == "failed"
    assert driver.only(twiml.Notify).code == 32011


def test_one_that_tries_and_never_rings_does_not_answer() -> None:
    driver = outbound(ring_timeout=20)
    driver.feed(events.LegTrying())
    driver.feed(events.TimerExpired("ring"), after=20)
    assert driver.statuses[-1] == "no-answer"


@pytest.mark.parametrize(
    ("response", "source", "status"),
    [
        (486, FailureSource.REMOTE, "busy"),
        (600, FailureSource.REMOTE, "busy"),
        (603, FailureSource.REMOTE, "busy"),
        (480, FailureSource.REMOTE, "no-answer"),
        (404, FailureSource.REMOTE, "failed"),
        (503, FailureSource.TRANSPORT, "failed"),
        (408, FailureSource.TIMEOUT, "failed"),
    ],
)
def test_a_refusal_becomes_the_status_twilio_gives_it(
    response: int, source: FailureSource, status: str
) -> None:
    driver = outbound()
    driver.feed(events.LegFailed(response, "", source))
    assert driver.statuses[-1] == status
    assert driver.last(effects.Changed).response == response


def test_whoever_ends_a_call_it_ends_once() -> None:
    driver = outbound()
    driver.feed(events.LegAnswered())
    driver.feed(events.LegEnded(), after=3)
    for late in (
        events.LegEnded(),
        events.HangUpRequested(EndedBy.REST),
        events.LegFailed(500, ""),
        events.TimerExpired("limit"),
        events.MediaLost("late"),
        events.RedirectRequested(twiml_of("<Say>late</Say>")),
        heard.DigitPressed("1"),
    ):
        assert not [e for e in driver.feed(late) if isinstance(e, effects.Changed | effects.EndLeg)]
    assert driver.statuses.count("completed") == 1


def test_the_time_limit_hangs_up() -> None:
    driver = outbound("<Pause length='100'/>", time_limit=60)
    driver.feed(events.LegAnswered())
    limit = driver.last(effects.SetTimer)
    driver.feed(events.TimerExpired("limit"), after=60)
    assert driver.only(effects.EndLeg)
    assert driver.statuses[-1] == "completed"
    assert limit is not None


def test_an_inbound_call_rings_and_is_answered_by_its_first_verb() -> None:
    driver = inbound("<Say>Welcome</Say>")
    order = [type(effect) for effect in driver.wanted]
    assert order.index(effects.Ring) < order.index(effects.AcceptLeg) < order.index(twiml.Speak)
    assert driver.statuses == ["ringing", "in-progress"]


@pytest.mark.parametrize(("reason", "response"), [("rejected", 603), ("busy", 486)])
def test_reject_refuses_without_answering(reason: str, response: int) -> None:
    driver = inbound(f"<Reject reason='{reason}'/>")
    assert driver.only(effects.RefuseLeg).response == response
    assert "in-progress" not in driver.statuses
    assert driver.call.status in TERMINAL


def test_a_caller_who_gives_up_while_it_rings_leaves_a_canceled_call() -> None:
    driver = Driver(Direction.INBOUND, EntryPoint("http://app/voice"))
    driver.feed(events.Began())
    driver.feed(events.LegEnded())
    assert driver.statuses == ["ringing", "canceled"]


def test_cancel_is_only_for_calls_not_yet_answered() -> None:
    driver = outbound("<Pause length='10'/>")
    driver.feed(events.LegAnswered())
    assert driver.feed(events.HangUpRequested(EndedBy.REST, cancel_only=True)) == []
    driver.feed(events.HangUpRequested(EndedBy.REST))
    assert driver.statuses[-1] == "completed"


def test_new_twiml_interrupts_what_runs() -> None:
    driver = outbound("<Say>Old</Say>")
    driver.feed(events.LegAnswered())
    old = driver.only(twiml.Speak)
    driver.feed(events.RedirectRequested(twiml_of("<Say>New</Say>")))
    assert twiml.StopPlay(old.play) in driver.wanted
    assert driver.last(twiml.Speak).text == "New"


def test_lost_audio_ends_the_call_and_says_why() -> None:
    driver = outbound("<Pause length='10'/>")
    driver.feed(events.LegAnswered())
    driver.feed(events.MediaLost("silence"))
    assert driver.only(twiml.Notify).code == 32014
    assert driver.only(effects.EndLeg)


# <Dial>


def dialling(attributes: str = "", targets: str = "<Number>+15551230001</Number>") -> Driver:
    return inbound(f"<Dial {attributes}>{targets}</Dial><Say>After</Say>")


def joins(driver: Driver, child: int, sid: str, after: float = 0.0) -> None:
    """A dialled call is placed, answers, has no whisper and is let in."""
    driver.feed(events.ChildPlaced(child, sid))
    driver.feed(events.ChildAnswered(child, f"{sid}@sip"), after=after)
    driver.feed(events.ChildJoined(child, sid))


def room_of(driver: Driver) -> str:
    return driver.last(effects.OpenRoom).room


def room_ends(driver: Driver, seconds: int, **more: object) -> list[effects.Wanted]:
    ended = events.RoomEnded(room_of(driver), seconds, **more)  # type: ignore[arg-type]
    return driver.feed(ended, after=seconds)


HANG_UP = events.HangUpRequested(EndedBy.DIAL)
TWO = "<Number>+15551230001</Number><Number>+15551230002</Number>"


def test_a_dial_opens_a_room_and_waits_there() -> None:
    driver = dialling("record='record-from-ringing-dual'")
    assert driver.only(effects.OpenRoom) == effects.OpenRoom(
        "CA1-2", effects.RoomRecording(2, False, True, None)
    )
    assert driver.only(effects.Enter) == effects.Enter("CA1-2")


def test_the_first_to_join_is_let_in_and_the_others_are_ended() -> None:
    driver = dialling(targets=TWO)
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.TimerExpired("dial-ring"), after=10)
    assert driver.told("CA2") == [events.HangUpRequested(EndedBy.DIAL, unanswered=CallStatus.NO_ANSWER)]
    assert driver.only(effects.Leave).room == room_of(driver)
    room_ends(driver, 0)
    assert driver.only(twiml.Speak).text == "After"


def test_the_action_of_a_dial_that_nobody_answers_names_the_call() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildAnswered(1, "x@sip", (("X-Agent", "7"),)))
    driver.feed(events.ChildJoined(1, "CA2"))
    room_ends(driver, 3)
    assert dict(driver.last(twiml.Fetch).params)["DialSipHeader_X-Agent"] == "7"


def test_the_action_is_told_the_response_of_the_call_that_it_names() -> None:
    driver = dialling("action='/done'", TWO)
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildPlaced(2, "CA3"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildAnswered(1))
    assert "in-progress" not in driver.statuses
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.only(effects.AcceptLeg)
    assert driver.statuses[-1] == "in-progress"


def test_the_ring_timer_does_not_cut_a_whisper() -> None:
    driver = dialling("timeout='8' action='/done'", "<Number url='/whisper'>+15551230001</Number>")
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildAnswered(1), after=5)
    assert effects.ClearTimer("dial-ring") in driver.wanted
    assert driver.feed(events.TimerExpired("dial-ring"), after=3) == []
    driver.feed(events.ChildJoined(1, "CA2"), after=4)
    assert driver.told("CA2") == [events.Admitted(room_of(driver))]


def test_the_ring_timer_ends_those_that_ring_and_no_other() -> None:
    driver = dialling("timeout='8'", f"<Number url='/whisper'>+15551230003</Number>{TWO}")
    for child, sid in ((1, "CA2"), (2, "CA3"), (3, "CA4")):
        driver.feed(events.ChildPlaced(child, sid))
    driver.feed(events.ChildAnswered(1), after=5)
    driver.feed(events.TimerExpired("dial-ring"), after=3)
    given_up = [events.HangUpRequested(EndedBy.DIAL, unanswered=CallStatus.NO_ANSWER)]
    assert (driver.told("CA2"), driver.told("CA3"), driver.told("CA4")) == ([], given_up, given_up)
    driver.feed(events.ChildEnded(2, CallStatus.NO_ANSWER))
    driver.feed(events.ChildJoined(1, "CA2"))
    assert driver.told("CA2") == [events.Admitted(room_of(driver))]


def test_a_whisper_that_refuses_is_followed_by_the_next_of_a_sequence() -> None:
    driver = dialling("sequential='true'", f"<Number url='/whisper'>+15551230003</Number>{TWO}")
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildRinging(1, early_media=True))
    assert driver.told("CA2") == [events.Admitted(room_of(driver), early=True)]
    assert driver.only(effects.StopRingback)


WHISPERED = "<Number url='http://app/whisper'>+15551230001</Number>"


def test_early_media_ends_where_the_whisper_begins() -> None:
    driver = dialling("ringTone='de'", WHISPERED)
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
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
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.ChildEnded(1, CallStatus.FAILED, None, 404))
    assert ("dialled", {"child": "1", "sid": "CA2"}) in driver.notes
    assert ("child ended", {"child": "1", "status": "failed", "response": "404"}) in driver.notes


# Dialled calls


def dialled(entry: Entry | None = None) -> Driver:
    driver = Driver(Direction.OUTBOUND_DIAL, entry, parent=Parent("CA0", 4))
    driver.feed(events.Began())
    driver.feed(events.LegPlaced("x@sip"))
    return driver


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


# What it answers to whoever asks


def test_what_a_call_refuses_changes_nothing() -> None:
    driver = outbound()
    early = events.RedirectRequested(twiml_of("<Say>New</Say>"))
    assert refusal(driver.call, early)
    before = driver.call
    assert driver.feed(early) == [] and driver.call == before
    driver.feed(events.LegAnswered())
    assert refusal(driver.call, events.HangUpRequested(EndedBy.REST, cancel_only=True))
    driver.feed(events.LegEnded())
    assert refusal(driver.call, events.HangUpRequested(EndedBy.REST))


@pytest.mark.parametrize(
    ("event", "by"),
    [
        (events.LegEnded(), "the other party"),
        (events.HangUpRequested(EndedBy.REST), "the REST API"),
        (events.TimerExpired("limit"), "TimeLimit"),
        (events.HangUpRequested(EndedBy.PLATFORM), "the platform, which stops"),
        (events.MediaLost("silence", silent=True), "no audio"),
    ],
)
def test_the_timeline_says_who_ended_a_call(event: events.CallEvent, by: str) -> None:
    driver = outbound("<Pause length='100'/>")
    driver.feed(events.LegAnswered())
    driver.feed(event)
    assert driver.notes[-1] == ("ended", {"by": by})


def test_silence_while_it_rings_is_no_fault() -> None:
    driver = outbound()
    driver.feed(events.LegRinging())
    assert driver.feed(events.MediaLost("silence", silent=True)) == []


def test_a_call_that_agrees_on_no_audio_fails_and_says_why() -> None:
    driver = outbound("<Pause length='100'/>")
    driver.feed(events.LegAnswered())
    driver.feed(events.NotNegotiated("The answer has no audio."))
    assert driver.statuses[-1] == "failed"
    assert driver.only(twiml.Notify).code == 32102
    assert driver.only(effects.EndLeg)


def test_terminal_statuses_have_no_way_out() -> None:
    assert all(not TRANSITIONS[status] for status in TERMINAL)
