"""URIs: what is read, kept and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import RemoteProtocolError
from offhook.sip.uri import parse_uri, sip_uri

HOSTS = st.sampled_from(["example.com", "192.0.2.1", "[2001:db8::1]", "a", "under_score.lan"])


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.com",
        "sip:alice@example.com:5080;transport=tcp;lr?Subject=hi&X=%20",
        "sips:alice:secret@[2001:db8::1]:5061",
        "sip:+15551230000;ext=5@192.0.2.1;user=phone",
        "sip:*98#1@pbx.lan",
        "tel:+1-555-123;phone-context=example.com",
        "urn:service:sos",
    ],
)
def test_a_uri_is_written_as_it_was_read(text: str) -> None:
    assert str(parse_uri(text)) == text


def test_parts_of_a_uri() -> None:
    uri = parse_uri("SIP:%61lice@[2001:DB8::1]:5070;Transport=TCP;maddr=x;flag")
    assert (uri.scheme, uri.user_text, uri.address, uri.port) == ("sip", "alice", "2001:DB8::1", 5070)
    assert (uri.transport, uri.parameter("flag"), uri.parameter("none")) == ("TCP", "", None)


def test_the_number_of_a_tel_uri() -> None:
    uri = parse_uri("tel:+15551230000;ext=7")
    assert (uri.is_sip, uri.user) == (False, "+15551230000")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip:@",
        "sip:a b@c",
        "sip:a@b:0",
        "sip:a@b:70000",
        "<sip:a@b>",
        "sip:a@b@c",
        "no-scheme",
        "sip:a@b c",
    ],
)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_uri(text)
    assert caught.value.status == 400


def test_a_uri_over_the_limit_is_refused() -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_uri("sip:" + "a" * 3000 + "@b")
    assert caught.value.status == 414


@given(st.text(max_size=40), HOSTS, st.none() | st.integers(1, 65535))
def test_any_user_survives_being_written_and_read(user: str, host: str, port: int | None) -> None:
    try:
        uri = sip_uri(user, host, port, transport="TCP")
    except UnicodeEncodeError:
        return
    again = parse_uri(str(uri))
    assert (again.user_text, again.port, again.transport) == (user, port, "TCP")


@given(st.text(max_size=200) | st.text("sip:@;=?[]%.,0a<> ", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        uri = parse_uri(text)
    except RemoteProtocolError:
        return
    assert parse_uri(str(uri)) == uri


def test_the_headers_of_a_uri_are_fields_and_leave_it() -> None:
    uri = parse_uri(
        "sip:bob@biloxi.example;transport=tcp?X-Account=7%20a&User-to-User=%3Bencoding&Subject=&X-A=b=c"
    )
    assert uri.header_fields == (
        ("X-Account", "7 a"),
        ("User-to-User", ";encoding"),
        ("Subject", ""),
        ("X-A", "b=c"),
    )
    assert str(uri.without_headers()) == "sip:bob@biloxi.example;transport=tcp"
