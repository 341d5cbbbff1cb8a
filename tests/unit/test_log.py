"""Lines of the log, and metrics."""

import json
import logging

import pytest

from offhook import log, metrics


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


def test_metrics_as_prometheus_reads_them() -> None:
    registry = metrics.Registry()
    requests = registry.counter("requests_total", "Requests", ["status"])
    requests.add(1, "200")
    requests.add(2, 'a"b')
    registry.gauge("live", "Live calls", lambda: 7)
    seconds = registry.histogram("seconds", "Time", (0.1, 1.0))
    for value in (0.05, 0.1, 0.5, 3):
        seconds.observe(value)
    assert registry.render() == (
        "# HELP requests_total Requests\n"
        "# TYPE requests_total counter\n"
        'requests_total{status="200"} 1\n'
        'requests_total{status="a\\"b"} 2\n'
        "# HELP live Live calls\n"
        "# TYPE live gauge\n"
        "live 7\n"
        "# HELP seconds Time\n"
        "# TYPE seconds histogram\n"
        'seconds_bucket{le="0.1"} 2\n'
        'seconds_bucket{le="1"} 3\n'
        'seconds_bucket{le="+Inf"} 4\n'
        "seconds_sum 3.65\n"
        "seconds_count 4\n"
    )
    assert requests.value("200") == 1
