"""Messages out of a byte stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.sip.framing import PING, StreamFramer

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"BYE sip:b SIP/2.0\r\nX: 1\r\nl :\r\n 0\r\n\r\n"


@given(st.lists(st.integers(1, 30), max_size=20))
def test_messages_come_whole_however_the_stream_is_cut(cuts: list[int]) -> None:
    stream = ONE + TWO + b"\r\n" + ONE + PING + TWO
    framer, found = StreamFramer(), []
    for cut in [*cuts, len(stream)]:
        found += framer.feed(stream[:cut])
        stream = stream[cut:]
    assert [item for item in found if item != PING] == [ONE, TWO, ONE, TWO]
    assert not framer.partial


def test_a_ping_is_told_and_a_pong_skipped() -> None:
    framer = StreamFramer()
    assert framer.feed(b"\r\n") == []
    assert not framer.partial
    assert framer.feed(b"\r\n") == [PING]
    assert framer.feed(b"\r\n" + TWO) == [TWO]


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nl: 0\r\nContent-Length: 0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nl: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nl: 70000\r\n\r\n",
        b"X" * 70_000,
    ],
)
def test_a_stream_that_cannot_be_followed_is_given_up(data: bytes) -> None:
    framer = StreamFramer()
    assert framer.feed(ONE + data) == [ONE]
    assert framer.fault is not None
    _, head = framer.fault
    assert head == data.partition(b"\r\n\r\n")[0]
    assert framer.size == 0
    assert framer.feed(ONE) == []
