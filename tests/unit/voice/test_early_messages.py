"""What is kept of INVITEs that are not calls yet."""

from __future__ import annotations

from offhook.sip.events import SipMessageLog
from offhook.sip.flow import UDP, Address, Flow
from offhook.voice.early_messages import ALL_OCTETS, LEG_OCTETS, EarlyMessages

FLOW = Flow(UDP, Address("192.0.2.1", 5060), Address("203.0.113.9", 5060))


def message(leg: int, size: int) -> SipMessageLog:
    return SipMessageLog(leg, "c", "received", "INVITE sip:x", b"x" * size, FLOW, 1.0)


def test_messages_are_given_to_their_call_once() -> None:
    early = EarlyMessages()
    first, second = message(1, 100), message(1, 200)
    early.add(1, first)
    early.add(2, message(2, 100))
    early.add(1, second)
    assert early.take(1) == [first, second]
    assert early.take(1) == []
    early.take(2)
    assert (early.octets, len(early)) == (0, 0)


def test_an_invite_sent_6000_times_is_kept_twice() -> None:
    early = EarlyMessages()
    for _ in range(6000):
        early.add(1, message(1, 56_000))
    assert early.octets <= LEG_OCTETS
    assert len(early.take(1)) == 2


def test_legs_without_end_lose_the_oldest() -> None:
    early = EarlyMessages()
    for leg in range(6000):
        early.add(leg, message(leg, 56_000))
    assert early.octets <= ALL_OCTETS
    assert early.take(0) == []
    assert len(early.take(5999)) == 1
