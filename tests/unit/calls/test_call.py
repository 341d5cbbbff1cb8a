"""A call stepped through its life without clock or socket."""

from __future__ import annotations

from typing import TypeVar

import pytest

from offhook.calls import effects, events
from offhook.calls.call import Call, step
from offhook.calls.events import FailureSource
from offhook.calls.status import TERMINAL, TRANSITIONS, CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml

T = TypeVar("T")


class Driver:
    """A call and everything it has wanted so far."""

    def __init__(self, direction: Direction, entry: Entry | None, **more: float) -> None:
        facts = CallFacts("+15105550100", "+15551230000", direction.value)
        self.call = Call("CA" + "0" * 32, direction, facts, entry, **more)  # type: ignore[arg-type]
        self.wanted: list[object] = []
        self.now = 0.0

    def feed(self, event: object, after: float = 0.0) -> list[object]:
        self.now += after
        self.call, wanted = step(self.call, event, self.now)
        self.wanted.extend(wanted)
        return list(wanted)

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


def outbound(body: str = "<Say>Hello</Say>", **more: float) -> Driver:
    driver = Driver(Direction.OUTBOUND_API, twiml_of(body), **more)
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
        events.HangUpRequested(),
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
    assert driver.feed(events.HangUpRequested(cancel_only=True)) == []
    driver.feed(events.HangUpRequested())
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


def test_the_first_to_answer_is_bridged_and_the_others_are_ended() -> None:
    driver = dialling(targets="<Number>+15551230001</Number><Number>+15551230002</Number>")
    first, second = [e for e in driver.wanted if isinstance(e, effects.PlaceChild)]
    driver.feed(events.ChildAnswered(second.child, "CA2"), after=5)
    assert effects.EndChild(first.child) in driver.wanted
    assert driver.only(effects.Connect).child == second.child
    driver.feed(events.ChildEnded(first.child, "CA1", CallStatus.CANCELED))
    driver.feed(events.ChildEnded(second.child, "CA2", CallStatus.COMPLETED, 7), after=7)
    assert driver.only(effects.Disconnect)
    assert driver.only(twiml.Speak).text == "After"


def test_a_dial_that_nobody_answers_goes_on_with_the_next_verb() -> None:
    driver = dialling("timeout='10'")
    ring = [e for e in driver.wanted if isinstance(e, effects.SetTimer) and e.key == "dial-ring"]
    assert ring[0].seconds == 10
    driver.feed(events.TimerExpired("dial-ring"), after=10)
    assert effects.EndChild(1, CallStatus.NO_ANSWER) in driver.wanted
    assert driver.only(twiml.Speak).text == "After"


def test_the_action_of_a_dial_that_nobody_answers_names_the_call() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildPlaced(1, "CA2"))
    driver.feed(events.TimerExpired("dial-ring"), after=30)
    params = dict(driver.last(twiml.Fetch).params)
    assert (params["DialCallStatus"], params["DialCallSid"]) == ("no-answer", "CA2")


def test_the_dial_action_is_told_how_it_ended() -> None:
    driver = dialling("action='/done'")
    driver.feed(events.ChildAnswered(1, "CA2"), after=1)
    driver.feed(events.ChildEnded(1, "CA2", CallStatus.COMPLETED, 9), after=9)
    fetch = driver.last(twiml.Fetch)
    assert fetch.url == "http://app/done"
    params = dict(fetch.params)
    assert params["DialCallStatus"] == "completed"
    assert params["DialCallSid"] == "CA2"
    assert params["DialCallDuration"] == "9"


def test_star_ends_the_bridge_when_it_may() -> None:
    driver = dialling("hangupOnStar='true'")
    driver.feed(events.ChildAnswered(1, "CA2"))
    driver.feed(heard.DigitPressed("*"), after=3)
    assert effects.EndChild(1) in driver.wanted
    assert driver.only(twiml.Speak).text == "After"


def test_star_does_nothing_when_it_may_not() -> None:
    driver = dialling()
    driver.feed(events.ChildAnswered(1, "CA2"))
    assert driver.feed(heard.DigitPressed("*")) == []


def test_a_caller_who_hangs_up_ends_the_dialled_call() -> None:
    driver = dialling()
    driver.feed(events.ChildAnswered(1, "CA2"))
    driver.feed(events.LegEnded(), after=3)
    assert effects.EndChild(1) in driver.wanted
    assert driver.statuses[-1] == "completed"


def test_an_answer_that_comes_too_late_is_hung_up() -> None:
    driver = dialling("timeout='5'")
    driver.feed(events.TimerExpired("dial-ring"), after=5)
    driver.wanted.clear()
    driver.feed(events.ChildAnswered(1, "CA2"))
    assert driver.wanted == [effects.EndChild(1)]


def test_answer_on_bridge_lets_the_caller_ring_until_then() -> None:
    driver = dialling("answerOnBridge='true'")
    assert "in-progress" not in driver.statuses
    driver.feed(events.ChildAnswered(1, "CA2"))
    assert driver.only(effects.AcceptLeg)
    assert driver.statuses[-1] == "in-progress"


def test_a_recorded_dial_waits_for_its_recording() -> None:
    driver = dialling("record='record-from-answer' action='/done'")
    driver.feed(events.ChildAnswered(1, "CA2"))
    assert driver.only(effects.RecordBridge).channels == 1
    driver.feed(events.ChildEnded(1, "CA2", CallStatus.COMPLETED, 5), after=5)
    assert driver.only(effects.StopBridgeRecording)
    assert len([e for e in driver.wanted if isinstance(e, twiml.Fetch)]) == 1
    driver.feed(events.BridgeRecorded("RE1", "http://api/RE1", 5))
    assert dict(driver.last(twiml.Fetch).params)["RecordingUrl"] == "http://api/RE1"


def test_a_sequential_dial_calls_one_after_the_other() -> None:
    driver = dialling("sequential='true'", "<Number>+15551230001</Number><Number>+15551230002</Number>")
    assert len([e for e in driver.wanted if isinstance(e, effects.PlaceChild)]) == 1
    driver.feed(events.ChildEnded(1, "CA1", CallStatus.BUSY))
    assert [e.child for e in driver.wanted if isinstance(e, effects.PlaceChild)] == [1, 2]


def test_a_dialled_call_tells_its_parent() -> None:
    driver = Driver(Direction.OUTBOUND_DIAL, None)
    driver.feed(events.Began())
    driver.feed(events.LegRinging())
    driver.feed(events.LegAnswered())
    driver.feed(events.LegEnded(), after=2)
    told = [type(e.event).__name__ for e in driver.wanted if isinstance(e, effects.TellParent)]
    assert told == ["ChildRinging", "ChildAnswered", "ChildEnded"]


def test_terminal_statuses_have_no_way_out() -> None:
    assert all(not TRANSITIONS[status] for status in TERMINAL)
