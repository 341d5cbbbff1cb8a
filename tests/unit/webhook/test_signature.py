"""`X-Twilio-Signature`, held against the validator that customers use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from offhook.webhook.signature import sign, verify

TOKEN = "0123456789abcdef0123456789abcdef"
URL = "https://app.example/voice?b=2&a=1"
PAIRS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8)


class Form(dict[str, list[str]]):
    """A form with repeated names, as web frameworks give it to the validator."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


def form(params: list[tuple[str, str]]) -> Form:
    made = Form()
    for name, value in params:
        made.setdefault(name, []).append(value)
    return made


def test_the_example_of_the_documentation() -> None:
    params = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675310"),
        ("Digits", "1234"),
        ("From", "+14158675310"),
        ("To", "+18005551212"),
    ]
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, params) == RequestValidator("12345").compute_signature(url, dict(params))


@given(PAIRS)
def test_the_official_validator_agrees(params: list[tuple[str, str]]) -> None:
    signature = sign(TOKEN, URL, params)
    assert signature == RequestValidator(TOKEN).compute_signature(URL, form(params))
    assert verify(TOKEN, URL, params, signature)


def test_order_and_repetition_do_not_matter() -> None:
    assert sign(TOKEN, URL, [("b", "2"), ("a", "1"), ("a", "0"), ("a", "1")]) == sign(
        TOKEN, URL, [("a", "0"), ("a", "1"), ("b", "2")]
    )


@pytest.mark.parametrize(
    "changed",
    [
        ("other", URL, [("a", "1")]),
        (TOKEN, URL + "x", [("a", "1")]),
        (TOKEN, URL, [("a", "2")]),
        (TOKEN, URL, []),
    ],
)
def test_whatever_is_changed_is_noticed(changed: tuple[str, str, list[tuple[str, str]]]) -> None:
    token, url, params = changed
    assert not verify(token, url, params, sign(TOKEN, URL, [("a", "1")]))


@pytest.mark.parametrize("signature", ["", "é", "x" * 28])
def test_what_is_no_signature(signature: str) -> None:
    assert not verify(TOKEN, URL, [], signature)


@pytest.mark.parametrize(
    ("signed", "seen"),
    [
        ("https://app.example:443/x", "https://app.example/x"),
        ("https://app.example/x", "https://app.example:443/x"),
        ("http://app.example:80/x", "http://app.example/x"),
        ("http://u:p@app.example:8080/x", "http://u:p@app.example:8080/x"),
        ("http://[::1]:80/x", "http://[::1]/x"),
    ],
)
def test_a_port_that_a_proxy_took_away_or_added(signed: str, seen: str) -> None:
    assert verify(TOKEN, seen, [("a", "1")], sign(TOKEN, signed, [("a", "1")]))


@pytest.mark.parametrize("url", ["wss://app.example/media", "http:///voice"])
def test_an_address_without_a_default_port_is_signed_as_it_is(url: str) -> None:
    assert verify(TOKEN, url, [], sign(TOKEN, url, []))
    assert not verify(TOKEN, url, [], sign(TOKEN, URL, []))
