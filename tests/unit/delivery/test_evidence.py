"""What is kept of a request."""

from __future__ import annotations

from offhook.delivery.client import FetchResponse
from offhook.delivery.evidence import Evidence
from offhook.delivery.failures import FetchError, Redirect

PARAMS = [("CallSid", "CA1"), ("Body", "a b")]
MOVED = Redirect(302, "POST", "http://a/", "GET", "http://b/", True)


def answer(body: bytes, *redirects: Redirect) -> FetchResponse:
    return FetchResponse(500, {"x-a": "1"}, "text/html", body, "http://b/", 12, redirects)


def test_an_answer() -> None:
    evidence = Evidence("http://user:pass@a/", "POST", PARAMS, answer(b"\xff\0" + b"x" * 5000, MOVED))
    detail = evidence.detail()
    assert (detail["url"], detail["status"], detail["ms"], detail["error"]) == ("http://a/", 500, 12, None)
    assert detail["request"] == {"params": dict(PARAMS)}
    assert detail["response"]["body"] == "\ufffd\ufffd" + "x" * 4094
    assert detail["redirects"][0]["to"] == "GET http://b/"
    assert evidence.notified() == {
        "request_url": "http://a/",
        "request_method": "POST",
        "request_variables": "CallSid=CA1&Body=a+b",
        "response_headers": "x-a=1",
        "response_body": detail["response"]["body"],
    }


def test_a_failure() -> None:
    failed = FetchError(11202, "it was refused", url="http://a/", elapsed_ms=3)
    evidence = Evidence("http://a/", "GET", [], failed)
    detail = evidence.detail()
    assert (detail["error"], detail["reason"], detail["response"]) == (11202, "it was refused", None)
    assert "redirects" not in detail
    assert evidence.notified()["response_body"] is None


def test_it_is_about_what_was_asked_for_and_what_redirects_led_to() -> None:
    evidence = Evidence("http://user:pass@a/", "POST", PARAMS, answer(b"no", MOVED))
    assert [evidence.is_about(url) for url in ("http://user:pass@a/", "http://b/", "http://c/", "")] == [
        True,
        True,
        False,
        False,
    ]
    failed = FetchError(11202, "it was refused")
    assert not Evidence("http://a/", "GET", [], failed).is_about("http://b/")
