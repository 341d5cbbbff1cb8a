"""Digits in INFO bodies."""

from __future__ import annotations

import pytest

from offhook.sip.dtmf_relay import parse


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        ("application/dtmf-relay", b"Signal= *\nDuration= 250", ("*", 250)),
        ("application/dtmf-relay", b"signal=11\r\n", ("#", 100)),
        ("application/dtmf-relay", b"Duration=160\r\n", None),
        ("application/dtmf", b"7", ("7", 100)),
        ("application/dtmf", b"10\r\n", ("*", 100)),
        ("application/dtmf", b"77", None),
        ("application/dtmf", b"", None),
    ],
)
def test_bodies(kind: str, body: bytes, expected: tuple[str, int] | None) -> None:
    assert parse(kind, body) == expected
