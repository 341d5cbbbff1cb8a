"""<Say>.

| attribute | default | bad value |
|---|---|---|
| voice | man | 13511 |
| loop | 1, 0 until hung up | 13510 |
| language | en-US | 13512 |
"""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import RINGING, attribute_table, codes, run

from offhook.twiml.effects import Answer, HangUp, Notify, Speak, StopPlay
from offhook.twiml.events import HungUp, PlayFailed
from offhook.twiml.verbs.say import Say


def test_attributes() -> None:
    assert attribute_table(Say) == {"voice": ("man", 13511), "loop": (1, 13510), "language": ("en-US", 13512)}


def test_speaks_then_goes_on() -> None:
    call = run('<Say voice="woman" language="en-GB" loop="2">Hello\n   there</Say><Say>Bye</Say>')
    assert call.asked == [Speak(2, "Hello there", "woman", "en-GB", 2)]
    assert call.played() == [Speak(3, "Bye", "man", "en-US", 1)]
    assert call.played() == [HangUp()]
    assert call.finished


def test_answers_an_inbound_call() -> None:
    assert run("<Say>Hello</Say>", RINGING).asked == [Answer(), Speak(2, "Hello", "man", "en-US")]


@pytest.mark.parametrize(
    ("attribute", "code"),
    [('voice="robot"', 13511), ('loop="-1"', 13510), ('loop="x"', 13510), ('language="e"', 13512)],
)
def test_bad_values_are_ignored_with_a_warning(attribute: str, code: int) -> None:
    call = run(f"<Say {attribute}>Hello</Say>")
    assert codes(call.asked) == [code]
    assert call.asked[-1] == Speak(2, "Hello", "man", "en-US", 1)


@pytest.mark.parametrize("voice", ["alice", "Polly.Joanna", "Polly.Joanna-Neural", "Google.en-US-Standard-C"])
def test_knows_the_voices_of_twilio(voice: str) -> None:
    assert run(f'<Say voice="{voice}">Hello</Say>').asked == [Speak(2, "Hello", voice, "en-US")]


def test_a_text_of_more_than_4096_characters_is_cut() -> None:
    call = run(f"<Say>{'a' * 5000}</Say>")
    assert codes(call.asked) == [13521]
    assert call.asked[-1] == Speak(2, "a" * 4096, "man", "en-US")


def test_nothing_to_say_is_skipped() -> None:
    assert codes(run("<Say> ... </Say>").asked) == [13520]


def test_a_voice_that_fails_is_told_and_the_call_goes_on() -> None:
    call = run("<Say>Hello</Say><Say>again</Say>")
    asked = call.on(PlayFailed(2, 13520, "no engine"))
    assert asked[0] == Notify(13520, "no engine", "https://app.example/voice/start?a=1")
    assert isinstance(asked[1], Speak)


def test_hanging_up_stops_it() -> None:
    call = run("<Say loop='0'>Hello</Say><Say>never</Say>")
    assert call.on(HungUp()) == [StopPlay(2)]
    assert call.finished


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("Hello <break time='1s'/> there", "Hello , there"),
        ("<p>One</p><p>Two!</p>", "One. Two!"),
        ("<sub alias='World Wide Web'>WWW</sub> page", "World Wide Web page"),
        ("Code <say-as interpret-as='digits'>123</say-as>", "Code 1 2 3"),
        ("<prosody rate='slow'>So <emphasis>very</emphasis> slow</prosody>", "So very slow"),
    ],
)
def test_markup_is_read_as_words(markup: str, words: str) -> None:
    assert run(f"<Say>{markup}</Say>").asked[-1] == Speak(2, words, "man", "en-US")


@pytest.mark.parametrize(
    ("markup", "ignored"),
    [
        (
            "<p>One<break strength='weak'/></p><say-as interpret-as='digits'>1</say-as><sub alias='b'>a</sub>",
            None,
        ),
        ("Hello <break time='1s'/>", "break time"),
        ("<s><prosody rate='slow'><emphasis>very</emphasis></prosody></s>", "emphasis, prosody"),
        ("<say-as interpret-as='date'>1/2/2003</say-as>", "say-as date"),
    ],
)
def test_markup_without_effect_is_told(markup: str, ignored: str | None) -> None:
    asked = run(f"<Say>{markup}</Say>").asked
    told = [effect.message for effect in asked if isinstance(effect, Notify)]
    assert told == ([f"{ignored}: not built, without effect (<Say>, line 1)"] if ignored else [])


@pytest.mark.parametrize(
    ("attributes", "text", "code"),
    [
        ('language="ja-JP"', "日本語", 13520),
        ('voice="Polly.Joanna" language="ru-RU"', "привет", 13520),
        ('language="tl-PH"', "Kumusta", 13512),
    ],
)
def test_what_a_voice_cannot_speak_is_told_and_spoken_as_it_can(
    attributes: str, text: str, code: int
) -> None:
    call = run(f"<Say {attributes}>{text}</Say>")
    assert codes(call.asked) == [code]
    assert call.active(Speak).text == text


def test_what_it_can_speak_is_not_told_of() -> None:
    assert codes(run('<Say voice="Polly.Tatyana">привет</Say>').asked) == []
