"""Session descriptions: round trips, limits, anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import RemoteProtocolError
from offhook.sdp.description import parse, serialize

BROWSER = (
    b"v=0\r\no=- 46117 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    b"m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n"
    b"m=video 49170/2 RTP/AVP 31\r\nc=IN IP6 2001:db8::1\r\ni=title\r\nb=AS:64\r\na=recvonly\r\n"
)


def test_what_is_kept_is_written_again() -> None:
    description = parse(BROWSER)
    assert parse(serialize(description)) == description
    audio, video = description.media
    assert (audio.attribute("rtcp-mux"), audio.attribute("none")) == ("", None)
    assert (video.port, video.connection and video.connection.host) == (49170, "2001:db8::1")


def test_line_ends_of_one_octet_are_read() -> None:
    assert parse(BROWSER.replace(b"\r\n", b"\n")) == parse(BROWSER)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=1\r\n",
        b"v=0\r\n",
        BROWSER.replace(b"o=- 46117 2", b"o=- 2"),
        BROWSER.replace(b"audio 9", b"audio x"),
        BROWSER.replace(b"audio 9", b"audio 70000"),
        BROWSER.replace(b"c=IN IP6", b"c=IN IP7"),
        BROWSER + b"m=audio 1 RTP/AVP 0\r\n" * 40,
        BROWSER + b"a=x\r\n" * 600,
        BROWSER + b"a=" + b"x" * 20_000,
    ],
)
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse(data)
    assert caught.value.status == 488


@given(
    st.binary(max_size=300)
    | st.text("vocma=0 IN4:/\r\n", max_size=200).map(lambda text: b"v=0\n" + text.encode())
)
def test_anything_is_read_or_refused(data: bytes) -> None:
    try:
        description = parse(data)
    except RemoteProtocolError:
        return
    serialize(description)
