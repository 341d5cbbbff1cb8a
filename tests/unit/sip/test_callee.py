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
from offhook.sip.message import Request, Response
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

    def answers(self, cseq: str) -> list[Response]:
        """What Bob has answered to one request, such as "2 INVITE", repetitions included."""
        messages = map(parse_message, self.network.sent)
        return [m for m in messages if isinstance(m, Response) and m.get("CSeq") == cseq]

    def requests(self) -> list[str]:
        """The methods of what Bob has asked, repetitions included."""
        return [m.method for m in map(parse_message, self.network.sent) if isinstance(m, Request)]


class Invited(Lone):
    """Bob rings for a caller whose every message is written by hand."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.give(invite())
        (event,) = self.bob.told(IncomingInvite)
        self.leg = event.leg
        self.bob.endpoint.provisional(self.leg, 180, self.network.now)
        self.network.settle()
        self.tag = parse_message(self.network.sent[-1]).to.tag

    def ask(self, method: str, cseq: int, body: bytes = b"", extra: str = "") -> None:
        """Send a request in the dialog; CANCEL and INVITE of one number share their branch."""
        branch = f"z9hG4bK{'INVITE' if method == 'CANCEL' else method}{cseq}"
        data = invite(branch=branch, extra=extra, body=body, to=f";tag={self.tag}")
        head, _, rest = data.partition(b"\r\n\r\n")
        head = head.replace(b"INVITE sip", f"{method} sip".encode())
        self.give(head.replace(b"CSeq: 1 INVITE", f"CSeq: {cseq} {method}".encode()) + b"\r\n\r\n" + rest)

    def answer(self) -> None:
        self.bob.endpoint.answer(self.leg, ANSWER, self.network.now)
        self.network.settle()

    def nothing_left(self) -> bool:
        """Whether Bob has forgotten everything once all timers have run."""
        self.network.run(200)
        core = self.bob.endpoint._core
        return not (core.legs or core.transactions or core.dialogs or core.invites or core.timers.next())


class Talking(Invited):
    """Bob is in the call."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)
        self.answer()
        self.ask("ACK", 1)


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


def test_hanging_up_on_a_caller_who_has_not_acknowledged_yet_waits_for_the_ack() -> None:
    lone = Invited()
    lone.answer()
    lone.bob.endpoint.bye(lone.leg, lone.network.now, "Q.850;cause=16")
    lone.network.run(1)
    assert "BYE" not in lone.requests()
    lone.ask("ACK", 1)
    lone.network.run(0.1)
    bye = parse_message(lone.network.sent[-1])
    assert (bye.get("CSeq"), bye.get("Reason")) == ("1 BYE", "Q.850;cause=16")


def test_a_caller_who_hangs_up_instead_of_acknowledging_has_hung_up() -> None:
    lone = Invited()
    lone.answer()
    lone.ask("BYE", 2)
    assert lone.bob.told(Ended) == [Ended(lone.leg, "remote")]
    repeated = len(lone.answers("1 INVITE"))
    assert lone.nothing_left()
    assert len(lone.answers("1 INVITE")) == repeated


def test_a_call_that_is_not_taken_is_temporarily_unavailable() -> None:
    lone = Invited()
    assert lone.bob.endpoint.bye(lone.leg, lone.network.now) is True
    lone.network.settle()
    assert [answer.status for answer in lone.answers("1 INVITE")] == [100, 180, 480]
    assert lone.bob.told(Ended) == [Ended(lone.leg, "local")]
    assert lone.nothing_left()


def test_a_cancel_that_crosses_the_answer_leaves_the_call() -> None:
    lone = Invited()
    lone.answer()
    lone.give(invite(body=b"").replace(b"INVITE", b"CANCEL"))
    assert [answer.status for answer in lone.answers("1 CANCEL")] == [200]
    assert not lone.bob.told(Cancelled)
    lone.ask("ACK", 1)
    assert lone.bob.told(Confirmed) == [Confirmed(lone.leg, None)]


def test_a_second_invite_before_the_first_is_answered_may_come_later() -> None:
    """RFC 3261 section 14.2: 500, and a time to wait."""
    lone = Invited()
    lone.ask("INVITE", 2, OFFER)
    (refused,) = lone.answers("2 INVITE")
    assert refused.status == 500
    assert 0 <= int(refused.require("Retry-After")) <= 10
    lone.ask("ACK", 2)
    lone.answer()
    lone.ask("ACK", 1)
    assert lone.bob.told(Confirmed) == [Confirmed(lone.leg, None)]


@pytest.mark.parametrize("method", ["OPTIONS", "INFO"])
def test_a_request_in_the_call_that_says_nothing_is_answered(method: str) -> None:
    lone = Talking()
    lone.ask(method, 2)
    (answer,) = lone.answers(f"2 {method}")
    assert answer.status == 200
    assert ("INFO" in (answer.get("Allow") or "")) is (method == "OPTIONS")
    assert not lone.bob.told(Info)


def test_a_request_that_comes_out_of_order_is_refused_and_the_call_goes_on() -> None:
    lone = Talking()
    lone.ask("INFO", 5, b"Signal=1", "Content-Type: application/dtmf-relay\r\n")
    lone.ask("INFO", 4, b"Signal=2", "Content-Type: application/dtmf-relay\r\n")
    assert [answer.status for answer in lone.answers("4 INFO")] == [500]
    assert [event.body for event in lone.bob.told(Info)] == [b"Signal=1"]
    lone.ask("BYE", 6)
    assert lone.bob.told(Ended) == [Ended(lone.leg, "remote")]


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
    with pytest.raises(LocalProtocolError):
        pair.bob.endpoint.cancel(other, pair.network.now)
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.reject(leg, 486, pair.network.now)
    assert pair.bob.endpoint.answer_reinvite(other, ANSWER, pair.network.now) is False
    assert pair.alice.told(Answered)
    assert pair.alice.endpoint.call_id(leg) == pair.bob.endpoint.call_id(other)


def test_a_ringing_call_cannot_be_changed_yet() -> None:
    pair = Pair()
    leg, other = pair.ring()
    for host, mine in ((pair.alice, leg), (pair.bob, other)):
        with pytest.raises(LocalProtocolError, match="cannot be changed"):
            host.endpoint.reinvite(mine, OFFER, pair.network.now)


def test_commands_on_a_leg_that_is_over_do_nothing() -> None:
    """The event that says that it is over may not have been taken yet."""
    bob, now = Lone().bob.endpoint, 1000.0
    assert bob.provisional(99, 180, now) is False
    assert bob.answer(99, ANSWER, now) is False
    assert bob.reject(99, 486, now) is False
    assert bob.challenge(99, now) is False
    assert bob.cancel(99, now) is False
    assert bob.bye(99, now) is False
    assert bob.reinvite(99, OFFER, now) is False
    assert bob.answer_reinvite(99, ANSWER, now) is False
    assert bob.accept_register(99, "bob", now) is False
    assert bob.call_id(99) is None
    assert bob.actions() == []
