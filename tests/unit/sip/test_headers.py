"""Values of Via, addresses, CSeq and seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import RemoteProtocolError
from offhook.sip.grammar import MEMO_LENGTH, memoised, parse_parameters, quote, split_list, unquote
from offhook.sip.headers import (
    MAX_DELTA_SECONDS,
    NameAddr,
    parse_cseq,
    parse_delta_seconds,
    parse_name_addr,
    parse_name_addrs,
    parse_via,
)
from offhook.sip.uri import parse_uri


def test_a_via_with_all_its_parts() -> None:
    via = parse_via("SIP/2.0/udp [2001:db8::9]:5070 ;rport; received=192.0.2.1;branch=z9hG4bK1")
    assert (via.transport, via.host, via.port, via.branch) == ("UDP", "[2001:db8::9]", 5070, "z9hG4bK1")
    assert str(via) == "SIP/2.0/UDP [2001:db8::9]:5070;rport;received=192.0.2.1;branch=z9hG4bK1"
    assert parse_via("SIP / 2.0 / TCP  host").sent_by == "host:5060"


@pytest.mark.parametrize(
    "text", ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP h:0", "SIP/2.0/UDP h;;", "UDP h"]
)
def test_a_malformed_via_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_via(text)


@pytest.mark.parametrize(
    ("text", "name", "uri", "tag"),
    [
        ("<sip:a@b>;tag=1", "", "sip:a@b", "1"),
        ("sip:a@b;tag=1", "", "sip:a@b", "1"),
        ('"Joe \\"x\\", Jr" <sip:a@b;lr>', 'Joe "x", Jr', "sip:a@b;lr", None),
        ("Anna Müller <sip:a@b>", "Anna Müller", "sip:a@b", None),
        ("<tel:+1555>", "", "tel:+1555", None),
    ],
)
def test_addresses(text: str, name: str, uri: str, tag: str | None) -> None:
    address = parse_name_addr(text)
    assert (address.display_name, str(address.uri), address.tag) == (name, uri, tag)
    assert parse_name_addr(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<sip:a@b",
        '"open <sip:a@b>',
        "sip:a@b?h=1",
        "<sip:a@b>tag=1",
        "a, b <sip:a@b>",
        "<sip:a@b>;tag=1;tag=2",
    ],
)
def test_malformed_addresses_are_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_name_addr(text)


def test_a_list_is_split_outside_quotes_and_brackets() -> None:
    rows = ['"a, \\"b" <sip:a,b@c>, <sip:d@e>;q=0.5', "sip:f@g"]
    assert [item.uri.host for item in parse_name_addrs(rows)] == ["c", "e", "g"]
    with pytest.raises(RemoteProtocolError):
        split_list("a,,b")
    with pytest.raises(RemoteProtocolError):
        split_list(",".join("a" * 200))


def test_a_new_tag_replaces_the_old() -> None:
    address = NameAddr(parse_uri("sip:a@b"), "", (("tag", "1"), ("x", None)))
    assert str(address.with_tag("2")) == "<sip:a@b>;x;tag=2"


def test_cseq_has_limits() -> None:
    assert parse_cseq("0009 INVITE").number == 9
    for text in ("2147483648 INVITE", "-1 INVITE", "1", "x INVITE", "9" * 60 + " A"):
        with pytest.raises(RemoteProtocolError):
            parse_cseq(text)


def test_seconds_are_capped_and_nonsense_is_none() -> None:
    assert parse_delta_seconds("3600") == 3600
    assert parse_delta_seconds("120 (I'm in a meeting);duration=60") == 120
    assert parse_delta_seconds("9" * 100) == MAX_DELTA_SECONDS
    assert parse_delta_seconds("soon") is None
    assert parse_delta_seconds("-1") is None


def test_parameters_are_bounded() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_parameters("".join(f";p{number}" for number in range(100)))


@given(st.text())
def test_quoting_is_undone(text: str) -> None:
    assert unquote(quote(text)) == text


@given(st.text(max_size=100) | st.text('"<>,;\\= sip:a@b', max_size=50))
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_via, parse_name_addr, parse_cseq, split_list, parse_parameters):
        try:
            parse(text)
        except RemoteProtocolError:
            continue


def test_long_values_are_read_and_not_remembered() -> None:
    calls: list[str] = []

    @memoised
    def read(text: str) -> int:
        calls.append(text)
        return len(text)

    short, long = "x" * MEMO_LENGTH, "x" * (MEMO_LENGTH + 1)
    assert [read(short), read(short), read(long), read(long)] == [512, 512, 513, 513]
    assert calls == [short, long, long]
