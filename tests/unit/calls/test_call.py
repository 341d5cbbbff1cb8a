"""A call stepped through its life without clock or socket."""

from __future__ import annotations

import pytest
from tests.unit.calls.driver import (
    Driver,
    dialled,
    inbound,
    outbound,
    twiml_of,
)

from offhook.calls import effects, events
from offhook.calls.call import refusal
from offhook.calls.events import EndedBy, FailureSource
from offhook.calls.status import TERMINAL, TRANSITIONS, CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import EntryPoint


def test_an_outbound_call_is_placed_rings_speaks_and_hangs_up() -> None:
    driver = outbound()
    assert isinstance(driver.wanted[-1], effects.PlaceLeg)
    driver.feed(events.LegRinging(), after=1)
    driver.feed(events.LegAnswered(), after=2)
    speak = driver.only(twiml.Speak)
    assert speak.text == "Hello"
    driver.feed(heard.Played(speak.play), after=3.5)
    driver.feed(events.TimerExpired("playout"), after=0.2)
    assert driver.only(effects.EndLeg)
    assert driver.statuses == ["initiated", "ringing", "in-progress", "completed"]
    assert driver.last(effects.Changed).duration == 4
    assert driver.notes[-1] == ("ended", {"by": "its TwiML"})


def answered(body: str) -> Driver:
    """An outbound call at the beginning of its TwiML."""
    driver = outbound(body)
    driver.feed(events.LegAnswered())
    return driver


def test_the_far_end_hears_the_whole_prompt_before_the_call_is_hung_up() -> None:
    driver = answered("<Say>Hello</Say><Hangup/>")
    driver.feed(heard.Played(driver.only(twiml.Speak).play))
    assert driver.last(effects.SetTimer) == effects.SetTimer("playout", 0.2)
    assert driver.statuses[-1] == "in-progress"
    driver.feed(heard.DigitPressed("1"))
    assert driver.feed(events.TimerExpired("playout"), after=0.2)[-2] == effects.EndLeg()


def test_a_call_that_plays_nothing_last_is_hung_up_at_once() -> None:
    driver = answered("<Say>Hello</Say><Pause/>")
    driver.feed(heard.Played(driver.only(twiml.Speak).play), after=4)
    pause = driver.last(effects.SetTimer)
    driver.feed(events.TimerExpired(pause.key), after=pause.seconds)
    assert driver.only(effects.EndLeg)


@pytest.mark.parametrize("event", [events.LegEnded(), events.HangUpRequested(EndedBy.REST)])
def test_a_call_may_end_before_the_far_end_has_heard_all(event: events.CallEvent) -> None:
    driver = answered("<Say>Hello</Say>")
    driver.feed(heard.Played(driver.only(twiml.Speak).play))
    driver.feed(event)
    assert driver.statuses[-1] == "completed"
    assert driver.feed(events.TimerExpired("playout")) == []


def test_a_call_whose_last_prompt_is_being_heard_is_redirected() -> None:
    driver = answered("<Say>Hello</Say>")
    driver.feed(heard.Played(driver.only(twiml.Speak).play))
    redirect = events.RedirectRequested(twiml_of("<Say>More</Say>"))
    assert refusal(driver.call, redirect) is None
    cleared, *_, more = driver.feed(redirect)
    assert cleared == effects.ClearTimer("playout") and isinstance(more, twiml.Speak)
    driver.feed(heard.Played(more.play))
    driver.feed(events.TimerExpired("playout"))
    assert driver.statuses == ["initiated", "in-progress", "completed"]


def test_a_call_whose_document_has_failed_is_not_said_to_be_ended_by_it() -> None:
    driver = answered("<Say>Hello")
    driver.feed(heard.Played(driver.only(twiml.Speak).play))
    driver.feed(events.TimerExpired("playout"), after=0.2)
    assert driver.notes[-1] == ("ended", {"by": "its TwiML, which has failed", "code": "12100"})


def test_the_parent_is_told_which_error_has_ended_a_whisper() -> None:
    driver = dialled(twiml_of("<Say>Hello"))
    driver.feed(events.LegAnswered())
    (ended,) = [event for event in driver.told("CA0") if isinstance(event, events.ChildEnded)]
    assert (ended.by, ended.code) == (EndedBy.TWIML_FAILED, 12100)


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


def test_a_caller_whose_audio_cannot_be_used_is_refused() -> None:
    driver = Driver(Direction.INBOUND, EntryPoint("http://app/voice"))
    driver.feed(events.Began())
    driver.feed(events.NotNegotiated("The address is of another family."))
    assert driver.only(effects.RefuseLeg).response == 488
    assert driver.statuses[-1] == "failed"


def test_early_media_that_cannot_be_used_fails_the_call() -> None:
    driver = outbound()
    driver.feed(events.LegRinging(early_media=True))
    driver.feed(events.NotNegotiated("No codec in common."))
    assert driver.only(effects.CancelLeg)
    assert driver.last(effects.Changed).response == 488


def test_what_comes_again_or_too_late_changes_nothing() -> None:
    driver = outbound("<Pause length='100'/>")
    driver.feed(events.LegAnswered())
    assert driver.feed(events.LegRinging()) == []
    assert driver.feed(events.LegAnswered()) == []
    assert driver.feed(events.TimerExpired("ring")) == []


def test_a_pause_ends_with_its_timer() -> None:
    driver = outbound("<Pause length='3'/><Say>Then</Say>")
    driver.feed(events.LegAnswered())
    driver.feed(events.TimerExpired(driver.last(effects.SetTimer).key), after=3)
    assert driver.only(twiml.Speak).text == "Then"


def test_a_number_without_a_voice_url_has_nothing_to_run() -> None:
    driver = Driver(Direction.INBOUND, None)
    assert [type(effect) for effect in driver.feed(events.Began())] == [effects.Ring, effects.Changed]
    driver.feed(events.HangUpRequested(EndedBy.NO_INSTRUCTIONS))
    assert driver.only(effects.RefuseLeg).response == 480
