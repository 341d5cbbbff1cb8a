"""Changing a session by re-INVITE, both ways at once too."""

from __future__ import annotations

from tests.unit.sip.network import ANSWER, OFFER, Network
from tests.unit.sip.test_caller import Pair

from offhook.sip.events import Ended, Reinvite, ReinviteAnswered, ReinviteFailed

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
