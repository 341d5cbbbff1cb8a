"""<Redirect>: `method`, default POST, bad value 13710; the text is the URL."""

from __future__ import annotations

import pytest
from tests.harness.split_urls import watch_splits
from tests.unit.twiml.transcript import URL, attribute_table, codes, next_document, run

from offhook.twiml import turn
from offhook.twiml.effects import Fetch, HangUp, Notify, Speak
from offhook.twiml.entry import InlineTwiml
from offhook.twiml.events import Redirected
from offhook.twiml.interpreter import MOST_DOCUMENTS
from offhook.twiml.verbs.redirect import Redirect


def test_attributes() -> None:
    assert attribute_table(Redirect) == {"method": ("POST", 13710)}


@pytest.mark.parametrize(
    ("written", "requested"),
    [
        ("next", "https://app.example/voice/next"),
        ("../other?b=2", "https://app.example/other?b=2"),
        ("?b=2", "https://app.example/voice/start?b=2"),
        ("http://else.example/", "http://else.example/"),
        ("", URL),
    ],
)
def test_goes_to_a_url_relative_to_the_document(written: str, requested: str) -> None:
    call = run(f"<Redirect>{written}</Redirect><Say>never</Say>")
    assert call.asked == [Fetch(2, requested, "POST")]
    assert call.respond("<Response/>") == [HangUp()]


def test_resolves_against_the_url_after_http_redirects() -> None:
    call = run("<Redirect>next</Redirect>")
    call.respond("<Response><Redirect>on</Redirect></Response>", url="https://moved.example/b/c")
    assert next_document(call.asked).url == "https://moved.example/b/on"


def test_method() -> None:
    assert next_document(run('<Redirect method="get">x</Redirect>').asked).method == "GET"
    call = run('<Redirect method="PUT">x</Redirect>')
    assert codes(call.asked) == [13710]
    assert next_document(call.asked).method == "POST"


def test_documents_that_lead_nowhere_end_in_an_apology() -> None:
    call = run("<Redirect/>")
    for _ in range(MOST_DOCUMENTS - 2):
        assert isinstance(call.respond("<Response><Redirect/></Response>")[0], Fetch)
    asked = call.respond("<Response><Redirect/></Response>")
    assert codes(asked) == [14106]
    assert call.active(Speak).text == "An application error has occurred. Goodbye."
    assert call.played() == [HangUp(14106)]


def test_as_many_documents_as_one_likes_may_follow_if_something_is_heard() -> None:
    call = run("<Redirect/>")
    for _ in range(3 * MOST_DOCUMENTS):
        call.respond("<Response><Say>Hello</Say><Redirect/></Response>")
        assert isinstance(call.played()[0], Fetch)


def test_inline_twiml_that_leads_to_itself_ends_too() -> None:
    call = run("<Pause/>")
    asked = call.on(Redirected(InlineTwiml("<Response><Redirect/></Response>")))
    assert codes(asked) == [14106]


def test_a_relative_url_in_inline_twiml_has_nothing_to_be_relative_to() -> None:
    call = run("<Pause/>")
    asked = call.on(Redirected(InlineTwiml("<Response><Redirect>next</Redirect></Response>")))
    assert Notify(15004, "'next' is not a URL that can be requested", "") in asked
    assert call.active(Speak).text.startswith("An application error")


def test_a_url_that_is_too_long_is_refused_and_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    split = watch_splits(monkeypatch, turn)
    call = run(f"<Redirect>https://else.example/{'9' * 60_000}</Redirect>")
    assert 11100 in codes(call.asked)
    assert max(map(len, split)) < 4_000
