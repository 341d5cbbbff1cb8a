"""What the operator is told of requests that were refused."""

from __future__ import annotations

import logging

import pytest

from offhook.sip.flow import UDP, Address, Flow
from offhook.voice.refusals import Refusals


def came_from(host: str) -> Flow:
    return Flow(UDP, Address("192.0.2.1", 5060), Address(host, 5062))


def test_a_refusal_is_one_line_with_who_what_and_why(caplog: pytest.LogCaptureFixture) -> None:
    Refusals().note(came_from("203.0.113.9"), "INVITE", 401, "not from a trunk", 1.0)
    assert caplog.messages == ["INVITE from 203.0.113.9:5062 over UDP refused with 401: not from a trunk"]


def test_the_same_again_is_counted_and_told_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    for second in range(130):
        refusals.note(came_from("203.0.113.9"), "INVITE", 404, "nobody", float(second))
    assert refusals.counter.shown() == {"INVITE 404": 130}
    assert len(caplog.records) == 3
    assert caplog.messages[1].endswith("(59 more since the last such line)")


def test_a_flood_from_everywhere_is_few_lines(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals()
    with caplog.at_level(logging.DEBUG):
        for number in range(10_000):
            host = f"10.{number // 65536}.{number // 256 % 256}.{number % 256}"
            refusals.note(came_from(host), f"M{number}", 501, "Not Implemented", number / 1000)
    assert len(caplog.records) <= 20
    assert refusals.counter.shown() == {"unknown method 501": 10_000}
