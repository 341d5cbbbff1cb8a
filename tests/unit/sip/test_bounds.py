"""What strangers can make an endpoint keep, and what a call leaves behind."""

from __future__ import annotations

import gc

import pytest
from tests.unit.sip.network import ANSWER, Host, Network, tokens

from offhook.sip.attempt import Target
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import Ended, Failed, IncomingInvite, Notified, Referred, Refused, Reinvite
from offhook.sip.flow import TCP, UDP, Address, Close, Flow, Send

FLOW = Flow(UDP, Address("192.0.2.1", 5060), Address("203.0.113.9", 5060))


def invite(number: int, size: int) -> bytes:
    """An INVITE with a body of `size` octets."""
    body = b"v=0\r\n" + b"a" * size
    return (
        "INVITE sip:x@192.0.2.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@b>;tag={number}\r\nTo: <sip:x@192.0.2.1>\r\nCall-ID: {number}\r\nCSeq: 1 INVITE\r\n"
        f"Contact: <sip:a@203.0.113.9>\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def flooded(count: int, *, challenge: bool, **settings: object) -> tuple[Endpoint, list[bytes]]:
    """An endpoint after `count` INVITEs of 56 kB, and the last answers."""
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s", **settings), tokens("t"))  # type: ignore[arg-type]
    answers: list[bytes] = []
    for number in range(count):
        endpoint.receive(invite(number, 56_000), FLOW, 1.0)
        for event in endpoint.events():
            if challenge and isinstance(event, IncomingInvite):
                endpoint.challenge(event.leg, 1.0)
        answers = [action.data for action in endpoint.actions() if isinstance(action, Send)]
    return endpoint, answers


def test_refused_requests_are_kept_without_their_bodies() -> None:
    endpoint, answers = flooded(500, challenge=True)
    table = endpoint._core.transactions
    assert answers[-1].startswith(b"SIP/2.0 401")
    assert table.octets < 500 * 3_000
    assert max(len(item.request.body) for item in table._transactions.values()) == 0  # type: ignore[attr-defined]
    endpoint.tick(100.0)
    assert (table.octets, len(table)) == (0, 0)


def test_requests_beyond_the_limit_are_answered_503_and_forgotten() -> None:
    endpoint, answers = flooded(100, challenge=False, max_transaction_octets=1_000_000)
    assert answers[-1].startswith(b"SIP/2.0 503")
    assert b"Retry-After: " in answers[-1]
    assert endpoint._core.transactions.octets < 1_060_000
    assert len(endpoint._core.legs) < 20
    endpoint.receive(invite(1000, 10), FLOW, 1.0)
    assert [event.status for event in endpoint.events() if isinstance(event, Refused)] == [503]


def test_streams_hold_only_so_much_of_what_is_incomplete() -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s", max_partial_octets=100_000), tokens("t"))
    closed = []
    for port, octets in ((1, 1_000), *((port, 20_000 + port) for port in range(2, 9))):
        flow = Flow(TCP, FLOW.local, Address("203.0.113.9", port))
        endpoint.receive(invite(port, 60_000)[:octets], flow, 1.0)
        closed += [action.flow.remote.port for action in endpoint.actions() if isinstance(action, Close)]
        if len(closed) == 2:
            break
    # Whoever holds most has to go, not whoever comes when there is no more room.
    assert closed == [6, 7]
    assert endpoint._reception._partial == 1_000 + 20_002 + 20_003 + 20_004 + 20_005


def test_a_flood_does_not_keep_a_call_from_being_ended() -> None:
    network = Network()
    alice, bob = Host(network, "192.0.2.1"), Host(network, "192.0.2.2", max_transaction_octets=50_000)
    leg = alice.call(bob, transport=UDP)
    network.run(0.1)
    bob.endpoint.answer(bob.told(IncomingInvite)[0].leg, ANSWER, network.now)
    network.run(0.1)
    for number in range(5):
        bob.endpoint.receive(invite(number, 20_000), FLOW, network.now)
    assert bob.endpoint._core.transactions.full(in_dialog=False)
    alice.endpoint.bye(leg, network.now)
    network.run(0.1)
    assert bob.told(Ended)


def test_what_is_kept_of_an_answered_request_counts() -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), tokens("t"))
    rows = b"".join(b"Via: SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK%s\r\n" % (b"x" * 4_000) for _ in range(10))
    endpoint.receive(invite(1, 10).replace(b"Max-Forwards", rows + b"Max-Forwards"), FLOW, 1.0)
    (event,) = [event for event in endpoint.events() if isinstance(event, IncomingInvite)]
    endpoint.challenge(event.leg, 1.0)
    # The rows are kept for later messages to be matched with, and so is the answer, which repeats them.
    assert endpoint._core.transactions.octets > 80_000


def test_of_what_is_refused_the_oldest_is_forgotten() -> None:
    endpoint, answers = flooded(100, challenge=True, max_settled_octets=50_000)
    table = endpoint._core.transactions
    assert table._settled_octets <= 50_000
    assert len(table) == len(table._settled) < 30
    # A copy of what is known is answered with the same, one of what is forgotten anew.
    endpoint.receive(invite(99, 56_000), FLOW, 1.0)
    assert [action.data for action in endpoint.actions() if isinstance(action, Send)] == answers[-1:]
    endpoint.receive(invite(0, 56_000), FLOW, 1.0)
    (event,) = [event for event in endpoint.events() if isinstance(event, IncomingInvite)]
    assert endpoint.challenge(event.leg, 1.0)
    assert table._settled_octets <= 50_000
    endpoint.tick(100.0)
    assert (table.octets, table._settled_octets, len(table)) == (0, 0, 0)


def test_what_is_forgotten_is_no_call() -> None:
    network = Network()
    alice, bob = Host(network, "192.0.2.1"), Host(network, "192.0.2.2", max_settled_octets=5_000)
    leg = alice.call(bob, transport=UDP)
    network.run(0.1)
    for number in range(20):
        bob.endpoint.receive(invite(number, 10).replace(b"INVITE", b"OPTIONS"), FLOW, network.now)
    bob.endpoint.answer(bob.told(IncomingInvite)[0].leg, ANSWER, network.now)
    network.run(1)
    alice.endpoint.bye(leg, network.now)
    network.run(0.1)
    assert bob.told(Ended)


def test_a_message_has_only_so_many_hops() -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), tokens("t"))
    for number, (name, value) in enumerate(
        (
            ("Via", "SIP/2.0/UDP a"),
            ("Record-Route", "<sip:a;lr>"),
            ("Route", "<sip:a;lr>"),
            ("Contact", "<sip:a@b>"),
        )
    ):
        rows = f"{name}: {', '.join([value] * 100)}\r\n" * 3
        endpoint.receive(
            invite(number, 10).replace(b"Max-Forwards", rows.encode() + b"Max-Forwards"), FLOW, 1.0
        )
        assert [event.status for event in endpoint.events() if isinstance(event, Refused)] == [400]


class Calls:
    """Whole calls, which leave nothing that only the garbage collector can free."""

    def __init__(self) -> None:
        self.network = Network()
        self.alice, self.bob, self.carol = (
            Host(self.network, f"192.0.2.{last}", transfers=True) for last in (1, 2, 3)
        )

    def forget(self) -> None:
        self.network.run(200)
        for host in (self.alice, self.bob, self.carol):
            host.events.clear()
            host.log.clear()
        self.network.sent.clear()

    def answered(self, transport: str) -> None:
        leg = self.alice.call(self.bob, transport=transport)
        self.network.run(0.1)
        other = self.bob.told(IncomingInvite)[0].leg
        self.bob.endpoint.provisional(other, 180, self.network.now)
        self.bob.endpoint.answer(other, ANSWER, self.network.now)
        self.network.run(0.1)
        self.alice.endpoint.reinvite(leg, ANSWER, self.network.now)
        self.network.run(0.1)
        assert self.bob.told(Reinvite)
        self.bob.endpoint.answer_reinvite(other, ANSWER, self.network.now)
        self.network.run(0.1)
        self.alice.endpoint.bye(leg, self.network.now)
        self.network.run(0.1)
        assert self.bob.told(Ended)

    def transferred(self, transport: str) -> None:
        """Alice refers Bob to Carol, who takes Alice's place."""
        leg = self.alice.call(self.bob, transport=transport)
        self.network.run(0.1)
        (invited,) = self.bob.told(IncomingInvite)
        self.bob.endpoint.answer(invited.leg, ANSWER, self.network.now)
        self.network.run(0.1)
        self.alice.endpoint.refer(leg, "sip:carol@192.0.2.3", self.network.now)
        self.network.run(0.1)
        assert self.bob.told(Referred)
        self.bob.endpoint.accept_refer(invited.leg, self.network.now)
        self.bob.endpoint.notify_refer(invited.leg, 200, "OK", self.network.now)
        self.network.run(0.1)
        assert [told.over for told in self.alice.told(Notified)] == [False, True]
        request = invited.request
        remote = self.bob.endpoint._core.legs[invited.leg].local_tag
        replaces = f"{request.call_id};to-tag={remote};from-tag={request.from_.tag}"
        self.carol.call(self.bob, transport=transport, headers=[("Replaces", replaces)])
        self.network.run(0.1)
        last = self.bob.told(IncomingInvite)[-1]
        assert last.replaces == invited.leg
        self.bob.endpoint.answer(last.leg, ANSWER, self.network.now)
        self.bob.endpoint.bye(invited.leg, self.network.now)
        self.network.run(0.1)
        self.bob.endpoint.bye(last.leg, self.network.now)
        self.network.run(0.1)
        assert self.alice.told(Ended)
        assert self.carol.told(Ended)

    def refused(self, transport: str) -> None:
        self.alice.call(self.bob, transport=transport)
        self.network.run(0.1)
        self.bob.endpoint.challenge(self.bob.told(IncomingInvite)[0].leg, self.network.now)
        self.network.run(0.1)
        assert self.alice.told(Failed)

    def cancelled(self, transport: str) -> None:
        target = Target("sip:carol@x", "<sip:carol@x>", self.alice.flow_to(self.carol, transport))
        leg = self.alice.call(self.bob, transport=transport, beside=[target])
        self.network.run(0.1)
        self.alice.endpoint.cancel(leg, self.network.now)
        self.network.run(0.1)
        assert self.alice.told(Failed)

    def lost(self, transport: str) -> None:
        self.network.drops = lambda number, data: True
        self.alice.call(self.bob, transport=transport)
        self.network.run(40)
        assert self.alice.told(Failed)


@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("kind", ["answered", "transferred", "refused", "cancelled", "lost"])
def test_a_finished_call_leaves_no_cycle(kind: str, transport: str) -> None:
    calls = Calls()
    getattr(calls, kind)(transport)
    calls.forget()
    drops = calls.network.drops
    calls.network.drops = lambda number, data: False
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        getattr(calls, kind)(transport)
        calls.forget()
        gc.collect()
        left = [type(item).__name__ for item in gc.garbage if type(item).__module__.startswith("offhook.sip")]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
        calls.network.drops = drops
    assert left == []
