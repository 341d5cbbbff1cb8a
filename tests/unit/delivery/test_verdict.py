"""What is tried again, when, and in which words it is told."""

from __future__ import annotations

import pytest

from offhook.delivery.client import FetchError, FetchResponse
from offhook.delivery.verdict import judge

CALL = "CA" + "0" * 32
TEXT = "SM" + "0" * 32
URL = "http://app.example/status"
PAUSES = (1.0, 5.0)


def answered(status: int) -> FetchResponse:
    return FetchResponse(status, {}, None, b"", URL, 3)


REFUSED = FetchError(11202, "the connection was refused", kind="ct")
SILENT = FetchError(11203, "the server took too long to answer", kind="rt")
MALFORMED = FetchError(11100, "the URL is not valid")


def test_an_answer_of_2xx_is_no_failure() -> None:
    verdict = judge(CALL, URL, answered(204), 1, PAUSES)
    assert (verdict.code, verdict.words, verdict.retry_after) == (None, "answered 204", None)


@pytest.mark.parametrize(("sid", "code"), [(CALL, 15003), (TEXT, 11200)])
@pytest.mark.parametrize("status", [302, 404, 429, 500, 503])
def test_a_status_is_final_by_default(sid: str, code: int, status: int) -> None:
    verdict = judge(sid, URL, answered(status), 1, PAUSES)
    assert (verdict.code, verdict.retry_after) == (code, None)
    assert verdict.words == f"answered {status}; it is not tried again"


@pytest.mark.parametrize("outcome", [REFUSED, SILENT])
def test_connections_that_fail_and_time_outs_are_tried_again_until_the_pauses_end(
    outcome: FetchError,
) -> None:
    verdicts = [judge(CALL, URL, outcome, attempts, PAUSES) for attempts in (1, 2, 3)]
    assert [verdict.retry_after for verdict in verdicts] == [1.0, 5.0, None]
    assert [verdict.words.partition("; ")[2] for verdict in verdicts] == [
        "attempt 2 of 3 in 1 s",
        "attempt 3 of 3 in 5 s",
        "given up after 3 attempts",
    ]
    assert {verdict.code for verdict in verdicts} == {outcome.code}


@pytest.mark.parametrize(
    ("fragment", "again"),
    [
        ("rp=5xx", {"500"}),
        ("rp=4xx,5xx", {"404", "500"}),
        ("rp=ct", {"ct"}),
        ("rp=all", {"404", "500", "ct", "rt"}),
        ("rc=2", {"ct", "rt"}),
        ("rp=all&rc=0", set()),
        ("rp=sometimes", set()),
        ("ct=500", {"ct", "rt"}),
    ],
)
def test_the_url_may_say_what_is_tried_again(fragment: str, again: set[str]) -> None:
    outcomes: dict[str, FetchResponse | FetchError] = {
        "404": answered(404),
        "500": answered(500),
        "ct": REFUSED,
        "rt": SILENT,
        "": MALFORMED,
    }
    tried = {
        name
        for name, outcome in outcomes.items()
        if judge(CALL, f"{URL}#{fragment}", outcome, 1, PAUSES).retry_after
    }
    assert tried == again


@pytest.mark.parametrize(
    ("fragment", "retries"), [("rc=1", 1), ("rc=1&rp=5xx", 1), ("rc=5", 2), ("rt=900", 2)]
)
def test_the_url_may_say_how_often(fragment: str, retries: int) -> None:
    outcome = answered(500) if "rp" in fragment else REFUSED
    verdicts = [judge(CALL, f"{URL}#{fragment}", outcome, attempts, PAUSES) for attempts in (1, 2, 3)]
    assert verdicts[0].words.endswith(f"; attempt 2 of {retries + 1} in 1 s")
    assert verdicts[retries].words.endswith(f"; given up after {retries + 1} attempts")
    assert verdicts[retries].retry_after is None


def test_a_malformed_url_is_final() -> None:
    assert judge(CALL, "http://[::1", MALFORMED, 1, PAUSES).retry_after is None
