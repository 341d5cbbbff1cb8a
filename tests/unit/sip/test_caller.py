"""Placing calls: answers, refusals, CANCEL, forks, digest and silence, between two endpoints on a fake clock."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sip.network import ANSWER, Host, Network, address

from offhook.errors import LocalProtocolError
from offhook.sip.digest import Credentials, Password
from offhook.sip.events import (
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Failed,
    IncomingInvite,
    Provisional,
)
from offhook.sip.flow import TCP
from offhook.sip.message import Request, response_to
from offhook.sip.parser import parse_message


class Pair:
    """Alice calls Bob."""

    def __init__(self, network: Network | None = None, **bob: object) -> None:
        self.network = network or Network()
        self.alice = Host(self.network, "192.0.2.1")
        self.bob = Host(self.network, "192.0.2.2", **bob)

    def ring(self, **arguments: Any) -> tuple[int, int]:
        """Returns the legs of both, Bob's ringing."""
        leg = self.alice.call(self.bob, **arguments)
        self.network.run(0.1)
        invite = self.bob.told(IncomingInvite)[-1]
        self.bob.endpoint.provisional(invite.leg, 180, self.network.now)
        self.network.run(0.1)
        return leg, invite.leg

    def connect(self, **arguments: Any) -> tuple[int, int]:
        """Returns the legs of both, talking."""
        leg, other = self.ring(**arguments)
        self.bob.endpoint.answer(other, ANSWER, self.network.now)
        self.network.run(0.1)
        return leg, other

    def nothing_left(self) -> bool:
        """Whether both endpoints have forgotten everything once all timers have run."""
        self.network.run(200)
        return all(
            not host.endpoint._core.legs
            and not host.endpoint._core.transactions
            and not host.endpoint._core.dialogs
            and not host.endpoint._core.invites
            and host.endpoint.next_timer() is None
            for host in (self.alice, self.bob)
        )


@pytest.mark.parametrize("transport", ["UDP", TCP])
def test_a_call_is_answered_and_hung_up(transport: str) -> None:
    pair = Pair()
    leg, other = pair.connect(transport=transport)
    (answered,) = pair.alice.told(Answered)
    assert (answered.leg, answered.sdp) == (leg, ANSWER)
    assert [event.status for event in pair.alice.told(Provisional)] == [180]
    assert pair.bob.told(Confirmed) == [Confirmed(other, None)]
    pair.alice.endpoint.bye(leg, pair.network.now, "Q.850;cause=16")
    pair.network.run(0.1)
    assert pair.alice.told(Ended) == [Ended(leg, "local")]
    assert pair.bob.told(Ended) == [Ended(other, "remote", "Q.850;cause=16")]
    assert pair.nothing_left()


def test_early_media_and_headers_arrive() -> None:
    pair = Pair()
    leg = pair.alice.call(pair.bob, headers=[("P-Asserted-Identity", "<sip:+1555@x>"), ("X-Trace", "7")])
    pair.network.run(0.1)
    (invite,) = pair.bob.told(IncomingInvite)
    assert invite.request.get("x-trace") == "7"
    assert invite.request.from_.display_name == "Alice"
    assert invite.flow.remote == pair.alice.address
    pair.bob.endpoint.provisional(invite.leg, 183, pair.network.now, sdp=ANSWER, headers=[("X-Early", "1")])
    pair.network.run(0.1)
    (early,) = pair.alice.told(Provisional)
    assert (early.leg, early.sdp, early.response.get("X-Early")) == (leg, ANSWER, "1")


def test_a_refusal_carries_status_reason_and_headers() -> None:
    pair = Pair()
    leg = pair.alice.call(pair.bob)
    pair.network.run(0.1)
    (invite,) = pair.bob.told(IncomingInvite)
    pair.bob.endpoint.reject(invite.leg, 486, pair.network.now, reason="Busy", headers=[("Retry-After", "5")])
    pair.network.run(0.1)
    (failed,) = pair.alice.told(Failed)
    assert (failed.leg, failed.status, failed.reason, failed.source) == (leg, 486, "Busy", "remote")
    assert failed.response is not None
    assert failed.response.get("Retry-After") == "5"
    assert "ACK sip:bob@biloxi.example" in pair.alice.sent()
    assert pair.nothing_left()


def test_a_redirection_names_its_target() -> None:
    pair = Pair()
    pair.alice.call(pair.bob)
    pair.network.run(0.1)
    leg = pair.bob.told(IncomingInvite)[0].leg
    pair.bob.endpoint.reject(leg, 302, pair.network.now, headers=[("Contact", "<sip:carol@chicago.example>")])
    pair.network.run(0.1)
    (failed,) = pair.alice.told(Failed)
    assert failed.response is not None
    assert failed.response.values("Contact") == ["<sip:carol@chicago.example>"]


def test_a_ringing_call_is_cancelled() -> None:
    pair = Pair()
    leg, other = pair.ring()
    pair.alice.endpoint.cancel(leg, pair.network.now, "SIP;cause=200")
    pair.network.run(0.1)
    assert pair.bob.told(Cancelled) == [Cancelled(other, "SIP;cause=200")]
    (failed,) = pair.alice.told(Failed)
    assert (failed.status, failed.source) == (487, "remote")
    assert pair.nothing_left()


def test_a_call_given_up_when_its_answer_has_come_is_hung_up() -> None:
    """The application may not have taken the answer yet."""
    pair = Pair()
    leg, other = pair.connect()
    assert pair.alice.endpoint.cancel(leg, pair.network.now, "SIP;cause=200") is True
    pair.network.run(0.1)
    assert pair.alice.told(Ended) == [Ended(leg, "local")]
    assert pair.bob.told(Ended) == [Ended(other, "remote", "SIP;cause=200")]
    assert pair.nothing_left()


def test_hanging_up_twice_hangs_up_once() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    for _ in range(2):
        pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(0.1)
    assert sum(line.startswith("BYE") for line in pair.alice.sent()) == 1
    assert pair.alice.told(Ended) == [Ended(leg, "local")]


def test_a_hang_up_that_nobody_answers_ends_the_call_all_the_same() -> None:
    pair = Pair()
    leg, _ = pair.connect()
    del pair.network.hosts[pair.bob.address]
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(31.9)
    assert not pair.alice.told(Ended)
    pair.network.run(0.2)
    assert pair.alice.told(Ended) == [Ended(leg, "timeout")]


CHALLENGE = 'Digest realm="biloxi.example", nonce="n1", qop="auth"'


def test_a_challenged_hang_up_is_sent_again_with_credentials() -> None:
    pair = Pair()
    leg, _ = pair.connect(credentials=Credentials("alice", "pw"))
    del pair.network.hosts[pair.bob.address]
    pair.alice.endpoint.bye(leg, pair.network.now, "Q.850;cause=16")
    pair.network.settle()
    for status, field in ((100, ()), (401, (("WWW-Authenticate", CHALLENGE),))):
        bye = parse_message(pair.network.sent[-1])
        assert isinstance(bye, Request)
        answer = response_to(bye, status, fields=field).encode()
        pair.alice.endpoint.receive(answer, pair.alice.flow_to(pair.bob), pair.network.now)
        pair.network.settle()
    assert not pair.alice.told(Ended)
    again = parse_message(pair.network.sent[-1])
    assert isinstance(again, Request)
    assert (again.method, again.get("Reason")) == ("BYE", "Q.850;cause=16")
    assert 'username="alice"' in again.require("Authorization")
    answer = response_to(again, 200).encode()
    pair.alice.endpoint.receive(answer, pair.alice.flow_to(pair.bob), pair.network.now)
    pair.network.settle()
    assert pair.alice.told(Ended) == [Ended(leg, "local")]


@pytest.mark.parametrize("challenge", ['Bearer realm="x"', 'Digest realm="x", nonce="n", algorithm=SHA-512'])
def test_a_challenge_that_cannot_be_answered_fails_the_call(challenge: str) -> None:
    pair = Pair()
    leg = pair.alice.call(pair.bob, credentials=Credentials("alice", "pw"))
    pair.network.run(0.1)
    (invite,) = pair.bob.told(IncomingInvite)
    pair.bob.endpoint.reject(invite.leg, 401, pair.network.now, headers=[("WWW-Authenticate", challenge)])
    pair.network.run(0.1)
    assert [(event.leg, event.status) for event in pair.alice.told(Failed)] == [(leg, 401)]


def test_cancel_waits_for_the_first_provisional_response() -> None:
    pair = Pair()
    pair.alice.endpoint.cancel(pair.alice.call(pair.bob), pair.network.now)
    pair.network.settle()
    assert pair.alice.sent() == ["INVITE sip:bob@biloxi.example"]
    pair.network.run(0.1)
    assert [event.status for event in pair.alice.told(Failed)] == [487]
    assert pair.bob.told(Cancelled)


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    pair = Pair()
    leg, other = pair.ring()
    pair.alice.endpoint.cancel(leg, pair.network.now)
    pair.bob.endpoint.answer(other, ANSWER, pair.network.now)
    pair.network.run(1)
    assert [(event.status, event.source) for event in pair.alice.told(Failed)] == [(487, "local")]
    assert not pair.alice.told(Answered)
    assert pair.bob.told(Ended) == [Ended(other, "remote")]
    assert pair.nothing_left()


def test_a_peer_that_ignores_cancel_is_given_up() -> None:
    network = Network(drops=lambda number, data: b"487" in data[:30] or b"CSeq: 1 CANCEL" in data)
    pair = Pair(network)
    leg, other = pair.ring()
    pair.alice.endpoint.cancel(leg, network.now)
    network.run(33)
    assert [(event.status, event.source) for event in pair.alice.told(Failed)] == [(487, "timeout")]
    pair.bob.endpoint.reject(other, 480, network.now)
    assert pair.nothing_left()


def test_nobody_there_fails_by_timer_b() -> None:
    network = Network(drops=lambda number, data: True)
    pair = Pair(network)
    leg = pair.alice.call(pair.bob)
    network.run(31.9)
    assert not pair.alice.events
    network.run(0.2)
    (failed,) = pair.alice.told(Failed)
    assert (failed.leg, failed.status, failed.source) == (leg, 408, "timeout")
    # Timer A: sent at 0, and 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 s later.
    assert len(network.sent) == 7
    assert pair.nothing_left()


def test_a_shorter_timeout_is_kept_and_the_call_given_up() -> None:
    pair = Pair()
    leg, other = pair.ring(timeout=5.0)
    pair.network.run(5)
    assert [(event.leg, event.status, event.source) for event in pair.alice.told(Failed)] == [
        (leg, 408, "timeout")
    ]
    assert pair.bob.told(Cancelled) == [Cancelled(other, None)]
    assert pair.alice.endpoint.cancel(leg, pair.network.now) is False
    assert pair.nothing_left()


def test_a_connection_that_cannot_be_opened_fails_at_once() -> None:
    pair = Pair(Network(drops=lambda number, data: True))
    leg = pair.alice.call(pair.bob, transport=TCP)
    pair.alice.endpoint.flow_closed(pair.alice.flow_to(pair.bob, TCP), pair.network.now)
    pair.network.settle()
    assert [(event.leg, event.status, event.source) for event in pair.alice.told(Failed)] == [
        (leg, 503, "transport")
    ]
    assert pair.nothing_left()


@pytest.mark.parametrize("algorithms", [("MD5",), ("SHA-256", "MD5")])
def test_a_challenge_is_answered(algorithms: tuple[str, ...]) -> None:
    pair = Pair(digest_algorithms=algorithms)
    leg = pair.alice.call(pair.bob, credentials=Credentials("alice", 'wonder"land'))
    pair.network.run(0.1)
    bob, now = pair.bob.endpoint, pair.network.now
    (first,) = pair.bob.told(IncomingInvite)
    lookup = {"alice": Password('wonder"land')}.get
    assert bob.verify(first.request, lookup, now) is None
    bob.challenge(first.leg, now)
    pair.network.run(0.1)
    second = pair.bob.told(IncomingInvite)[1]
    assert bob.authorization_username(second.request) == "alice"
    assert bob.verify(second.request, lookup, pair.network.now) == "alice"
    bob.answer(second.leg, ANSWER, pair.network.now)
    pair.network.run(0.1)
    assert [event.leg for event in pair.alice.told(Answered)] == [leg]
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(Ended)


def test_a_challenge_is_answered_once_only() -> None:
    pair = Pair()
    pair.alice.call(pair.bob, credentials=Credentials("alice", "wrong"))
    for number in range(2):
        pair.network.run(0.1)
        pair.bob.endpoint.challenge(pair.bob.told(IncomingInvite)[number].leg, pair.network.now, proxy=True)
    pair.network.run(0.1)
    assert [event.status for event in pair.alice.told(Failed)] == [407]
    assert len(pair.bob.told(IncomingInvite)) == 2


def test_other_forks_of_an_answered_call_are_let_go() -> None:
    pair = Pair()
    carol = Host(pair.network, "192.0.2.3")
    leg, _ = pair.connect()
    (invite,) = [data for data in pair.network.sent if data.startswith(b"INVITE")]
    from_alice = pair.alice.flow_to(carol)
    carol.endpoint.receive(invite, from_alice._replace(local=carol.address, remote=pair.alice.address), 1.0)
    pair.network.settle()
    carol.endpoint.answer(carol.told(IncomingInvite)[0].leg, ANSWER, pair.network.now)
    pair.network.run(1)
    assert [event.leg for event in pair.alice.told(Answered)] == [leg]
    assert [type(event) for event in carol.events] == [IncomingInvite, Confirmed, Ended]


def test_a_lost_ack_is_sent_again() -> None:
    lost = iter([True])
    pair = Pair(Network(drops=lambda number, data: data.startswith(b"ACK") and next(lost, False)))
    pair.connect()
    pair.network.run(2)
    assert len(pair.alice.told(Answered)) == 1
    assert len(pair.bob.told(Confirmed)) == 1
    assert pair.alice.sent().count("ACK sip:offhook@192.0.2.2:5060") == 2


def test_header_injection_is_refused() -> None:
    pair = Pair()
    for headers in ([("X-A", "1\r\nVia: evil")], [("X A", "1")], [("Via", "evil")]):
        with pytest.raises(LocalProtocolError):
            pair.alice.call(pair.bob, headers=headers)
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.invite(
            0.0,
            request_uri="sip:bob@x SIP/2.0\r\nX: y",
            from_=address("<sip:a@b>"),
            to=address("<sip:a@b>"),
            destination=pair.alice.flow_to(pair.bob),
            body=b"",
        )
    assert not pair.network.sent


@pytest.mark.parametrize("seed", range(12))
def test_a_call_survives_a_network_that_loses_a_third(seed: int) -> None:
    pair = Pair(Network(drops=lambda number, data: (number * 7919 + seed * 104729) % 10 < 3))
    leg = pair.alice.call(pair.bob)
    pair.network.run(20)
    (invite,) = pair.bob.told(IncomingInvite)
    pair.bob.endpoint.answer(invite.leg, ANSWER, pair.network.now)
    pair.network.run(20)
    assert len(pair.alice.told(Answered)) == 1
    assert pair.bob.told(Confirmed) == [Confirmed(invite.leg, None)]
    pair.bob.endpoint.bye(invite.leg, pair.network.now)
    pair.network.run(33)
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]
    assert len(pair.bob.told(Ended)) == 1
    assert pair.nothing_left()


def test_ipv6_addresses_are_bracketed() -> None:
    network = Network()
    alice, bob = Host(network, "2001:db8::1"), Host(network, "2001:db8::2")
    leg = alice.call(bob)
    network.run(0.1)
    bob.endpoint.answer(bob.told(IncomingInvite)[0].leg, ANSWER, network.now)
    network.run(0.1)
    assert b"Contact: <sip:offhook@[2001:db8::1]:5060>" in network.sent[0]
    alice.endpoint.bye(leg, network.now)
    network.run(0.1)
    assert bob.told(Ended)
