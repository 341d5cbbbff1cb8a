"""Messages over a bus that loses and repeats: each is taken once, in order, and none is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.bus import sequence
from offhook.bus.sequence import Incoming, Outgoing, TooMuchError

Request = tuple[str, int, list[bytes]]


def request(outgoing: Outgoing) -> Request:
    return (outgoing.name, *outgoing.unacknowledged())


def test_what_is_acknowledged_is_not_sent_again() -> None:
    outgoing = Outgoing("a")
    assert [outgoing.put(text) for text in (b"1", b"2", b"3")] == [1, 2, 3]
    assert request(outgoing) == ("a", 1, [b"1", b"2", b"3"])
    outgoing.acknowledge(3)
    assert request(outgoing) == ("a", 3, [b"3"])
    outgoing.acknowledge(2)
    assert request(outgoing) == ("a", 3, [b"3"])
    outgoing.acknowledge(4)
    assert request(outgoing) == ("a", 4, [])


def test_only_so_much_goes_together_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sequence, "MOST_TOGETHER", 5)
    monkeypatch.setattr(sequence, "MOST_WAITING", 12)
    outgoing = Outgoing("a")
    for text in (b"123456", b"12", b"345", b"6"):
        outgoing.put(text)
    assert request(outgoing)[2] == [b"123456"], "one that is longer goes alone"
    with pytest.raises(TooMuchError):
        outgoing.put(b"7")
    outgoing.acknowledge(2)
    assert request(outgoing)[2] == [b"12", b"345"]
    assert outgoing.put(b"7") == 5


def test_a_stream_is_followed_from_its_beginning_only() -> None:
    incoming = Incoming()
    assert not incoming.follows("a", 2)
    assert incoming.follows("a", 1)
    assert incoming.take("a", 1, [b"1"]) == [(1, b"1")]
    assert incoming.follows("a", 1)
    assert incoming.follows("a", 2)
    assert not incoming.follows("a", 3), "something is missing"
    assert not incoming.follows("b", 1), "the sender has begun anew"


@given(st.data())
def test_whatever_the_bus_does(data: st.DataObject) -> None:
    outgoing, incoming = Outgoing("a"), Incoming()
    said, heard = 0, []
    flying: list[Request] = []
    receipts: list[int] = []
    for step in data.draw(st.lists(st.sampled_from(["say", "send", "receive", "repeat", "lose", "answer"]))):
        if step == "say":
            said += 1
            assert outgoing.put(str(said).encode()) == said
        elif step == "send":
            flying.append(request(outgoing))
        elif step == "answer" and receipts:
            outgoing.acknowledge(receipts.pop(data.draw(st.integers(0, len(receipts) - 1))))
        elif step == "lose" and (flying or receipts):
            (flying or receipts).pop()
        elif step in ("receive", "repeat") and flying:
            at = data.draw(st.integers(0, len(flying) - 1))
            stream, first, messages = flying[at] if step == "repeat" else flying.pop(at)
            assert incoming.follows(stream, first), "nothing is ever missing"
            heard += incoming.take(stream, first, messages)
            receipts.append(incoming.expected)
    stream, first, messages = request(outgoing)
    heard += incoming.take(stream, first, messages)
    assert heard == [(number, str(number).encode()) for number in range(1, said + 1)]
