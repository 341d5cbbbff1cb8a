"""Reading phone numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.api.phone_numbers import e164, formatted, is_sip_uri


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+15551230000", "+15551230000"),
        ("15551230000", "+15551230000"),
        ("5551230000", "+15551230000"),
        ("(415) 867-5309", "+14158675309"),
        ("+1-415-867-5309", "+14158675309"),
        ("+44 20 7946 0001", "+442079460001"),
        ("447911123456", "+447911123456"),
        ("+15105550100", "+15105550100"),
    ],
)
def test_taken(text: str, number: str) -> None:
    assert e164(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "hello",
        "+1555",
        "+155512300001",
        "+10000000000",
        "+0123456789",
        "+99912345678",
        "911",
        "+1555123000a",
        "+1" * 40,
        "+1555123١000",
    ],
)
def test_refused(text: str) -> None:
    assert e164(text) is None


@given(st.text(max_size=80))
def test_never_raises_and_is_stable(text: str) -> None:
    number = e164(text)
    assert number is None or e164(number) == number


def test_formatted() -> None:
    assert formatted("+14158675308") == "(415) 867-5308"
    assert formatted("+442079460001") == "+442079460001"
    assert formatted("sip:a@b") == "sip:a@b"


@pytest.mark.parametrize(
    "uri",
    ["sip:joe@example.com", "sips:joe@10.0.0.1:5061;transport=tls", "sip:+1555@[::1]:5060", "sip:a@b?X-A=1"],
)
def test_sip_uris(uri: str) -> None:
    assert is_sip_uri(uri)


@pytest.mark.parametrize(
    "uri",
    ["sip:", "sip:joe", "sip:@b", "sip:a@b c", "sip:a@b\r\nX: y", "http://a@b", "sip:" + "a" * 300 + "@b"],
)
def test_not_sip_uris(uri: str) -> None:
    assert not is_sip_uri(uri)
