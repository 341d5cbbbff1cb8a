"""The one reader of phone numbers and SIP addresses."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.numbers import as_e164, e164, formatted, is_sip_caller, sender, sip_refusal


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
        ("510/555-0100", "+15105550100"),
        ("510.555.0100", "+15105550100"),
        ("1-555-444-5555", "+15554445555"),
        (" +1 (510) 555 0100 ", "+15105550100"),
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
        "1123456789",
        "0155512300",
        "+1123456789",
        "5551234",
        "٥٥٥٤٤٤٥٥٥٥",
        "+15551230000;ext=1",
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
    ("user", "read"),
    [
        ("+15551230000", "+15551230000"),
        ("5551230000", "+15551230000"),
        ("15551230000", "+15551230000"),
        ("510/555-0100", "+15105550100"),
        ("+15551230000;phone-context=x", "+15551230000"),
        ("447911123456", "+447911123456"),
        ("1123456789", "1123456789"),
        ("1001", "1001"),
        ("alice", "alice"),
        ("alice;x", "alice;x"),
    ],
)
def test_users_of_sip_addresses(user: str, read: str) -> None:
    assert as_e164(user) == read


@pytest.mark.parametrize("text", ["+1555123000" + "9" * 240_000, "(" * 240_000, "sip:a@" + "b" * 240_000])
def test_what_is_long_is_not_remembered(text: str) -> None:
    tracemalloc.start()
    try:
        for at in range(20):
            assert e164(f"{text}{at}") is None
            assert sip_refusal(f"{text}{at}") is not None
        assert tracemalloc.get_traced_memory()[0] < 500_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "uri",
    [
        "sip:joe@example.com",
        "sip:joe:secret@10.0.0.1:5061;transport=tcp",
        "SIP:joe@example.com;transport=UDP;user=phone",
        "sip:+1555@[::1]:5060",
        "sip:a@b?X-A=1",
        "sip:a@b?X-A=" + "a" * 1000,
    ],
)
def test_sip_addresses_that_can_be_dialled(uri: str) -> None:
    assert sip_refusal(uri) is None


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:", "not a valid SIP URI"),
        ("sip:joe", "not a valid SIP URI"),
        ("sip:@b", "not a valid SIP URI"),
        ("sip:a@b c", "not a valid SIP URI"),
        ("sip:a@b\r\nX: y", "not a valid SIP URI"),
        ("sip:a:\x00@b", "not a valid SIP URI"),
        ("http://a@b", "not a valid SIP URI"),
        ("sip:" + "a" * 300 + "@b", "longer than 255"),
        ("sip:a@b?X-A=" + "a" * 1100, "1024 characters of headers"),
        ("sip:a@b:0", "port"),
        ("sip:a@b:65536", "port"),
        ("sips:a@b", "TLS"),
        ("sip:a@b;transport=tls", "TLS"),
        ("sip:a@b;Transport=TLS;lr", "TLS"),
        ("sip:a@b;transport=ws", "transport ws"),
        ("sip:a@b;transport=", "transport"),
        ("sip:a@b;transport=udp;transport=sctp", "transport sctp"),
    ],
)
def test_sip_addresses_that_cannot_be_dialled(uri: str, reason: str) -> None:
    refusal = sip_refusal(uri)
    assert refusal is not None
    assert reason in refusal


@pytest.mark.parametrize(
    ("name", "taken"), [("alice.b", True), ("a b", False), ("", False), ("a" * 65, False)]
)
def test_callers_of_sip_addresses(name: str, taken: bool) -> None:
    assert is_sip_caller(name) is taken


@pytest.mark.parametrize(
    ("text", "who"),
    [
        ("(415) 867-5309", "+14158675309"),
        (" 12345 ", "12345"),
        ("Offhook", "Offhook"),
        ("", None),
        ("\0", None),
    ],
    ids=["number", "short code", "name", "nothing", "neither"],
)
def test_who_sends_a_text(text: str, who: str | None) -> None:
    assert sender(text) == who
