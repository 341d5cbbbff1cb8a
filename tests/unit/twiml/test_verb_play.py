"""<Play>.

| attribute | default | bad value |
|---|---|---|
| loop | 1, 0 until hung up | 13410 |
| digits | none | 13430 |
"""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import attribute_table, codes, run

from offhook.twiml.effects import Fetch, HangUp, Notify, PlayDigits, PlayUrl, Speak
from offhook.twiml.events import PlayFailed
from offhook.twiml.verb import APOLOGY
from offhook.twiml.verbs.play import Play


def test_attributes() -> None:
    assert attribute_table(Play) == {"loop": (1, 13410), "digits": (None, 13430)}


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("https://cdn.example/a.mp3", "https://cdn.example/a.mp3"),
        ("a.wav", "https://app.example/voice/a.wav"),
        ("/a.wav?x=1&amp;y=2", "https://app.example/a.wav?x=1&y=2"),
        ("//cdn.example/a.wav", "https://cdn.example/a.wav"),
    ],
)
def test_plays_a_url_relative_to_the_document(written: str, requested: str) -> None:
    call = run(f'<Play loop="0">{written}</Play>')
    assert call.asked == [PlayUrl(2, requested, 0)]
    assert call.played() == [HangUp()]


def test_sends_digits() -> None:
    assert run('<Play digits="ww12#" loop="3"/>').asked == [PlayDigits(2, "ww12#", 3)]


def test_digits_come_before_the_audio() -> None:
    call = run('<Play digits="1" loop="2">a.wav</Play>')
    assert call.asked == [PlayDigits(2, "1", 1)]
    assert call.played() == [PlayUrl(3, "https://app.example/voice/a.wav", 2)]
    assert call.played() == [HangUp()]


@pytest.mark.parametrize("url", ["", "ftp://x/a.wav", "http://[1/a.wav", "javascript:x", "http:///a.wav"])
def test_a_url_that_cannot_be_requested_is_apologised_for(url: str) -> None:
    call = run(f"<Play>{url}</Play><Say>next</Say>")
    assert codes(call.asked) == [11100]
    assert call.asked[-1] == Speak(2, APOLOGY, "man", "en-US")


@pytest.mark.parametrize(("attribute", "code"), [('loop="a"', 13410), ('digits="12x"', 13430)])
def test_bad_values_are_ignored_with_a_warning(attribute: str, code: int) -> None:
    call = run(f"<Play {attribute}>a.wav</Play>")
    assert codes(call.asked) == [code]
    assert call.asked[-1] == PlayUrl(2, "https://app.example/voice/a.wav", 1)


def test_audio_that_is_not_to_be_had_is_told_and_apologised_for() -> None:
    call = run("<Play>a.wav</Play><Say>next</Say>")
    asked = call.on(PlayFailed(2, 11200, "the server answered 404"))
    assert asked == [
        Notify(11200, "the server answered 404", "https://app.example/voice/a.wav"),
        Speak(3, APOLOGY, "man", "en-US"),
    ]
    assert call.played() == [HangUp(11200)]


def test_the_fallback_is_asked_once_and_told_why() -> None:
    fallback = "https://backup.example/"
    call = run("<Play>a.wav</Play>", fallback=fallback)
    asked = call.on(PlayFailed(2, 13420, "text/html is no audio"))
    assert asked[-1] == Fetch(3, fallback, "POST", error=(13420, "https://app.example/voice/a.wav"))
    call.respond("<Response><Say>One moment</Say><Play>b.wav</Play></Response>")
    call.played()
    assert call.on(PlayFailed(5, 11205))[-1] == Speak(6, APOLOGY, "man", "en-US")


def test_digits_that_cannot_be_sent_are_followed_by_the_audio() -> None:
    call = run('<Play digits="1">a.wav</Play>')
    assert call.on(PlayFailed(2, 12400))[-1] == PlayUrl(3, "https://app.example/voice/a.wav")
