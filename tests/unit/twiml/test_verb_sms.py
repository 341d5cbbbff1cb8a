"""<Sms> in a call: `to` 14101, `from` 14102, `action`, `method` POST 14104, `statusCallback` 14105."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import CALLED, CALLER, attribute_table, codes, run

from offhook.twiml.effects import Fetch, HangUp, SendMessage
from offhook.twiml.entry import CallFacts
from offhook.twiml.events import MessageQueued
from offhook.twiml.verbs.sms import Sms


def test_attributes() -> None:
    assert attribute_table(Sms) == {
        "to": (None, 14101),
        "from": (None, 14102),
        "action": (None, 11100),
        "method": ("POST", 14104),
        "statusCallback": (None, 14105),
    }


def test_goes_to_the_caller_and_the_call_goes_on() -> None:
    assert run("<Sms>Hello</Sms>").asked == [SendMessage(2, CALLER, CALLED, "Hello"), HangUp()]


def test_goes_to_the_called_party_of_an_outbound_call() -> None:
    call = run("<Sms>Hello</Sms>", CallFacts(CALLER, CALLED, "outbound-api", answered=True))
    assert call.asked[0] == SendMessage(2, CALLED, CALLER, "Hello")


def test_tells_its_action() -> None:
    call = run('<Sms to="5554445555" from="12345" action="sent" statusCallback="/cb">Hello</Sms>')
    assert call.asked == [
        SendMessage(2, "+15554445555", "12345", "Hello", status_callback="https://app.example/cb")
    ]
    params = (("SmsSid", "SM1"), ("SmsStatus", "queued"))
    assert call.on(MessageQueued(2, "SM1", "queued")) == [
        Fetch(3, "https://app.example/voice/sent", "POST", params)
    ]


def test_says_why_there_is_no_text() -> None:
    call = run('<Sms from="+15005550000" action="sent">Hello</Sms>')
    asked = call.on(MessageQueued(2, "", "failed", 14108, "It is not one of the account's"))
    assert codes(asked) == [14108]
    assert asked[-1] == Fetch(3, "https://app.example/voice/sent", "POST", (("SmsStatus", "failed"),))


@pytest.mark.parametrize(
    ("sms", "code"),
    [
        ("<Sms></Sms>", 14103),
        (f"<Sms>{'a' * 1601}</Sms>", 14103),
        ('<Sms method="x">Hello</Sms>', 14104),
    ],
)
def test_bad_values(sms: str, code: int) -> None:
    assert codes(run(sms).asked) == [code]


@pytest.mark.parametrize("attribute", ['to=""', 'to="agent one"', 'to="911"', 'to="sip:a@b.example"'])
def test_a_bad_recipient_is_nobody_and_not_the_caller(attribute: str) -> None:
    call = run(f"<Sms {attribute}>Hello</Sms>")
    assert codes(call.asked) == [14101]
    assert call.asked[-1] == HangUp()
    assert len(call.asked) == 2


@pytest.mark.parametrize("sender", ["", "x!y", "&lt;", "twelve chars", "12"])
def test_a_bad_sender_is_nobody_and_not_our_number(sender: str) -> None:
    call = run(f'<Sms from="{sender}">Hello</Sms>')
    assert codes(call.asked) == [14102]
    assert len(call.asked) == 2


@pytest.mark.parametrize(
    ("written", "sender"), [("(555) 222-3333", "+15552223333"), (" 12345 ", "12345"), ("Acme Co", "Acme Co")]
)
def test_senders_are_understood_as_people_write_them(written: str, sender: str) -> None:
    assert run(f'<Sms from="{written}">Hello</Sms>').asked[0] == SendMessage(2, CALLER, sender, "Hello")


def test_a_caller_without_a_number_gets_none() -> None:
    call = run("<Sms>Hello</Sms>", CallFacts("client:alice", CALLED, answered=True))
    assert codes(call.asked) == [14101]
