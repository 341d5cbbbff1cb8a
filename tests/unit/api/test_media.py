"""Ranges of files."""

from __future__ import annotations

import pytest

from offhook.api.media import byte_range


@pytest.mark.parametrize(
    ("header", "octets"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-99", range(100)),
        ("bytes=10-", range(10, 100)),
        ("bytes=10-1000", range(10, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-1000", range(100)),
        ("bytes= 5 - 6", range(5, 7)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_octets(header: str, octets: range | None) -> None:
    assert byte_range(header, 100) == octets


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_none_are_there(header: str) -> None:
    octets = byte_range(header, 100)
    assert octets is not None
    assert not octets
