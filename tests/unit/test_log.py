"""Lines of the log."""

import json
import logging

import pytest

from offhook import log


def record(message: str, **extra: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"name": "offhook.test", "levelname": "INFO", "created": 1.5, "msg": message, **extra}
    )


def test_a_line_of_text() -> None:
    line = log.TextLines().format(record("hello"))
    assert line == "1970-01-01T00:00:01.500Z INFO offhook.test: hello"


def test_a_peer_cannot_begin_a_line_of_its_own() -> None:
    line = log.TextLines().format(record("hello\r\n2026 ERROR forged"))
    assert "\n" not in line
    assert "\\r\\n" in line


def test_a_line_of_json_has_what_was_given() -> None:
    fields = json.loads(log.JsonLines().format(record("hello", sid="CA1", odd=object)))
    assert fields["time"] == "1970-01-01T00:00:01.500Z"
    assert (fields["level"], fields["message"], fields["sid"]) == ("info", "hello", "CA1")
    assert "object" in fields["odd"]


def test_a_format_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="xml"):
        log.configure("info", "xml")


def test_a_line_that_comes_often_is_logged_seldom_and_says_how_many_were_left_out() -> None:
    limit = log.RateLimit(10.0)
    assert [limit.admit(at) for at in (0.0, 1.0, 9.9, 10.0, 10.1, 30.0)] == [0, None, None, 2, None, 1]
