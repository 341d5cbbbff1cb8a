"""HTTP's caching rules (RFC 9111)."""

import pytest

from offhook.streams.freshness import Stored, remember

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"cache-control": "max-age=60"}, 60),
        ({"cache-control": 'public, MAX-AGE="60"'}, 60),
        ({"cache-control": "max-age=60", "age": "50"}, 10),
        ({"cache-control": "max-age=60", "age": "70"}, 0),
        ({"cache-control": "max-age=60, no-cache"}, 0),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=99999999999999"}, 0),
        ({"cache-control": "max-age=999999999"}, 30 * 86400),
        ({"date": DATE, "expires": "Tue, 14 Nov 2023 22:15:20 GMT"}, 120),
        ({"date": DATE, "expires": "0"}, 0),
        ({"expires": "Tue, 14 Nov 2023 22:15:20 GMT"}, 0),
        ({"cache-control": "max-age=5", "date": DATE, "expires": "Tue, 14 Nov 2023 22:15:20 GMT"}, 5),
    ],
)
def test_lifetimes(headers: dict[str, str], seconds: float) -> None:
    assert remember(headers, NOW).fresh_until == NOW + seconds


def test_validators_become_conditions() -> None:
    stored = remember({"etag": '"a"', "last-modified": DATE}, NOW)
    assert stored.conditions() == [("If-None-Match", '"a"'), ("If-Modified-Since", DATE)]


def test_nothing_is_kept_of_what_must_not_be_stored() -> None:
    assert remember({"etag": '"a"', "cache-control": "no-store, max-age=60"}, NOW) == Stored(None, None, 0.0)
    assert remember({"etag": '"a"', "vary": "*"}, NOW) == Stored(None, None, 0.0)


def test_a_304_keeps_the_validators_that_it_does_not_repeat() -> None:
    before = remember({"etag": '"a"', "last-modified": DATE}, NOW)
    after = remember({"etag": '"a"', "cache-control": "max-age=9"}, NOW + 100, before)
    assert after == Stored('"a"', DATE, NOW + 109)
