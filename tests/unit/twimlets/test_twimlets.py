"""Twimlets: from parameters to TwiML."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from offhook.twimlets import TWIMLETS


def run(name: str, query: str) -> etree._Element:
    """The document that a twimlet answers."""
    return etree.fromstring(TWIMLETS[name](parse_qs(query, keep_blank_values=True)).encode())


def verbs(name: str, query: str) -> list[tuple[str, str]]:
    """Its verbs with their texts."""
    return [(verb.tag, verb.text or "") for verb in run(name, query)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("Message=Hello%20world.", [("Say", "Hello world.")]),
        ("Message[0]=one&Message[1]=two", [("Say", "one"), ("Say", "two")]),
        ("Message[10]=last&Message[2]=first", [("Say", "first"), ("Say", "last")]),
        ("Message=https%3A%2F%2Fexample.com%2Fa.mp3", [("Play", "https://example.com/a.mp3")]),
        ("Message=see%20http%3A%2F%2Fexample.com", [("Say", "see http://example.com")]),
        ("Message=a%20%26%20%3Cb%3E", [("Say", "a & <b>")]),
        ("Message=", []),
        ("", []),
        ("Other=x", []),
    ],
)
def test_message(query: str, expected: list[tuple[str, str]]) -> None:
    assert verbs("message", query) == expected


@given(st.dictionaries(st.text(max_size=12), st.lists(st.text(max_size=20), max_size=3), max_size=5))
def test_message_takes_anything(values: dict[str, list[str]]) -> None:
    TWIMLETS["message"](values)


def test_forward_dials_and_comes_back() -> None:
    (dial,) = run("forward", "PhoneNumber=%2B15551230000&Timeout=9&FailUrl=http%3A%2F%2Fexample.com%2F")
    assert (dial.tag, dial.text, dial.get("timeout")) == ("Dial", "+15551230000", "9")
    query = str(dial.get("action")).partition("?")[2]
    assert verbs("forward", f"{query}&DialCallStatus=no-answer") == [("Redirect", "http://example.com/")]
    assert verbs("forward", f"{query}&DialCallStatus=completed") == [("Hangup", "")]


def test_forward_refuses_callers_that_are_not_listed() -> None:
    listed = "PhoneNumber=%2B1555&AllowedCallers[0]=(415)%20555-1212&From="
    assert verbs("forward", f"{listed}%2B14155551212")[0][0] == "Dial"
    assert verbs("forward", f"{listed}%2B14155551213")[0][0] == "Say"


def test_holdmusic_goes_round() -> None:
    query = "Message=Wait&Music[0]=http%3A%2F%2Fexample.com%2Fa.mp3"
    assert verbs("holdmusic", query) == [
        ("Say", "Wait"),
        ("Play", "http://example.com/a.mp3"),
        ("Redirect", ""),
    ]
    assert [tag for tag, _ in verbs("holdmusic", "")] == ["Pause", "Redirect"]


def test_echo_answers_what_it_is_given() -> None:
    assert verbs("echo", "Twiml=%3CResponse%3E%3CHangup%2F%3E%3C%2FResponse%3E") == [("Hangup", "")]
    assert verbs("echo", "") == []
