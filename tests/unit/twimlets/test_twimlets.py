"""Twimlets: from parameters to TwiML."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from tests.harness.split_urls import watch_splits

from offhook.audio import wav
from offhook.twimlets import TWIMLETS, parameters
from offhook.twimlets.demo import DOCUMENTS
from offhook.twimlets.parameters import is_url


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


PARAMETERS = (
    "Message",
    "Options[1]",
    "PhoneNumbers[0]",
    "PhoneNumber",
    "FailUrl",
    "Dial",
    "Digits",
    "Timeout",
)


@pytest.mark.parametrize("name", sorted(TWIMLETS.keys() - {"echo"}))
@given(
    st.dictionaries(
        st.sampled_from(PARAMETERS) | st.text(max_size=12),
        st.lists(st.text(max_size=20), max_size=3),
        max_size=5,
    )
)
def test_takes_anything(name: str, values: dict[str, list[str]]) -> None:
    assert TWIMLETS[name]({key: given or [""] for key, given in values.items()}).startswith("<?xml")


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


def again(url: str | None) -> tuple[str, str]:
    """The twimlet and the query that a relative address leads to."""
    name, _, query = str(url).partition("?")
    return name, query


def test_simulring_rings_all_and_screens() -> None:
    query = "PhoneNumbers[0]=%2B15551230000&PhoneNumbers[1]=%2B15551230001&Message=Hello"
    (dial,) = run("simulring", query)
    assert [number.text for number in dial] == ["+15551230000", "+15551230001"]
    name, whispered = again(dial[0].get("url"))
    assert [verb.tag for verb in run(name, whispered)] == ["Gather", "Hangup"]
    assert verbs(name, f"{whispered}&Digits=1") == []
    assert verbs(*again(dial.get("action"))) == [("Hangup", "")]


def test_findme_rings_one_after_another() -> None:
    query = (
        "PhoneNumbers[0]=%2B15551230000&PhoneNumbers[1]=%2B15551230001&FailUrl=http%3A%2F%2Fexample.com%2F"
    )
    name = "findme"
    for number in ("+15551230000", "+15551230001"):
        (dial,) = run(name, query)
        assert [each.text for each in dial] == [number]
        name, query = again(dial.get("action"))
        assert verbs(name, f"{query}&DialCallStatus=completed") == [("Hangup", "")]
        query += "&DialCallStatus=busy"
    assert verbs(name, query) == [("Redirect", "http://example.com/")]


def test_callme_rings_one() -> None:
    (dial,) = run("callme", "PhoneNumber=%2B15551230000&Timeout=7")
    assert (dial[0].text, dial.get("timeout")) == ("+15551230000", "7")
    name, query = again(dial.get("action"))
    assert verbs(name, f"{query}&DialCallStatus=no-answer") == [("Hangup", "")]


def test_menu_goes_where_the_keys_lead() -> None:
    query = "Message=Press&Options[1]=http%3A%2F%2Fa.example%2F&Options[22]=http%3A%2F%2Fb.example%2F&Options[3]=no"
    gather, redirect = run("menu", query)
    assert gather.get("numDigits") == "2"
    name, kept = again(gather.get("action"))
    assert redirect.text == gather.get("action")
    assert verbs(name, f"{kept}&Digits=22") == [("Redirect", "http://b.example/")]
    assert verbs(name, f"{kept}&Digits=3")[0][0] == "Say"


def test_voicemail_records_and_thanks() -> None:
    assert [tag for tag, _ in verbs("voicemail", "Email=a%40example.com")] == ["Say", "Record"]
    assert [tag for tag, _ in verbs("voicemail", "RecordingUrl=http%3A%2F%2Fa%2F")] == ["Say", "Hangup"]


def test_documents_of_the_demonstration() -> None:
    for path, (content_type, content) in DOCUMENTS.items():
        if content_type.startswith("text/xml"):
            assert etree.fromstring(content()).tag == "Response", path
    assert 3 < len(wav.read(DOCUMENTS["/docs/classic.mp3"][1]()).samples) / 8000 < 10


def test_a_url_that_is_too_long_is_neither_played_nor_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    split = watch_splits(monkeypatch, parameters)
    assert not is_url(f"http://example.com/{'9' * 60_000}")
    assert split == []
