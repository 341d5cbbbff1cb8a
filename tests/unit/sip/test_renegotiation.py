"""Changing a session by re-INVITE, both ways at once too."""

from __future__ import annotations

import re

import pytest
from tests.unit.sip.network import ANSWER, OFFER, Host, Network
from tests.unit.sip.test_caller import Pair

from offhook.sip.events import Ended, Reinvite, ReinviteAnswered, ReinviteFailed
from offhook.sip.flow import TCP, Address, Flow, Send

HOLD = OFFER + b"a=sendonly\r\n"


def test_hold_is_asked_for_and_answered() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    (event,) = pair.bob.told(Reinvite)
    assert (event.leg, event.sdp) == (other, HOLD)
    pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
    pair.network.run(0.1)
    (answered,) = pair.alice.told(ReinviteAnswered)
    assert (answered.leg, answered.sdp) == (leg, ANSWER)


def test_a_refused_change_leaves_the_call() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.bob.endpoint.reinvite(other, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.reject(leg, 488, pair.network.now)
    pair.network.run(0.1)
    assert [event.status for event in pair.bob.told(ReinviteFailed)] == [488]
    pair.bob.endpoint.bye(other, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]
    assert pair.nothing_left()


def test_glare_is_retried_by_itself() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.bob.endpoint.reinvite(other, HOLD, pair.network.now)
    for _ in range(80):
        pair.network.run(0.1)
        for host, mine in ((pair.alice, leg), (pair.bob, other)):
            while host.told(Reinvite):
                host.events.remove(host.told(Reinvite)[0])
                host.endpoint.answer_reinvite(mine, ANSWER, pair.network.now)
    assert "491 Request Pending" in pair.alice.sent()
    assert len(pair.alice.told(ReinviteAnswered)) == 1
    assert len(pair.bob.told(ReinviteAnswered)) == 1


def test_a_dialog_the_peer_forgot_ends() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.bob.endpoint._core.remove(pair.bob.endpoint._core.legs[other], pair.network.now)
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(1)
    assert [event.status for event in pair.alice.told(ReinviteFailed)] == [481]
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]


def test_a_peer_that_vanished_ends_the_call() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    del pair.network.hosts[pair.bob.address]
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(33)
    assert pair.alice.told(Ended) == [Ended(leg, "timeout")]


def test_hanging_up_answers_the_waiting_change() -> None:
    pair = Pair(Network())
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.bye(other, pair.network.now)
    pair.network.run(1)
    assert "487 Request Terminated" in pair.bob.sent()
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]
    assert pair.nothing_left()


def moved(message: bytes, to: str) -> bytes:
    """A request or response with another Contact."""
    return re.sub(rb"Contact: <[^>]*>", f"Contact: <sip:bob@{to}>".encode(), message)


@pytest.mark.parametrize("asks", [True, False])
def test_requests_go_to_the_contact_of_the_last_reinvite(asks: bool) -> None:
    """Both ways to learn of a new one: the peer's re-INVITE, and its answer to ours."""
    pair = Pair()
    leg, other = pair.connect()
    new = Host(pair.network, "192.0.2.9")
    if asks:
        pair.bob.endpoint.reinvite(other, OFFER, pair.network.now)
        (send,) = pair.bob.endpoint.actions()
        assert isinstance(send, Send)
        flow = pair.alice.flow_to(pair.bob)
        pair.alice.endpoint.receive(moved(send.data, "192.0.2.9:5060"), flow, pair.network.now)
        pair.network.run(0.1)
        pair.alice.endpoint.answer_reinvite(leg, ANSWER, pair.network.now)
    else:
        pair.alice.endpoint.reinvite(leg, OFFER, pair.network.now)
        pair.network.run(0.1)
        pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
        (send,) = pair.bob.endpoint.actions()
        assert isinstance(send, Send)
        flow = pair.alice.flow_to(pair.bob)
        pair.alice.endpoint.receive(moved(send.data, "192.0.2.9:5060"), flow, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.actions()
    pair.alice.endpoint.bye(leg, pair.network.now)
    (bye,) = pair.alice.endpoint.actions()
    assert isinstance(bye, Send)
    assert bye.data.startswith(b"BYE sip:bob@192.0.2.9:5060 ")
    assert bye.flow.remote == new.address


def test_after_its_connection_is_closed_a_peer_is_reached_by_its_contact() -> None:
    pair = Pair()
    _, other = pair.connect(transport=TCP)
    origin = Flow(TCP, pair.bob.address, Address("192.0.2.1", 40001))
    dialog = pair.bob.endpoint._core.legs[other].confirmed_dialog
    dialog.origin = origin
    assert dialog.flow == origin
    pair.bob.endpoint.flow_closed(origin, pair.network.now)
    assert dialog.flow == Flow(TCP, pair.bob.address, Address("192.0.2.1", 5060))
