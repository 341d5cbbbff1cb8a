"""Being called: ringing, answering, hanging up, and callers that misbehave."""

from __future__ import annotations

import pytest
from tests.unit.sip.network import ANSWER, OFFER, Host, Network
from tests.unit.sip.test_caller import Pair

from offhook.errors import LocalProtocolError
from offhook.sip.events import (
    AckTimeout,
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Failed,
    IncomingInvite,
    Info,
)
from offhook.sip.message import Response
from offhook.sip.parser import parse_message


def invite(*, branch: str = "z9hG4bK1", extra: str = "", body: bytes = OFFER, to: str = "") -> bytes:
    """An INVITE as a peer at 192.0.2.1 writes it."""
    kind = "Content-Type: application/sdp\r\n" if body and "Content-Type" not in extra else ""
    head = (
        "INVITE sip:bob@192.0.2.2 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch}\r\n"
        f"From: <sip:alice@192.0.2.1>;tag=a\r\nTo: <sip:bob@192.0.2.2>{to}\r\n"
        "Call-ID: c1\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@192.0.2.1>\r\n"
        f"{extra}{kind}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Lone:
    """Bob alone, with a wire to write on."""

    def __init__(self, **settings: object) -> None:
        self.network = Network()
        self.peer = Host(self.network, "192.0.2.1")
        self.bob = Host(self.network, "192.0.2.2", **settings)
        del self.network.hosts[self.peer.address]

    def give(self, data: bytes) -> None:
        self.bob.endpoint.receive(data, self.bob.flow_to(self.peer), self.network.now)
        self.network.settle()

    def statuses(self) -> list[int]:
        return [m.status for m in map(parse_message, self.network.sent) if isinstance(m, Response)]


def test_the_callee_hangs_up() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.bob.endpoint.bye(other, pair.network.now)
    pair.network.run(0.1)
    assert pair.bob.told(Ended) == [Ended(other, "local")]
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]
    assert pair.nothing_left()


def test_both_hang_up_at_once() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.bye(leg, pair.network.now)
    pair.bob.endpoint.bye(other, pair.network.now)
    pair.network.run(1)
    assert len(pair.alice.told(Ended)) == len(pair.bob.told(Ended)) == 1
    assert pair.nothing_left()


def test_bye_before_the_ack_waits_for_it() -> None:
    pair = Pair()
    _, other = pair.ring()
    pair.bob.endpoint.answer(other, ANSWER, pair.network.now)
    pair.bob.endpoint.bye(other, pair.network.now)
    pair.network.settle()
    assert not [line for line in pair.bob.sent() if line.startswith("BYE")]
    pair.network.run(0.1)
    assert pair.bob.told(Ended) == [Ended(other, "local")]
    assert pair.alice.told(Ended)


def test_no_ack_ends_the_call_after_64_t1() -> None:
    pair = Pair(Network(drops=lambda number, data: data.startswith(b"ACK")))
    leg, other = pair.ring()
    pair.bob.endpoint.answer(other, ANSWER, pair.network.now)
    pair.network.run(31.9)
    assert not pair.bob.told(AckTimeout)
    # 0.5, 1.5, 3.5, then each 4 s: the 2xx is repeated by the user agent on any transport.
    assert pair.bob.sent().count("200 OK") == 11
    pair.network.run(0.2)
    assert pair.bob.told(AckTimeout) == [AckTimeout(other)]
    assert pair.alice.told(Ended) == [Ended(leg, "remote")]
    assert not pair.bob.told(Ended)
    assert pair.nothing_left()


def test_the_offer_may_come_with_the_answer() -> None:
    lone = Lone()
    lone.give(invite(body=b""))
    (event,) = lone.bob.told(IncomingInvite)
    assert event.sdp is None
    lone.bob.endpoint.answer(event.leg, OFFER, lone.network.now)
    lone.network.settle()
    tag = parse_message(lone.network.sent[-1]).to.tag
    ack = invite(branch="z9hG4bK2", to=f";tag={tag}", body=ANSWER).replace(b"INVITE", b"ACK")
    lone.give(ack)
    assert lone.bob.told(Confirmed) == [Confirmed(event.leg, ANSWER)]


def test_a_ringing_call_says_so_each_minute() -> None:
    pair = Pair()
    pair.ring()
    pair.network.run(125)
    assert pair.bob.sent().count("180 Ringing") == 3


def test_an_invite_that_expires_is_given_up() -> None:
    lone = Lone()
    lone.give(invite(extra="Expires: 3\r\n"))
    lone.network.run(3.1)
    (event,) = lone.bob.told(Cancelled)
    assert event.reason is None
    assert lone.statuses()[:2] == [100, 487]


def test_bye_on_a_ringing_call_cancels_it() -> None:
    lone = Lone()
    lone.give(invite())
    (event,) = lone.bob.told(IncomingInvite)
    lone.bob.endpoint.provisional(event.leg, 180, lone.network.now)
    lone.network.settle()
    tag = parse_message(lone.network.sent[-1]).to.tag
    bye = invite(branch="z9hG4bK2", to=f";tag={tag}", body=b"").replace(b"INVITE", b"BYE")
    lone.give(bye.replace(b"CSeq: 1", b"CSeq: 2"))
    assert lone.bob.told(Cancelled) == [Cancelled(event.leg, None)]
    assert sorted(lone.statuses()) == [100, 180, 200, 487]


def test_a_retransmitted_invite_is_not_a_second_call() -> None:
    lone = Lone()
    lone.give(invite())
    lone.give(invite())
    assert len(lone.bob.told(IncomingInvite)) == 1
    assert lone.statuses() == [100, 100]


def test_a_copy_by_another_way_is_merged() -> None:
    lone = Lone()
    lone.give(invite())
    lone.give(invite(branch="z9hG4bKother"))
    assert len(lone.bob.told(IncomingInvite)) == 1
    assert lone.statuses() == [100, 482]


def test_our_own_invite_come_back_is_a_loop() -> None:
    network = Network()
    alice = Host(network, "192.0.2.1")
    alice.call(alice)
    network.run(1)
    assert [event.status for event in alice.told(Failed)] == [482]


@pytest.mark.parametrize(
    ("extra", "body", "status"),
    [
        ("Max-Forwards: 0\r\n", OFFER, 483),
        ("Require: 100rel, timer\r\n", OFFER, 420),
        ("Content-Type: text/plain\r\n", b"hello", 415),
        ("Content-Encoding: gzip\r\n", OFFER, 415),
        ("Accept: text/plain\r\n", OFFER, 406),
        ("Contact: <sip:two@192.0.2.1>\r\n", OFFER, 400),
    ],
)
def test_what_cannot_be_taken_is_refused(extra: str, body: bytes, status: int) -> None:
    lone = Lone()
    lone.give(invite(extra=extra, body=body))
    assert lone.statuses() == [status]
    assert not lone.bob.told(IncomingInvite)


def test_of_two_contacts_the_sip_one_is_taken() -> None:
    lone = Lone()
    lone.give(invite(extra="Contact: <tel:+15550100>\r\n"))
    (event,) = lone.bob.told(IncomingInvite)
    lone.bob.endpoint.answer(event.leg, ANSWER, 1.0)
    assert lone.bob.endpoint._core.legs[event.leg].confirmed_dialog.target == "sip:alice@192.0.2.1"


def test_an_optional_body_of_another_kind_is_ignored() -> None:
    lone = Lone()
    extra = "Content-Type: text/plain\r\nContent-Disposition: session;handling=optional\r\n"
    lone.give(invite(extra=extra, body=b"hello"))
    (event,) = lone.bob.told(IncomingInvite)
    assert event.sdp is None


def test_too_many_calls_are_turned_away() -> None:
    lone = Lone(max_legs=1)
    lone.give(invite())
    lone.give(invite(branch="z9hG4bK2").replace(b"Call-ID: c1", b"Call-ID: c2"))
    assert lone.statuses() == [100, 503]


@pytest.mark.parametrize("method", ["BYE", "INFO", "CANCEL"])
def test_a_request_for_no_call_is_answered_481(method: str) -> None:
    lone = Lone()
    lone.give(invite(body=b"", to=";tag=none").replace(b"INVITE", method.encode()))
    assert lone.statuses() == [481]


@pytest.mark.parametrize("method", ["UPDATE", "PRACK", "REFER", "MESSAGE", "SUBSCRIBE"])
def test_methods_of_other_rfcs_are_not_allowed(method: str) -> None:
    lone = Lone()
    lone.give(invite(body=b"").replace(b"INVITE", method.encode()))
    assert lone.statuses() == [405]


def test_a_stray_ack_is_ignored() -> None:
    lone = Lone()
    lone.give(invite(to=";tag=none").replace(b"INVITE", b"ACK"))
    assert lone.statuses() == []


def test_responses_go_to_the_source_port_with_rport_and_to_sent_by_without() -> None:
    lone = Lone()
    behind_nat = lone.bob.flow_to(lone.peer)._replace(remote=lone.peer.address._replace(port=40000))
    lone.bob.endpoint.receive(invite().replace(b";branch", b";rport;branch"), behind_nat, 1.0)
    lone.bob.endpoint.receive(invite(branch="z9hG4bK2").replace(b"c1", b"c2"), behind_nat, 1.0)
    first, second = lone.bob.endpoint.actions()
    assert (first.flow.remote.port, second.flow.remote.port) == (40000, 5060)
    assert b";received=192.0.2.1;rport=40000" in getattr(first, "data", b"")


def test_requests_in_the_dialog_follow_the_record_route() -> None:
    lone = Lone()
    routes = "Record-Route: <sip:192.0.2.9:5070;lr>\r\nRecord-Route: <sip:192.0.2.10;lr>\r\n"
    lone.give(invite(extra=routes))
    (event,) = lone.bob.told(IncomingInvite)
    lone.bob.endpoint.answer(event.leg, ANSWER, lone.network.now)
    lone.network.settle()
    response = parse_message(lone.network.sent[-1])
    assert len(response.get_all("Record-Route")) == 2
    lone.give(invite(branch="z9hG4bK2", to=f";tag={response.to.tag}", body=b"").replace(b"INVITE", b"ACK"))
    lone.bob.endpoint.bye(event.leg, lone.network.now)
    (bye,) = lone.bob.endpoint.actions()
    assert bye.flow.remote == ("192.0.2.9", 5070)
    assert b"Route: <sip:192.0.2.9:5070;lr>\r\nRoute: <sip:192.0.2.10;lr>" in getattr(bye, "data", b"")


def test_digits_in_info_are_told() -> None:
    pair = Pair()
    leg, other = pair.connect()
    session = pair.alice.endpoint._core.legs[leg]
    body = b"Signal=5\r\nDuration=160\r\n"
    session.request("INFO", pair.network.now, (("Content-Type", "application/dtmf-relay"),), body)
    pair.network.run(0.1)
    assert pair.bob.told(Info) == [Info(other, "application/dtmf-relay", body)]


def test_commands_that_the_state_forbids_are_defects() -> None:
    pair = Pair()
    leg, other = pair.connect()
    with pytest.raises(LocalProtocolError):
        pair.bob.endpoint.answer(other, ANSWER, pair.network.now)
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.answer(leg, ANSWER, pair.network.now)
    assert pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now) is False
    assert pair.alice.told(Answered)
    assert pair.bob.endpoint.bye(99, pair.network.now) is False
    assert pair.alice.endpoint.call_id(leg) == pair.bob.endpoint.call_id(other)
