"""<Gather>.

| attribute | default | bad value |
|---|---|---|
| action | the current document | 11100 |
| method | POST | 13312 |
| timeout | 5 s | 13313 |
| finishOnKey | # | 13310 |
| numDigits | unlimited | 13314 |
| actionOnEmptyResult | false | 13338 |
| bargeIn | true | 13332 |
"""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import URL, Transcript, attribute_table, codes, run

from offhook.twiml.effects import (
    Effect,
    Fetch,
    HangUp,
    PlayUrl,
    Speak,
    StartTimer,
    StopPlay,
    StopTimer,
)
from offhook.twiml.events import HungUp, Played, PlayFailed, TimerFired
from offhook.twiml.verbs.gather import Gather

MENU = "https://app.example/voice/menu"


def gather(attributes: str = "", nested: str = "", after: str = "<Say>after</Say>") -> Transcript:
    return run(f'<Gather action="menu" {attributes}>{nested}</Gather>{after}')


def requested(effects: list[Effect]) -> tuple[str, dict[str, str]]:
    (fetch,) = (effect for effect in effects if isinstance(effect, Fetch))
    return fetch.url, dict(fetch.params)


def test_attributes() -> None:
    assert attribute_table(Gather) == {
        "action": (None, 11100),
        "method": ("POST", 13312),
        "timeout": (5, 13313),
        "finishOnKey": ("#", 13310),
        "numDigits": (None, 13314),
        "actionOnEmptyResult": (False, 13338),
        "bargeIn": (True, 13332),
    }


def test_the_time_starts_after_the_prompts_and_again_after_each_digit() -> None:
    call = gather('timeout="7"', "<Say>Press</Say><Pause/><Play>a.wav</Play>")
    assert call.asked == [Speak(2, "Press", "man", "en-US")]
    assert call.played() == [StartTimer(3, 1)]
    assert call.fired() == [PlayUrl(4, "https://app.example/voice/a.wav")]
    assert call.played() == [StartTimer(5, 7)]
    assert call.press("1") == [StopTimer(5), StartTimer(6, 7)]
    assert requested(call.fired()) == (MENU, {"Digits": "1"})


def test_without_digits_the_next_verb_runs() -> None:
    call = gather()
    assert call.fired() == [Speak(3, "after", "man", "en-US")]


def test_without_digits_the_action_is_requested_if_wanted() -> None:
    call = gather('actionOnEmptyResult="true"')
    assert requested(call.fired()) == (MENU, {"Digits": ""})


def test_the_number_of_digits_ends_it() -> None:
    call = gather('numDigits="3"')
    asked = call.press("123")
    assert requested(asked) == (MENU, {"Digits": "123"})
    assert isinstance(asked[-2], StopTimer)


def test_the_finishing_key_ends_it_and_is_told() -> None:
    assert requested(gather().press("12#")) == (MENU, {"Digits": "12", "FinishedOnKey": "#"})
    assert requested(gather('finishOnKey="*9"').press("1#9")) == (
        MENU,
        {"Digits": "1#", "FinishedOnKey": "9"},
    )


def test_the_finishing_key_is_nothing_before_the_first_digit() -> None:
    call = gather()
    assert call.press("#") == [StopTimer(2), StartTimer(3, 5)]
    assert requested(call.press("1#")) == (MENU, {"Digits": "1", "FinishedOnKey": "#"})


def test_without_a_finishing_key_every_key_is_a_digit() -> None:
    call = gather('finishOnKey="" numDigits="4"')
    assert requested(call.press("1#*2")) == (MENU, {"Digits": "1#*2"})


def test_a_digit_stops_the_prompts_and_counts() -> None:
    call = gather("", "<Say>One</Say><Say>Two</Say>")
    assert call.press("4") == [StopPlay(2), StartTimer(3, 5)]
    assert call.on(Played(2)) == []
    assert requested(call.fired()) == (MENU, {"Digits": "4"})


def test_a_digit_may_be_the_last_during_a_prompt() -> None:
    call = gather('numDigits="1"', "<Say>One</Say>")
    assert call.press("4") == [StopPlay(2), Fetch(3, MENU, "POST", (("Digits", "4"),))]


def test_without_barge_in_the_prompts_are_heard_to_their_end() -> None:
    call = gather('bargeIn="false" numDigits="1"', "<Say>One</Say><Say>Two</Say>")
    assert call.press("45") == []
    assert call.played() == [Speak(3, "Two", "man", "en-US")]
    assert requested(call.played()) == (MENU, {"Digits": "4"})
    call.respond('<Response><Gather numDigits="1"/></Response>')
    assert requested(call.asked) == (MENU, {"Digits": "5"})


def test_digits_pressed_before_it_count() -> None:
    call = run('<Say>Welcome</Say><Gather action="menu" numDigits="2"><Say>Press</Say></Gather>')
    assert call.press("1") == []
    assert call.played() == [StartTimer(3, 5)]
    assert requested(call.press("2")) == (MENU, {"Digits": "12"})


def test_digits_beyond_its_number_are_for_the_next() -> None:
    call = run('<Pause/><Gather action="menu" numDigits="2"><Say>Press</Say></Gather>')
    call.press("1234")
    assert requested(call.fired()) == (MENU, {"Digits": "12"})
    call.press("5")
    asked = call.respond('<Response><Gather action="x" numDigits="3"/></Response>')
    assert requested(asked) == ("https://app.example/voice/x", {"Digits": "345"})


def test_the_default_action_is_the_current_document() -> None:
    assert requested(run('<Gather numDigits="1"/>').press("1")) == (URL, {"Digits": "1"})


def test_get() -> None:
    asked = gather('method="GET" numDigits="1"').press("1")
    assert asked[-1] == Fetch(3, MENU, "GET", (("Digits", "1"),))


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ('input="telepathy"', 13326),
        ('method="PUT"', 13312),
        ('timeout="auto"', 13313),
        ('finishOnKey="a"', 13310),
        ('numDigits="0"', 13314),
        ('actionOnEmptyResult="maybe"', 13338),
        ('bargeIn="1"', 13332),
        ('speechTimeout="soon"', 13327),
        ('maxSpeechTime="x"', 13328),
        ('partialResultCallbackMethod="x"', 13329),
        ('language="x"', 13331),
        ('profanityFilter="x"', 13333),
    ],
)
def test_bad_values_are_ignored_with_a_warning(attribute: str, code: int) -> None:
    call = gather(attribute)
    assert codes(call.asked) == [code]
    assert call.active(StartTimer).seconds == 5


@pytest.mark.parametrize(("timeout", "nearest"), [("0", 1), ("-3", 1), ("2.6", 3), ("1" * 5000, 86400)])
def test_bad_times_become_the_nearest_that_is_allowed(timeout: str, nearest: int) -> None:
    call = gather(f'timeout="{timeout}"')
    assert codes(call.asked) == [13313]
    assert call.active(StartTimer).seconds == nearest


def test_of_bad_keys_and_words_the_good_ones_count() -> None:
    call = gather('finishOnKey="*x" input="dtmf telepathy"')
    assert codes(call.asked) == [13326, 13310]
    assert requested(call.press("1*")) == (MENU, {"Digits": "1", "FinishedOnKey": "*"})


@pytest.mark.parametrize("wanted", ["speech", "dtmf speech", "speech dtmf"])
def test_speech_is_not_recognised_and_digits_are_collected_instead(wanted: str) -> None:
    call = gather(f'input="{wanted}" speechTimeout="auto" language="de-DE" hints="yes,no"', "<Say>Talk</Say>")
    assert codes(call.asked) == [13340, 12200]
    assert requested(call.press("1#")) == (MENU, {"Digits": "1", "FinishedOnKey": "#"})


def test_nested_verbs_have_their_own_codes() -> None:
    call = gather("", '<Say voice="x" loop="y">Hello</Say><Play>a.wav</Play><Dial>+15550001111</Dial>')
    assert codes(call.asked) == [13320, 13321, 13322]
    call.played()
    assert codes(call.on(PlayFailed(3, 13420))) == [13325]


def test_after_a_prompt_that_goes_on_for_ever_comes_nothing() -> None:
    call = gather("", '<Say loop="0">Hello</Say>')
    assert call.asked == [Speak(2, "Hello", "man", "en-US", 0)]
    assert requested(call.press("1#")) == (MENU, {"Digits": "1", "FinishedOnKey": "#"})


def test_hanging_up_requests_nothing() -> None:
    call = gather("", "<Say>One</Say>")
    call.press("12")
    assert call.on(HungUp()) == [StopTimer(4)]
    assert call.finished


def test_a_timer_of_before_the_last_digit_is_nothing() -> None:
    call = gather()
    call.press("1")
    assert call.on(TimerFired(2)) == []


def test_an_empty_document_follows() -> None:
    call = gather('numDigits="1"')
    call.press("1")
    assert call.respond("<Response/>") == [HangUp()]


def test_the_timeline_says_that_nothing_was_pressed() -> None:
    call = gather("")
    call.fired()
    assert (("result", "no input"),) in [trace.detail for trace in call.traces]
