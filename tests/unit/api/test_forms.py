"""Parameters: from bytes to typed forms."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.harness.split_urls import watch_splits

from offhook.api import forms
from offhook.api.forms import Between, Form, HttpMethod, Method, Url, decode, parse, parse_query, read_url
from offhook.errors import RestError
from offhook.store.paging import TimeRange


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Sample(Form):
    codes: ClassVar = {"Timeout": 21208, "To": 21201}

    to: str
    from_: str = ""
    url: Url = ""
    method: Method = HttpMethod.POST
    timeout: Annotated[int, Between(0, 600)] = 60
    record: bool = False
    colours: tuple[Colour, ...] = ()
    start_time: TimeRange = TimeRange()


def read(query: str) -> Sample:
    """The form of a query that has the required parameter."""
    return decode(Sample, parse_query(f"To=1&{query}")).form


def test_defaults() -> None:
    assert read("") == Sample(to="1")


def test_every_kind() -> None:
    form = read("From=%2B1&Url=http://a.b/c&Method=get&Timeout=%207&Record=TRUE&Colours=RED&Colours=blue")
    assert form == Sample(
        to="1",
        from_="+1",
        url="http://a.b/c",
        method=HttpMethod.GET,
        timeout=7,
        record=True,
        colours=(Colour.RED, Colour.BLUE),
    )


def test_the_last_of_repeated_scalars_counts() -> None:
    assert read("To=2&To=3").to == "3"


def test_empty_values() -> None:
    form = read("Timeout=&Record=&From=&Colours=")
    assert form == Sample(to="1")


@pytest.mark.parametrize(
    ("query", "since", "until"),
    [
        ("StartTime=2021-01-31", datetime(2021, 1, 31, tzinfo=UTC), datetime(2021, 2, 1, tzinfo=UTC)),
        (
            "StartTime=2021-01-31T00:00:00Z",
            datetime(2021, 1, 31, tzinfo=UTC),
            datetime(2021, 2, 1, tzinfo=UTC),
        ),
        (
            "StartTime=2021-01-31T10:00:03Z",
            datetime(2021, 1, 31, 10, 0, 3, tzinfo=UTC),
            datetime(2021, 1, 31, 10, 0, 4, tzinfo=UTC),
        ),
        ("StartTime%3C=2021-01-31", None, datetime(2021, 1, 31, 0, 0, 1, tzinfo=UTC)),
        ("StartTime%3C=2021-01-31T10:00:03.7Z", None, datetime(2021, 1, 31, 10, 0, 4, tzinfo=UTC)),
        ("StartTime%3E=2021-01-31T10:00:03.7Z", datetime(2021, 1, 31, 10, 0, 3, tzinfo=UTC), None),
        ("StartTime%3E=2021-01-31", datetime(2021, 1, 31, tzinfo=UTC), None),
        ("StartTime>=2021-01-31T12:00:00%2B02:00", datetime(2021, 1, 31, 10, tzinfo=UTC), None),
        (
            "StartTime%3E=2021-01-01&StartTime%3C=2021-02-01",
            datetime(2021, 1, 1, tzinfo=UTC),
            datetime(2021, 2, 1, 0, 0, 1, tzinfo=UTC),
        ),
    ],
)
def test_date_filters(query: str, since: datetime | None, until: datetime | None) -> None:
    assert read(query).start_time == TimeRange(since, until)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("Timeout=x", 21208),
        ("Timeout=601", 21208),
        ("Timeout=1e2", 21208),
        ("Timeout=" + "9" * 400, 21208),
        ("Record=yes", 20001),
        ("Method=HEAD", 20001),
        ("Colours=green", 20001),
        ("Url=ftp://a.b", 20001),
        ("Url=http://", 20001),
        ("Url=http://a.b/%20c d", 20001),
        ("Url=http://[::1", 20001),
        ("Url=http://a.b:99999/", 20001),
        ("Url=http://a.b/" + "x" * 4000, 20001),
        ("StartTime=06/11/2019", 20001),
        ("StartTime=9999-12-31", 20001),
        ("StartTime%3C=9999-12-31T23:59:59Z", 20001),
        ("StartTime=0001-01-01T00:00:00%2B14:00", 20001),
        ("Timeout=2147483648", 21208),
        ("Url=http://a.b:65536/", 20001),
        ("Url=http://a.b:0/", 20001),
    ],
)
def test_malformed(query: str, code: int) -> None:
    with pytest.raises(RestError) as refused:
        read(query)
    assert refused.value.code == code


def test_required() -> None:
    with pytest.raises(RestError) as refused:
        decode(Sample, {})
    assert (refused.value.code, refused.value.details) == (21201, {"parameter": "To"})


def test_unknown_names_are_told() -> None:
    decoded = decode(Sample, parse_query("To=1&StartTime>=2021-01-01&Shape=round"))
    assert decoded.ignored == ("Shape",)


@given(st.binary(max_size=200))
def test_bodies_are_read_or_refused(body: bytes) -> None:
    try:
        decode(Sample, parse(body, None))
    except RestError as error:
        assert error.status in (400, 413, 415)


def test_a_url_that_is_too_long_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    split = watch_splits(monkeypatch, forms)
    with pytest.raises(ValueError, match="not a valid URL"):
        read_url(f"http://example.com/{'9' * 240_000}")
    assert split == []
