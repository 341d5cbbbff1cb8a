"""Lines of a timeline on a terminal."""

from typing import Any

from offhook.cli.timeline import describe, line_of


def entry(kind: str, name: str, **detail: Any) -> dict[str, Any]:
    return {"at": "2026-01-02T03:04:05.000000Z", "kind": kind, "name": name, "detail": detail}


def styles(shown: dict[str, Any]) -> dict[str, str]:
    """The style of each differently styled part of a line."""
    line = line_of(shown, "   0.000 s")
    assert not line.style
    return {line.plain[span.start : span.end].strip(): str(span.style) for span in line.spans}


def test_only_the_time_is_dim() -> None:
    assert styles(entry("status", "ringing")) == {"0.000 s": "dim", "status": "bold", "ringing": "bold"}


def test_errors_and_warnings_have_their_colours() -> None:
    assert styles(entry("error", "11200", message="no"))["error"] == "bold red"
    assert styles(entry("error", "14101", message="no", level="warning"))["error"] == "yellow"


def test_a_request_that_failed_is_red() -> None:
    assert styles(entry("webhook", "fetched", url="http://a/", status=500))["webhook"] == "bold red"
    assert styles(entry("callback", "completed", url="http://a/", status=204))["callback"] == "magenta"


def test_what_went_wrong_is_not_cut() -> None:
    message = (
        "Opening and ending tag mismatch: Say line 1 and Response, line 2, column 12 (line 2), and so on"
    )
    assert message in describe(entry("error", "12100", message=message))


def test_other_long_values_are_cut() -> None:
    assert describe(entry("twiml", "Say", text="a" * 500)).endswith("a…")


def test_a_request_without_an_answer_says_why() -> None:
    failed = entry(
        "webhook", "failed", url="http://a/", method="POST", error=11202, reason="it was refused", ms=3
    )
    assert describe(failed) == "failed POST http://a/ → error 11202 in 3 ms: it was refused"


def test_a_trunk_that_was_passed_over_says_why() -> None:
    received = entry("sip", "180 Ringing", direction="received", peer="UDP 192.0.2.1:5060")
    assert describe(received) == "← 180 Ringing (UDP 192.0.2.1:5060)"
    passed_over = entry("sip", "next trunk", status=503, reason="Service Unavailable")
    assert describe(passed_over) == "next trunk status=503 reason=Service Unavailable"


def test_a_callback_that_was_refused_says_when_it_is_tried_again() -> None:
    refused = entry(
        "callback",
        "completed",
        url="http://a/",
        method="POST",
        status=503,
        error=15003,
        reason="answered 503; attempt 2 of 3 in 1 s",
        ms=3,
    )
    assert describe(refused).endswith("→ error 15003 in 3 ms: answered 503; attempt 2 of 3 in 1 s")


def test_a_redirect_is_shown_hop_by_hop() -> None:
    hop = {"status": 301, "from": "POST http://a/", "to": "GET http://a/b", "note": "a 301 turns …"}
    moved = entry("webhook", "fetched", url="http://a/", method="POST", status=200, redirects=[hop])
    assert describe(moved) == "fetched POST http://a/ → 301 → GET http://a/b → 200"
