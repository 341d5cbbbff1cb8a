"""Applications that fail: each way has its code in the timeline and the notifications, and the caller is told."""

from __future__ import annotations

import gzip
import socket

from tests.harness.stage import Stage, seconds_of_speech, together, was_told
from tests.harness.transcribe import require_transcription
from tests.harness.waiting import HANGS
from tests.harness.webhook_app import Answer

APOLOGY = "an application error has occurred goodbye"
BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;"><!ENTITY e "&d;&d;&d;&d;&d;&d;&d;&d;">]>
<Response><Say>&e;</Say></Response>"""
FOREIGN_FILE = b"""<?xml version="1.0"?><!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<Response><Say>&f;</Say></Response>"""


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


def fails(own: Stage, url: str, *codes: int) -> str:
    """Call a phone with this URL and check how it was told and what was written; the SID."""
    phone = own.phone()
    sid = own.call(phone, url=url)
    heard = phone.wait_for_call("ended", timeout=HANGS)
    assert own.final_status() == "completed"
    assert seconds_of_speech(heard) > 1.5, "the caller was not told"
    assert own.timeline_codes(sid) == list(codes)
    assert own.error_codes(sid) == list(codes)
    return sid


def test_application_error_is_spoken(stage: Stage) -> None:
    require_transcription()
    fails(stage, f"http://127.0.0.1:{closed_port()}/voice", 11202)
    assert was_told(stage.called.wait_for_call("ended"), APOLOGY)


def test_documents_that_cannot_be_used(stage: Stage) -> None:
    def answered(answer: Answer, *codes: int) -> None:
        own = stage.another()
        fails(own, own.web.answer("voice", answer), *codes)

    def address(url: str, *codes: int) -> None:
        fails(stage.another(), url, *codes)

    together(
        lambda: answered(Answer(b"Internal Server Error", "text/plain", 500), 11200),
        lambda: answered(Answer(b"Not here", "text/html", 404), 11200),
        lambda: answered(Answer(b"<html><body><p>Hello<br></body></html>", "text/html"), 12100),
        lambda: answered(Answer(b"<html><body/></html>", "text/html"), 12102),
        lambda: answered(Answer(b"{}", "application/json"), 12300),
        lambda: answered(Answer(b""), 11770),
        lambda: answered(Answer(BOMB), 12100),
        lambda: answered(Answer(FOREIGN_FILE), 12100),
        lambda: answered(Answer(b"<Response>" + b" " * (10 << 20) + b"</Response>"), 11750),
        lambda: answered(
            Answer(gzip.compress(b"<Response>" + b" " * (10 << 20)), headers={"Content-Encoding": "gzip"}),
            11750,
        ),
        lambda: address("http://no-such-host.invalid/voice", 11210),
        lambda: address("http://10.255.255.1/voice", 11205),
    )


def test_what_was_asked_and_answered_is_shown(stage: Stage) -> None:
    url = stage.web.answer("voice", Answer(b"Internal Server Error", "text/plain", 500))
    moved = stage.web.answer("moved", Answer(status=301, headers={"Location": url}))
    sid = fails(stage, moved, 11200)
    notifications = stage.client.calls(sid).notifications
    (listed,) = notifications.list()
    shown = notifications(listed.sid).fetch()
    assert (shown.request_url, shown.request_method) == (moved, "POST")
    assert f"CallSid={sid}" in shown.request_variables
    assert (shown.response_body, "content-type=text" in shown.response_headers) == (
        "Internal Server Error",
        True,
    )
    (fetched,) = (entry for entry in stage.whole_timeline(sid) if entry["name"] == "fetched")
    (redirect,) = fetched["detail"]["redirects"]
    assert (redirect["from"], redirect["to"]) == (f"POST {moved}", f"GET {url}")
    assert "without its parameters" in redirect["note"]


def test_requests_that_never_end(stage: Stage) -> None:
    def hangs() -> None:
        own = stage.another()
        fails(own, own.web.answer("voice", Answer(hang=True)), 11203)

    def redirects_for_ever() -> None:
        own = stage.another()
        url = own.web.url("voice")
        own.web.answer("voice", Answer(status=302, headers={"Location": url}))
        fails(own, url, 11215)

    def documents_lead_nowhere() -> None:
        own = stage.another()
        url = own.web.twiml("voice", "<Redirect/>")
        fails(own, url, 14106)

    together(hangs, redirects_for_ever, documents_lead_nowhere)


def test_fallback(stage: Stage) -> None:
    def of_a_call() -> None:
        own = stage.another()
        url = own.web.answer("voice", Answer(status=500))
        own.web.twiml("fallback", '<Play digits="4"/>')
        sid = own.call(own.phone(), url=url, fallback_url=own.web.url("fallback"), fallback_method="GET")
        asked = own.web.wait("fallback")
        assert (asked.method, asked.params["ErrorCode"], asked.params["ErrorUrl"]) == ("GET", "11200", url)
        assert asked.params["CallSid"] == sid
        assert own.called.wait_for_call("ended").digits_heard == "4"
        assert own.final_status() == "completed"

    def of_a_number() -> None:
        own = stage.another()
        url = own.web.twiml("voice", "<Say>not closed")
        own.web.twiml("fallback", '<Play digits="6"/>')
        phone = own.phone()
        phone.call(own.number(voice_url=url, voice_fallback_url=own.web.url("fallback")))
        asked = own.web.wait("fallback")
        assert (asked.method, asked.params["ErrorCode"], asked.params["ErrorUrl"]) == ("POST", "12100", url)
        assert phone.wait_for_call("ended").digits_heard == "6"

    def that_fails_too() -> None:
        own = stage.another()
        url, other = own.web.answer("voice", Answer(status=500)), own.web.answer("fallback", Answer(b"no"))
        phone = own.phone()
        sid = own.call(phone, url=url, fallback_url=other)
        heard = phone.wait_for_call("ended")
        assert own.final_status() == "completed"
        assert seconds_of_speech(heard) > 1.5
        assert own.error_codes(sid) == [11200, 12100]
        assert len(own.web.received("fallback")) == 1

    together(of_a_call, of_a_number, that_fails_too)


def test_unknown_verbs_and_attributes_are_warnings(stage: Stage) -> None:
    stage.web.twiml("voice", '<Whistle/><Pause length="much"/><Play digits="3" colour="red"/>')
    sid = stage.call(stage.phone(), url=stage.web.url("voice"))
    assert stage.called.wait_for_call("ended").digits_heard == "3"
    assert stage.final_status() == "completed"
    codes = stage.error_codes(sid)
    assert codes == stage.timeline_codes(sid)
    assert 12200 in codes
    assert all(str(one.log) == "1" for one in stage.client.calls(sid).notifications.list())
