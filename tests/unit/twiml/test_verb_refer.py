"""<Refer>: action and method; whom the far end is to call is its <Sip>. Only a SIP phone or server can be referred."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import ANSWERED, URL, Transcript, attribute_table, codes, only

from offhook.twiml.effects import Answer, EndRefer, Fetch, HangUp, Refer, Speak
from offhook.twiml.entry import CallFacts, EntryPoint
from offhook.twiml.events import HungUp, ReferDone
from offhook.twiml.verbs.refer import Refer as ReferVerb

PHONE = CallFacts("sip:alice@pbx.example", "+15552223333", answered=True)
TO_SIP = CallFacts("+15552223333", "sip:bob@pbx.example", "outbound-api", answered=True)
TARGET = "sip:carol@pbx.example?X-Account=12%2034&User-to-User=1234%3Bencoding%3Dhex"
WRITTEN = TARGET.replace("&", "&amp;")


def run(body: str, facts: CallFacts = PHONE) -> Transcript:
    call = Transcript(EntryPoint(URL), facts)
    call.respond(f"<Response>{body}</Response>")
    return call


def test_attributes() -> None:
    assert attribute_table(ReferVerb) == {"action": (None, 11100), "method": ("POST", 12200)}


@pytest.mark.parametrize("facts", [PHONE, TO_SIP])
def test_the_far_end_is_referred_with_the_headers_of_the_address(facts: CallFacts) -> None:
    call = run(f"<Refer><Sip>{WRITTEN}</Sip></Refer>", facts)
    assert call.active(Refer).uri == TARGET


def test_a_call_that_rings_is_answered_before() -> None:
    call = run(f"<Refer><Sip>{WRITTEN}</Sip></Refer>", CallFacts("sip:alice@pbx.example", "+15552223333"))
    assert isinstance(call.asked[0], Answer)
    assert isinstance(call.asked[1], Refer)


@pytest.mark.parametrize(
    ("done", "params"),
    [
        (
            ("in-progress", 202, 200),
            {
                "ReferCallStatus": "in-progress",
                "ReferSipResponseCode": "202",
                "NotifySipResponseCode": "200",
            },
        ),
        (("failed", 405, None), {"ReferCallStatus": "failed", "ReferSipResponseCode": "405"}),
        ((None, 202, None), {"ReferSipResponseCode": "202"}),
    ],
)
def test_the_action_is_told_what_came_of_it(
    done: tuple[str | None, int | None, int | None], params: dict[str, str]
) -> None:
    call = run(f'<Refer action="/done" method="GET"><Sip>{WRITTEN}</Sip></Refer>')
    fetch = only(Fetch, call.on(ReferDone(call.active(Refer).refer, *done)))
    assert (fetch.url, fetch.method) == ("https://app.example/done", "GET")
    assert dict(fetch.params) == params


def test_without_an_action_the_next_verb_follows() -> None:
    call = run(f"<Refer><Sip>{WRITTEN}</Sip></Refer><Say>Still here</Say>")
    told = call.on(ReferDone(call.active(Refer).refer, "busy", 202, 486))
    assert only(Speak, told).text == "Still here"


def test_who_hangs_up_is_told_of_all_the_same() -> None:
    call = run(f'<Refer action="/done"><Sip>{WRITTEN}</Sip></Refer>')
    refer = call.active(Refer).refer
    assert call.on(HungUp()) == [EndRefer(refer)]
    fetch = only(Fetch, call.on(ReferDone(refer, "canceled", 202, 180)))
    assert (fetch.final, dict(fetch.params)["ReferCallStatus"]) == (True, "canceled")


def test_a_telephone_cannot_be_referred() -> None:
    call = run(f'<Refer action="/done"><Sip>{WRITTEN}</Sip></Refer>', ANSWERED)
    assert codes(call.asked) == [13801]
    assert dict(only(Fetch, call.asked).params) == {"ReferCallStatus": "failed"}
    client = CallFacts("client:alice", "+15552223333", answered=True)
    assert codes(run(f"<Refer><Sip>{WRITTEN}</Sip></Refer>", client).asked) == [13801]


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "sip:carol@pbx.example",
        "<Sip/>",
        "<Sip>carol</Sip>",
        "<Sip>sip:a@b.example?X=&lt;</Sip>",
        f"<Sip>sip:a@b.example?X={'y' * 1030}</Sip>",
        f"<Sip>sip:{'a' * 260}@b.example</Sip>",
    ],
)
def test_an_address_that_is_none(inside: str) -> None:
    call = run(f"<Refer>{inside}</Refer>")
    assert codes(call.asked) == [13243]
    assert isinstance(call.asked[-1], HangUp)
