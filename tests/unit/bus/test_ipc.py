"""Frames of private sockets, and subjects."""

import contextlib
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.bus import subjects
from offhook.bus.ipc import MAX_MESSAGE, Frames, encode
from offhook.errors import LocalProtocolError, RemoteProtocolError


class Play(msgspec.Struct, tag=True, array_like=True, frozen=True):
    leg: int
    path: str


class Stop(msgspec.Struct, tag=True, array_like=True, frozen=True):
    leg: int


MESSAGES = st.lists(
    st.one_of(st.builds(Play, st.integers(0, 9), st.text()), st.builds(Stop, st.integers(0, 9)))
)


def frames() -> Frames[Play | Stop]:
    return Frames(Play | Stop)


def test_a_frame_on_the_wire() -> None:
    assert encode(Stop(7)) == b"\x00\x00\x00\x07\x92\xa4Stop\x07"


@given(MESSAGES, st.data())
def test_messages_come_out_as_they_went_in_however_the_stream_is_cut(
    messages: list[Play | Stop], data: st.DataObject
) -> None:
    stream = b"".join(map(encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    reader = frames()
    out: list[Play | Stop] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        out += reader.feed(stream[start:end])
    assert out == messages
    assert reader.pending == 0


@given(st.binary(max_size=200))
def test_junk_is_refused_or_waits(junk: bytes) -> None:
    with contextlib.suppress(RemoteProtocolError):
        frames().feed(junk)


@pytest.mark.parametrize(
    "data",
    [
        struct.pack(">I", MAX_MESSAGE + 1),
        struct.pack(">I", 1) + b"\x01",
        struct.pack(">I", 0),
        encode(["Unknown", 1]),
        encode(["Play", "x", "y"]),
    ],
)
def test_what_is_no_message_ends_the_connection(data: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        frames().feed(data)


def test_a_message_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(LocalProtocolError):
        encode(Play(1, "x" * MAX_MESSAGE))


def test_the_rest_of_a_cut_message_is_pending() -> None:
    reader = frames()
    assert reader.feed(encode(Stop(1))[:-1]) == []
    assert reader.pending == len(encode(Stop(1))) - 1


def test_subjects() -> None:
    assert subjects.voice_calls("node-1") == "voice.node-1.calls"
    assert subjects.voice_calls("a.b *>") == "voice.a_b___.calls"
    assert subjects.events("AC1", "CA1") == "events.AC1.CA1"
    items = [subjects.WorkItem(5, "SM1"), subjects.WorkItem(6, "SM2")]
    assert subjects.decode_work(subjects.encode_work(items)) == items
