"""Finding the session description among the bodies of a message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import RemoteProtocolError
from offhook.sip.admission import admit
from offhook.sip.body import parts_of, session_description
from offhook.sip.message import Request, Response

SDP_BODY = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n"
ISUP = b"\x01\x00\x49\x00\x00\x03\x02\x00\x07\x04\x10\x00\x33\x63"


def multipart(*parts: tuple[str, bytes], boundary: str = "unique-boundary-1") -> bytes:
    written = b"".join(
        b"--%b\r\n%b\r\n\r\n%b\r\n" % (boundary.encode(), head.encode(), body) for head, body in parts
    )
    return b"preamble\r\n" + written + b"--" + boundary.encode() + b"--\r\nepilogue"


def invite(body: bytes, content_type: str, **rows: str) -> Request:
    fields = (("Content-Type", content_type), ("To", "<sip:a@b>"), *rows.items())
    return Request(fields, body, "INVITE", "sip:a@b")


MIXED = 'multipart/mixed;boundary="unique-boundary-1"'


def status(request: Request) -> int | None:
    refusal = admit(request, ("INVITE", "INFO"))
    return None if refusal is None else refusal.status


def test_sdp_beside_isup() -> None:
    isup = (
        "Content-Type: application/ISUP; version=itu-t92+\r\nContent-Disposition: signal; handling=optional"
    )
    for parts in (
        [("Content-Type: application/SDP", SDP_BODY), (isup, ISUP)],
        [(isup, ISUP), ("content-type:application/sdp\r\nContent-Length: 32", SDP_BODY)],
    ):
        request = invite(multipart(*parts), MIXED)
        assert session_description(request) == SDP_BODY
        assert sorted(part.content_type for part in parts_of(request)) == [
            "application/isup",
            "application/sdp",
        ]
        assert ISUP in [part.body for part in parts_of(request)]
        assert status(request) is None


def test_sdp_in_an_inner_multipart_and_in_an_answer() -> None:
    inner = multipart(("Content-Type: application/sdp", SDP_BODY), boundary="inner")
    body = multipart(
        ("Content-Type: application/pidf+xml", b"<presence/>"),
        ("Content-Type: multipart/alternative; boundary=inner", inner),
    )
    assert session_description(invite(body, MIXED)) == SDP_BODY
    assert session_description(Response((("Content-Type", MIXED),), body, 200, "OK")) == SDP_BODY


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        (SDP_BODY, "application/sdp", None),
        (b"<x/>", "application/xml", 415),
        (multipart(("Content-Type: application/xml", b"<x/>")), MIXED, 415),
        (
            multipart(
                ("Content-Type: application/xml\r\nContent-Disposition: render;handling=optional", b"<x/>")
            ),
            MIXED,
            None,
        ),
        (
            multipart(("Content-Type: application/sdp\r\nContent-Transfer-Encoding: base64", b"dj0w")),
            MIXED,
            415,
        ),
        (SDP_BODY, "multipart/mixed", 400),
        (b"--unique-boundary-1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n", MIXED, 400),
        (multipart(("Content-Type: application/sdp", SDP_BODY)), "multipart/mixed;boundary=unique", 400),
        (multipart(*[("Content-Type: application/sdp", SDP_BODY)] * 16), MIXED, None),
        (multipart(*[("Content-Type: application/sdp", SDP_BODY)] * 17), MIXED, 400),
    ],
)
def test_what_is_refused(body: bytes, content_type: str, expected: int | None) -> None:
    request = invite(body, content_type)
    try:
        assert status(request) == expected
    except RemoteProtocolError as error:
        assert error.status == expected


def test_a_multipart_is_followed_once_and_no_deeper() -> None:
    body, header = SDP_BODY, "application/sdp"
    found = []
    for boundary in ("one", "two", "three"):
        body = multipart((f"Content-Type: {header}", body), boundary=boundary)
        header = f"multipart/mixed;boundary={boundary}"
        found.append(session_description(invite(body, header)))
    assert found == [SDP_BODY, SDP_BODY, None]


def test_what_cannot_be_read_is_no_session_description() -> None:
    assert session_description(invite(SDP_BODY, "multipart/mixed")) is None
    assert session_description(invite(b"", "application/sdp")) is None
    assert session_description(Response((), SDP_BODY, 200, "OK")) == SDP_BODY


@given(st.binary(max_size=300), st.text(max_size=80))
def test_anything_is_read_or_refused(noise: bytes, header: str) -> None:
    for content_type in (MIXED, f"multipart/mixed;boundary={header}", header):
        for body in (noise, multipart(("Content-Type: application/sdp", noise))):
            session_description(invite(body, content_type))
