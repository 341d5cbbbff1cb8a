"""The prompts in a verb: one after another, what has nothing to wait for passed over."""

from __future__ import annotations

from tests.unit.twiml.transcript import codes, run

from offhook.twiml.effects import PlayDigits, PlayUrl, Speak, StartTimer
from offhook.twiml.events import PlayFailed
from offhook.twiml.prompting import SILENCE
from offhook.twiml.verb import APOLOGY


def test_silence_is_over() -> None:
    assert SILENCE.over


def test_prompts_follow_each_other_and_are_traced_as_they_begin() -> None:
    call = run("<Gather><Say>One</Say><Pause/><Say>Two</Say></Gather>")
    assert call.asked == [Speak(2, "One", "man", "en-US")]
    assert [trace.verb for trace in call.traces] == ["Gather", "Say"]
    assert call.played() == [StartTimer(3, 1)]
    assert call.fired() == [Speak(4, "Two", "man", "en-US")]
    assert [trace.verb for trace in call.traces] == ["Gather", "Say", "Pause", "Say"]
    assert call.played() == [StartTimer(5, 5)]


def test_prompts_without_anything_to_hear_are_passed_over() -> None:
    call = run("<Gather><Say/><Say>!</Say><Say>Two</Say></Gather>")
    assert codes(call.asked) == [13520, 13520]
    assert call.active(Speak).text == "Two"


def test_a_prompt_of_two_parts_is_played_to_its_end() -> None:
    call = run('<Gather><Play digits="1w2">a.wav</Play></Gather>')
    assert call.asked == [PlayDigits(2, "1w2")]
    assert call.played() == [PlayUrl(3, "https://app.example/voice/a.wav")]
    assert call.played() == [StartTimer(4, 5)]


def test_a_prompt_that_is_not_to_be_had_is_apologised_for() -> None:
    call = run("<Gather><Play>a.wav</Play><Say>Two</Say></Gather><Say>Three</Say>")
    assert codes(call.on(PlayFailed(2, 13420))) == [13325]
    assert call.active(Speak).text == APOLOGY
    assert codes(run("<Gather><Play>mailto:x</Play></Gather>").asked) == [11100]


def test_speech_that_fails_is_followed_by_the_next() -> None:
    call = run("<Gather><Say>One</Say><Say>Two</Say></Gather>")
    assert codes(call.on(PlayFailed(2, 12400))) == [12400]
    assert call.active(Speak).text == "Two"


def test_what_is_no_prompt_is_warned_of_and_left_out() -> None:
    call = run("<Gather><Hangup/><Say>One</Say></Gather>")
    assert codes(call.asked) == [13320]
    assert call.active(Speak).text == "One"
