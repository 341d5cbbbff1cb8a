"""The log line of a webhook that failed."""

import logging

import pytest

from offhook.delivery.failure_log import log_failed_webhook

SID = f"CA{'0' * 32}"


def line(caplog: pytest.LogCaptureFixture, url: str, code: int, message: str) -> str:
    """What is logged."""
    with caplog.at_level(logging.WARNING):
        log_failed_webhook(SID, url, code, message)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    return record.getMessage()


def test_names_call_program_code_and_reason(caplog: pytest.LogCaptureFixture) -> None:
    said = line(caplog, "http://127.0.0.1:5000/voice?To=%2B15550001111", 11200, "The HTTP status is 500")
    assert said == f"webhook of {SID} to 127.0.0.1:5000/voice: error 11200, The HTTP status is 500"


def test_keeps_credentials_and_parameters_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    said = line(
        caplog, "https://user:secret@example.com/a?Body=hello#frag", 11202, "the connection was refused"
    )
    assert said.endswith("example.com/a: error 11202, the connection was refused")


def test_does_not_quote_a_document(caplog: pytest.LogCaptureFixture) -> None:
    said = line(caplog, "http://example.com/a", 12100, "unexpected +15550001111")
    assert "5550001111" not in said
    assert "12100" in said


@pytest.mark.parametrize("url", ["http://[", "", "x" * 5000, "http://a/\n2026 ERROR forged\x1b[31m"])
def test_takes_any_url(caplog: pytest.LogCaptureFixture, url: str) -> None:
    said = line(caplog, url, 11100, "")
    assert said.isprintable()
    assert len(said) < 350
