"""Replies to a text.

| <Message> | default | bad value |
|---|---|---|
| to | where the text came from | 14101 |
| from | where it went to | 14102 |
| action | none | 11100 |
| method | POST | 14104 |
| statusCallback | none | 14105 |
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.twiml.transcript import CALLED, CALLER, URL, attribute_table, codes

from offhook.twiml.effects import Effect, Fetch, Notify, SendMessage, Trace
from offhook.twiml.entry import EntryPoint, MessageFacts
from offhook.twiml.events import Fetched, FetchFailed, MessageQueued
from offhook.twiml.messaging.interpreter import State, start, step
from offhook.twiml.messaging.message import Message


def reply(
    body: str, content_type: str | None = "text/xml", status: int = 200, fallback: str | None = None
) -> tuple[State, Sequence[Effect]]:
    state, asked = start(EntryPoint(URL, fallback_url=fallback), MessageFacts(CALLER, CALLED))
    assert asked == [Fetch(1, URL, "POST")]
    state, asked = step(state, Fetched(1, URL, status, content_type, body.encode()))
    return state, [effect for effect in asked if not isinstance(effect, Trace)]


def replies(verbs: str) -> Sequence[Effect]:
    return reply(f"<Response>{verbs}</Response>")[1]


def test_attributes() -> None:
    assert attribute_table(Message) == {
        "to": (None, 14101),
        "from": (None, 14102),
        "action": (None, 11100),
        "method": ("POST", 14104),
        "statusCallback": (None, 14105),
    }


@pytest.mark.parametrize("message", ["<Message>Hi</Message>", "<Message><Body> Hi </Body></Message>"])
def test_replies_to_where_it_came_from(message: str) -> None:
    state, asked = reply(f"<Response>{message}</Response>")
    assert asked == [SendMessage(2, CALLER, CALLED, "Hi")]
    state, asked = step(state, MessageQueued(2, "SM1", "queued"))
    assert state.finished and not asked


def test_several_messages_of_which_media_is_not_sent() -> None:
    lost, sent, nothing = replies(
        '<Message to="5554445555" from="12345" statusCallback="cb"><Body>A</Body><Media>a.png</Media>'
        "<Media>http://b.example/b.png</Media></Message><Message><Media>c.png</Media></Message>"
    )
    assert sent == SendMessage(2, "+15554445555", "12345", "A", "https://app.example/voice/cb")
    assert codes([lost, nothing]) == [13750, 13750]
    assert isinstance(lost, Notify)
    assert isinstance(nothing, Notify)
    assert "the text goes alone" in lost.message
    assert "nothing is sent" in nothing.message


@pytest.mark.parametrize("caller", ["", "ACME", "Bank 24", CALLED])
def test_a_sender_that_is_no_number_or_the_same_is_not_answered(caller: str) -> None:
    state, _ = start(EntryPoint(URL), MessageFacts(caller, CALLED))
    body = b"<Response><Message>Hi</Message><Sms>Hi</Sms></Response>"
    state, asked = step(state, Fetched(1, URL, 200, "text/xml", body))
    assert state.finished
    assert codes([effect for effect in asked if not isinstance(effect, Trace)]) == [14101, 14101]


def test_a_short_code_is_answered() -> None:
    state, _ = start(EntryPoint(URL), MessageFacts("24365", CALLED))
    state, asked = step(state, Fetched(1, URL, 200, "text/xml", b"<Response><Sms>Hi</Sms></Response>"))
    assert SendMessage(2, "24365", CALLED, "Hi") in asked


def test_redirects() -> None:
    state, asked = reply("<Response><Redirect method='GET'>next</Redirect></Response>")
    assert asked == [Fetch(2, "https://app.example/voice/next", "GET")]
    assert not state.finished


def test_an_action_is_told() -> None:
    state, asked = reply("<Response><Message action='sent'>Hi</Message></Response>")
    assert asked == [SendMessage(2, CALLER, CALLED, "Hi")]
    state, asked = step(state, MessageQueued(2, "SM1", "queued"))
    sids = (("MessageSid", "SM1"), ("SmsSid", "SM1"), ("SmsMessageSid", "SM1"))
    status = (("MessageStatus", "queued"), ("SmsStatus", "queued"))
    assert asked == [Fetch(3, "https://app.example/voice/sent", "POST", sids + status)]


def test_plain_text_is_a_reply() -> None:
    assert reply("Hi there", "text/plain")[1] == [SendMessage(2, CALLER, CALLED, "Hi there")]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [("<Response/>", "text/xml", 200), ("", "text/plain", 200), ("", None, 204)],
)
def test_no_reply(body: str, content_type: str | None, status: int) -> None:
    state, asked = reply(body, content_type, status)
    assert asked == []
    assert state.finished


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("<Message/>", 14103),
        (f"<Message>{'a' * 1601}</Message>", 14103),
        ('<Message method="x">Hi</Message>', 14104),
        ('<Message statusCallback="mailto:x">Hi</Message>', 14105),
        ("<Say>Hi</Say>", 14110),
        ("<Hangup/>", 14110),
        ("<Dial>+15550001111</Dial>", 14110),
        ("<Sing>Hi</Sing>", 12200),
    ],
)
def test_bad_values(message: str, code: int) -> None:
    assert codes(replies(message)) == [code]


@pytest.mark.parametrize(
    ("attribute", "code"),
    [('to=""', 14101), ('to="agent one"', 14101), ('from=""', 14102), ('from="x!y"', 14102)],
)
def test_a_bad_recipient_or_sender_has_no_default(attribute: str, code: int) -> None:
    asked = replies(f"<Message {attribute}>Hi</Message>")
    assert codes(asked) == [code]
    assert len(asked) == 1


def test_sms_is_a_message() -> None:
    state, asked = reply('<Response><Sms to="5554445555" action="sent">Hi</Sms></Response>')
    assert asked == [SendMessage(2, "+15554445555", CALLED, "Hi")]
    state, asked = step(state, MessageQueued(2, "SM1", "queued"))
    assert isinstance(asked[0], Fetch)
    assert dict(asked[0].params)["SmsSid"] == "SM1"


def test_a_failure_leads_to_the_fallback_and_then_to_nothing() -> None:
    state, asked = reply("", status=500, fallback="http://b.example/")
    assert codes(asked) == [11200]
    assert asked[1] == Fetch(2, "http://b.example/", "POST", error=(11200, URL))
    state, asked = step(state, FetchFailed(2, 11205))
    assert codes(asked) == [11205]
    assert len(asked) == 1
    assert state.finished


def test_documents_that_lead_nowhere_end() -> None:
    state, asked = reply("<Response><Redirect/></Response>")
    for _ in range(200):
        fetch = asked[-1]
        if not isinstance(fetch, Fetch):
            break
        state, asked = step(
            state, Fetched(fetch.request, URL, 200, "text/xml", b"<Response><Redirect/></Response>")
        )
    assert codes(asked) == [14106]
    assert state.finished
