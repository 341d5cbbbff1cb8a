"""Which addresses a call's audio is sent to."""

from __future__ import annotations

import pytest

from offhook.sdp.address import is_unspecified, unusable


@pytest.mark.parametrize(
    ("host", "local", "why"),
    [
        ("198.51.100.7", "192.0.2.1", None),
        ("2001:db8::7", "2001:db8::1", None),
        ("phone.example", "192.0.2.1", "not an IP address"),
        ("2001:db8::7", "192.0.2.1", "an IP6 address, and this leg's is IP4"),
        ("224.0.0.1", "192.0.2.1", "a multicast address"),
        ("ff02::1", "2001:db8::1", "a multicast address"),
        ("255.255.255.255", "192.0.2.1", "an address that nobody has"),
    ],
)
def test_where_audio_can_go(host: str, local: str, why: str | None) -> None:
    assert unusable(host, local) == why


def test_addresses_that_say_hold() -> None:
    assert is_unspecified("0.0.0.0")
    assert is_unspecified("::")
    assert not is_unspecified("198.51.100.7")
    assert not is_unspecified("phone.example")
