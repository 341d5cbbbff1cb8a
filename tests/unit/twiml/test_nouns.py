"""<Number> (sendDigits none 13222, method POST 13221, statusCallbackEvent completed) and <Sip> (13241, 13249)."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import attribute_table, codes, run

from offhook.twiml.effects import Dial, DialNumber, DialSip, DialTarget, HangUp, StatusCallback
from offhook.twiml.nouns.number import Number
from offhook.twiml.nouns.sip import Sip


def targets(nouns: str) -> tuple[DialTarget, ...]:
    return run(f"<Dial>{nouns}</Dial>").active(Dial).targets


def test_attributes_of_number() -> None:
    assert attribute_table(Number) == {
        "sendDigits": (None, 13222),
        "url": (None, 11100),
        "method": ("POST", 13221),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 13221),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_attributes_of_sip() -> None:
    assert attribute_table(Sip) == {
        "username": (None, 13249),
        "password": (None, 13249),
        "url": (None, 11100),
        "method": ("POST", 13241),
        "statusCallback": (None, 11100),
        "statusCallbackMethod": ("POST", 13241),
        "statusCallbackEvent": (("completed",), 12200),
    }


def test_number() -> None:
    assert targets(
        '<Number sendDigits="wwA12#" url="whisper" method="GET" statusCallback="/cb"'
        ' statusCallbackEvent="initiated ringing answered completed">(555) 444-5555</Number>'
    ) == (
        DialNumber(
            "+15554445555",
            "wwA12#",
            "https://app.example/voice/whisper",
            "GET",
            StatusCallback(
                "https://app.example/cb", "POST", ("initiated", "ringing", "answered", "completed")
            ),
        ),
    )


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ('method="x"', 13221),
        ('byoc="BY1" machineDetection="Enable"', 12200),
        ('statusCallbackEvent="x"', 12200),
    ],
)
def test_bad_values_of_number(attribute: str, code: int) -> None:
    call = run(f"<Dial><Number {attribute}>+15554445555</Number></Dial>")
    assert codes(call.asked) == [code]
    assert call.active(Dial).targets == (DialNumber("+15554445555"),)


@pytest.mark.parametrize(
    ("noun", "code"),
    [
        ('<Number sendDigits="x">+15554445555</Number>', 13222),
        ('<Number url="mailto:x">+15554445555</Number>', 11100),
        ('<Number url="http://">+15554445555</Number>', 11100),
        ('<Number url="https:whisper">+15554445555</Number>', 11100),
        ('<Sip url="mailto:x">sip:a@b.example</Sip>', 11100),
    ],
)
def test_who_cannot_be_reached_or_screened_as_written_is_not_called(noun: str, code: int) -> None:
    call = run(f"<Dial>{noun}</Dial>")
    assert codes(call.asked) == [code]
    assert call.asked[-1] == HangUp()
    others = run(f"<Dial>{noun}<Number>+15556667777</Number></Dial>")
    assert others.active(Dial).targets == (DialNumber("+15556667777"),)


def test_empty_digits_and_an_empty_url_are_none() -> None:
    assert targets('<Number sendDigits="" url="">+15554445555</Number>') == (
        DialNumber("+15554445555", send_digits=""),
    )


def test_of_a_list_of_events_the_known_ones_are_told() -> None:
    (target,) = targets(
        '<Number statusCallback="/cb" statusCallbackEvent="Answered busy completed">+15554445555</Number>'
    )
    assert target.callback is not None
    assert target.callback.events == ("answered", "completed")


def test_sip() -> None:
    assert targets(
        '<Sip username="u" password="p">sip:a@b.example:5070;transport=tcp?X-Id=1&amp;User-to-User=a%3Db</Sip>'
    ) == (DialSip("sip:a@b.example:5070;transport=tcp", (("X-Id", "1"), ("User-to-User", "a=b")), "u", "p"),)


def test_sip_with_uris_and_headers_of_their_own() -> None:
    assert targets(
        '<Sip username="u"><Uri>sip:a@b.example</Uri><Uri username="v">sips:[2001:db8::1]</Uri>'
        '<Headers><Header name="X-A" value="1"/></Headers></Sip>'
    ) == (
        DialSip("sip:a@b.example", (("X-A", "1"),), "u"),
        DialSip("sips:[2001:db8::1]", (("X-A", "1"),), "v"),
    )


def test_addresses_are_in_the_order_of_priority_and_weight() -> None:
    assert targets(
        '<Sip><Uri priority="2">sip:c@b.example</Uri><Uri priority="1" weight="1">sip:b@b.example</Uri>'
        '<Uri priority="1" weight="9">sip:a@b.example</Uri><Uri priority="2">sip:d@b.example</Uri></Sip>'
    ) == tuple(DialSip(f"sip:{name}@b.example") for name in "abcd")


@pytest.mark.parametrize("uri", ["", "a@b", "tel:+1", "sip:", "sip:a b@c", "sip:a@b@c", "sip:a@b\r\nX: y"])
def test_what_is_no_sip_address(uri: str) -> None:
    assert codes(run(f"<Dial><Sip>{uri}</Sip></Dial>").asked) == [13243]


@pytest.mark.parametrize(
    ("query", "code"),
    [("Via=x", 13252), ("X-A=%0d%0aB:c", 13252), ("X-A=" + "a" * 1100, 13253)],
)
def test_headers_that_may_not_be_sent(query: str, code: int) -> None:
    call = run(f"<Dial><Sip>sip:a@b.example?{query}</Sip></Dial>")
    assert codes(call.asked) == [code]
    assert call.active(Dial).targets == (DialSip("sip:a@b.example"),)
