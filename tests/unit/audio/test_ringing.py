"""What a caller hears while it rings elsewhere."""

from __future__ import annotations

from offhook.audio.ringing import RINGING, ring


def test_each_tone_can_be_heard_and_ends() -> None:
    for country, tone in RINGING.items():
        assert 1 <= len(tone.hz) <= 2, country
        assert len(tone.cadence) % 2 == 0, country
        assert all(300 <= hz <= 500 for hz in tone.hz), country


def test_a_country_without_one_has_the_north_american() -> None:
    assert ring("GB-SCT") == RINGING["us"]
    assert ring("UK") == RINGING["uk"]
