"""Changing a session by re-INVITE, both ways at once too."""

from __future__ import annotations

import re

import pytest
from tests.unit.sip.network import ANSWER, OFFER, Host, Network
from tests.unit.sip.test_callee import Talking
from tests.unit.sip.test_caller import Pair

from offhook.errors import LocalProtocolError
from offhook.sip.digest import Credentials, Password
from offhook.sip.events import Ended, Reinvite, ReinviteAnswered, ReinviteConfirmed, ReinviteFailed
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


def sent_invites(host: Host) -> list[bytes]:
    """Every INVITE that a host has sent, the call's own first, repetitions included."""
    return [
        entry.data for entry in host.log if entry.direction == "sent" and entry.data.startswith(b"INVITE")
    ]


def test_a_second_change_of_ones_own_waits_for_the_first() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    with pytest.raises(LocalProtocolError, match="under way"):
        pair.alice.endpoint.reinvite(leg, OFFER, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.reinvite(leg, OFFER, pair.network.now)
    pair.network.run(0.1)
    assert [event.sdp for event in pair.bob.told(Reinvite)] == [HOLD, OFFER]


def test_a_change_fails_as_glare_while_the_peers_waits_for_its_answer() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.bob.endpoint.reinvite(other, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.reinvite(leg, OFFER, pair.network.now)
    pair.network.run(0.1)
    assert [event.status for event in pair.alice.told(ReinviteFailed)] == [491]
    assert len(sent_invites(pair.alice)) == 1
    assert pair.alice.endpoint.answer_reinvite(leg, ANSWER, pair.network.now) is True
    pair.network.run(0.1)
    assert len(pair.bob.told(ReinviteAnswered)) == 1


def glare() -> tuple[Pair, int, int]:
    """Both have asked at once, and both were refused."""
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.bob.endpoint.reinvite(other, HOLD, pair.network.now)
    pair.network.run(0.1)
    assert "491 Request Pending" in pair.alice.sent()
    assert "491 Request Pending" in pair.bob.sent()
    return pair, leg, other


def test_after_glare_one_does_not_ask_again_while_the_other_waits_for_an_answer() -> None:
    pair, leg, _ = glare()
    pair.network.run(2.1)
    (asked,) = pair.alice.told(Reinvite)
    assert asked.leg == leg
    pair.network.run(20)
    assert len(sent_invites(pair.alice)) == 2
    pair.alice.endpoint.answer_reinvite(leg, ANSWER, pair.network.now)
    pair.network.run(4.1)
    assert len(sent_invites(pair.alice)) == 3
    assert pair.bob.told(Reinvite)


def test_a_call_that_is_hung_up_after_glare_is_not_changed_any_more() -> None:
    pair, leg, _ = glare()
    pair.bob.network.hosts.pop(pair.bob.address)
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(10)
    assert len(sent_invites(pair.alice)) == 2
    pair.network.run(30)
    assert pair.alice.told(Ended) == [Ended(leg, "timeout")]
    assert not pair.alice.told(ReinviteFailed)


def test_a_change_that_is_challenged_is_asked_again_with_credentials() -> None:
    pair = Pair()
    leg, other = pair.connect(credentials=Credentials("alice", "pw"))
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.challenge(other, pair.network.now)
    pair.network.run(0.1)
    asked = pair.bob.told(Reinvite)[-1]
    lookup = {"alice": Password("pw")}.get
    assert pair.bob.endpoint.verify(asked.request, lookup, pair.network.now) == "alice"
    pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
    pair.network.run(0.1)
    assert len(pair.alice.told(ReinviteAnswered)) == 1


def test_an_acceptance_that_comes_again_is_acknowledged_again_and_told_once() -> None:
    acks = 0

    def drops(number: int, data: bytes) -> bool:
        nonlocal acks
        acks += data.startswith(b"ACK")
        return data.startswith(b"ACK") and acks in (2, 3)

    pair = Pair(Network(drops=drops))
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
    pair.network.run(40)
    assert acks == 4
    assert len(pair.alice.told(ReinviteAnswered)) == 1
    assert not pair.bob.told(Ended)


def test_an_acceptance_that_crosses_the_hang_up_is_acknowledged_and_not_told() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now)
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(1)
    assert sum(line.startswith("ACK") for line in pair.alice.sent()) == 2
    assert not pair.alice.told(ReinviteAnswered)
    assert pair.alice.told(Ended) == [Ended(leg, "local")]
    assert pair.nothing_left()


def test_hanging_up_gives_up_ones_own_change() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(1)
    assert "487 Request Terminated" in pair.bob.sent()
    assert not pair.alice.told(ReinviteFailed)
    assert pair.nothing_left()


def test_a_change_that_is_never_answered_is_forgotten_after_the_call() -> None:
    """The peer has said 100, so that the INVITE may wait for as long as there is a call."""
    pair = Pair()
    leg, _ = pair.connect()
    pair.alice.endpoint.reinvite(leg, HOLD, pair.network.now)
    pair.network.run(0.1)
    del pair.network.hosts[pair.bob.address]
    pair.network.run(60)
    assert not pair.alice.told(ReinviteFailed)
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(33)
    assert pair.alice.told(Ended) == [Ended(leg, "timeout")]
    pair.network.run(100)
    assert len(pair.alice.endpoint._core.transactions) == 0
    assert pair.alice.endpoint.next_timer() is None


def test_a_second_change_of_the_peers_may_come_later() -> None:
    lone = Talking()
    lone.ask("INVITE", 2, HOLD)
    lone.ask("INVITE", 3, OFFER)
    (refused,) = lone.answers("3 INVITE")
    assert refused.status == 500
    assert 0 <= int(refused.require("Retry-After")) <= 10
    assert lone.bob.endpoint.answer_reinvite(lone.leg, ANSWER, lone.network.now) is True
    # Nor is there another before the answer to the first has been acknowledged.
    lone.ask("INVITE", 4, OFFER)
    assert [answer.status for answer in lone.answers("4 INVITE")] == [500]
    lone.ask("ACK", 2)
    lone.ask("INVITE", 5, OFFER)
    assert [event.sdp for event in lone.bob.told(Reinvite)] == [HOLD, OFFER]


def test_a_change_that_the_peer_takes_back_is_not_answered_any_more() -> None:
    lone = Talking()
    lone.ask("INVITE", 2, HOLD)
    lone.ask("CANCEL", 2)
    assert [answer.status for answer in lone.answers("2 CANCEL")] == [200]
    assert [answer.status for answer in lone.answers("2 INVITE")] == [100, 487]
    lone.ask("ACK", 2)
    assert lone.bob.endpoint.answer_reinvite(lone.leg, ANSWER, lone.network.now) is False
    lone.ask("BYE", 3)
    assert lone.bob.told(Ended) == [Ended(lone.leg, "remote")]
    assert lone.nothing_left()


def test_a_change_taken_back_too_late_has_been_made() -> None:
    lone = Talking()
    lone.ask("INVITE", 2, HOLD)
    lone.bob.endpoint.answer_reinvite(lone.leg, ANSWER, lone.network.now)
    lone.ask("CANCEL", 2)
    assert [answer.status for answer in lone.answers("2 CANCEL")] == [200]
    assert [answer.status for answer in lone.answers("2 INVITE")] == [100, 200]


def test_our_own_call_can_be_changed_and_the_change_taken_back() -> None:
    """The caller's side of a session takes a CANCEL as the called one does."""
    pair = Pair()
    leg, other = pair.connect()
    pair.bob.endpoint.reinvite(other, HOLD, pair.network.now)
    pair.network.run(0.1)
    invite = sent_invites(pair.bob)[-1]
    cancel = invite.partition(b"\r\nContent-")[0].replace(b"INVITE", b"CANCEL") + b"\r\n\r\n"
    pair.alice.endpoint.receive(cancel, pair.alice.flow_to(pair.bob), pair.network.now)
    pair.network.run(0.1)
    assert [event.status for event in pair.bob.told(ReinviteFailed)] == [487]
    assert pair.alice.endpoint.answer_reinvite(leg, ANSWER, pair.network.now) is False


def test_a_change_without_an_offer_is_offered_one_and_answers_in_its_ack() -> None:
    lone = Talking()
    lone.ask("INVITE", 2)
    (asked,) = lone.bob.told(Reinvite)
    assert asked.sdp is None
    lone.bob.endpoint.answer_reinvite(lone.leg, OFFER, lone.network.now)
    lone.ask("ACK", 1, ANSWER)
    assert not lone.bob.told(ReinviteConfirmed)
    lone.ask("ACK", 2, ANSWER)
    assert lone.bob.told(ReinviteConfirmed) == [ReinviteConfirmed(lone.leg, ANSWER)]


def test_a_change_that_is_never_acknowledged_ends_the_call() -> None:
    lone = Talking()
    lone.ask("INVITE", 2, HOLD)
    lone.bob.endpoint.answer_reinvite(lone.leg, ANSWER, lone.network.now)
    lone.network.run(31.9)
    assert not lone.bob.told(Ended)
    lone.network.run(0.2)
    assert lone.bob.told(Ended) == [Ended(lone.leg, "timeout")]
    assert "BYE" in lone.requests()
    assert lone.nothing_left()


def test_a_peer_that_hangs_up_instead_of_acknowledging_a_change_hears_no_more_of_it() -> None:
    lone = Talking()
    lone.ask("INVITE", 2, HOLD)
    lone.bob.endpoint.answer_reinvite(lone.leg, ANSWER, lone.network.now)
    lone.ask("BYE", 3)
    repeated = len(lone.answers("2 INVITE"))
    assert lone.nothing_left()
    assert len(lone.answers("2 INVITE")) == repeated
    assert lone.bob.told(Ended) == [Ended(lone.leg, "remote")]
