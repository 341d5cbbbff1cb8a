"""Calls with several targets: phones that ring together, trunks of which the next takes what the first cannot."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.sip.network import ANSWER, Host, Network

from offhook.sip.attempt import Target
from offhook.sip.digest import Credentials, Password
from offhook.sip.events import (
    Answered,
    Cancelled,
    Confirmed,
    Ended,
    Failed,
    IncomingInvite,
    Provisional,
    Rerouted,
    Trying,
)
from offhook.sip.flow import TCP

TO = "<sip:bob@biloxi.example>"


class Stage:
    """Alice, and three whom she calls."""

    def __init__(self, network: Network | None = None) -> None:
        self.network = network or Network()
        self.alice = Host(self.network, "192.0.2.1")
        self.others = [Host(self.network, f"192.0.2.{number}") for number in (2, 3, 4)]

    def target(self, number: int, transport: str = "UDP", **fields: Any) -> Target:
        host = self.others[number]
        uri = f"sip:bob@{host.address.host}"
        return Target(uri, TO, self.alice.flow_to(host, transport), **fields)

    def call(self, **arguments: Any) -> int:
        leg = self.alice.call(self.others[0], **arguments)
        self.network.run(0.1)
        return leg

    def legs(self, number: int) -> list[int]:
        return [event.leg for event in self.others[number].told(IncomingInvite)]

    def refuse(self, number: int, status: int) -> None:
        self.others[number].endpoint.reject(self.legs(number)[-1], status, self.network.now)
        self.network.run(0.1)

    def ring(self, number: int) -> None:
        self.others[number].endpoint.provisional(self.legs(number)[-1], 180, self.network.now)
        self.network.run(0.1)

    def answer(self, number: int) -> None:
        self.others[number].endpoint.answer(self.legs(number)[-1], ANSWER, self.network.now)
        self.network.run(0.1)

    def nothing_left(self) -> bool:
        self.network.run(200)
        return all(
            not host.endpoint._core.legs
            and not host.endpoint._core.transactions
            and host.endpoint.next_timer() is None
            for host in (self.alice, *self.others)
        )


# One after the other


def test_a_trunk_that_says_503_is_followed_by_the_next() -> None:
    stage = Stage()
    leg = stage.call(otherwise=[stage.target(1), stage.target(2)])
    stage.refuse(0, 503)
    assert [(event.status, event.source) for event in stage.alice.told(Rerouted)] == [(503, "remote")]
    assert stage.legs(1)
    assert not stage.legs(2)
    first, second = (host.told(IncomingInvite)[0].request for host in stage.others[:2])
    assert (first.call_id, first.from_.tag) == (second.call_id, second.from_.tag)
    assert second.uri == "sip:bob@192.0.2.3"
    stage.answer(1)
    assert [event.leg for event in stage.alice.told(Answered)] == [leg]
    stage.alice.endpoint.bye(leg, stage.network.now)
    stage.network.run(0.1)
    assert stage.others[1].told(Ended)
    assert not stage.alice.told(Failed)
    assert stage.nothing_left()


def unheard_at_first() -> Network:
    """A network that carries no response in the time in which the first trunk is waited for."""
    network = Network(drops=lambda number, data: network.now < 1003.9 and data.startswith(b"SIP/2.0"))
    return network


def test_a_silent_trunk_is_followed_by_the_next_and_cancelled_when_it_speaks() -> None:
    stage = Stage(unheard_at_first())
    stage.call(otherwise=[stage.target(1)])
    stage.network.run(4)
    (rerouted,) = stage.alice.told(Rerouted)
    assert rerouted.source == "timeout"
    assert "192.0.2.2:5060 over UDP did not answer at all" in rerouted.detail
    stage.answer(1)
    assert stage.alice.told(Answered)
    stage.ring(0)
    assert stage.others[0].told(Cancelled)
    stage.network.run(30)
    assert not stage.alice.told(Failed)
    stage.others[1].endpoint.bye(stage.legs(1)[0], stage.network.now)
    assert stage.nothing_left()


def test_an_answer_of_a_trunk_that_was_given_up_is_hung_up() -> None:
    stage = Stage(unheard_at_first())
    leg = stage.call(otherwise=[stage.target(1)])
    stage.network.run(4)
    stage.answer(1)
    stage.answer(0)
    stage.network.run(2)
    assert [event.leg for event in stage.alice.told(Answered)] == [leg]
    assert [type(event) for event in stage.others[0].events][-2:] == [Confirmed, Ended]
    stage.alice.endpoint.bye(leg, stage.network.now)
    assert stage.nothing_left()


def test_a_trunk_that_was_given_up_is_sent_nothing_more() -> None:
    network = Network(drops=lambda number, data: data.startswith(b"INVITE sip:bob@biloxi.example"))
    stage = Stage(network)
    stage.call(otherwise=[stage.target(1)])
    network.run(4)
    assert stage.alice.told(Rerouted)
    sent = network.sent.count(network.sent[0])
    stage.answer(1)
    network.run(40)
    assert network.sent.count(network.sent[0]) == sent > 1
    stage.others[1].endpoint.bye(stage.legs(1)[0], network.now)
    assert stage.nothing_left()


def test_a_trunk_that_cannot_be_reached_is_followed_by_the_next_at_once() -> None:
    stage = Stage(Network(drops=lambda number, data: b"/TCP" in data))
    stage.call(transport=TCP, otherwise=[stage.target(1)])
    stage.alice.endpoint.flow_closed(stage.alice.flow_to(stage.others[0], TCP), stage.network.now)
    stage.network.run(0.1)
    assert [event.source for event in stage.alice.told(Rerouted)] == ["transport"]
    stage.answer(1)
    assert stage.alice.told(Answered)


@pytest.mark.parametrize("status", [404, 486, 480, 500, 603, 302])
def test_a_trunk_that_says_no_is_believed(status: int) -> None:
    stage = Stage()
    stage.call(otherwise=[stage.target(1)])
    stage.refuse(0, status)
    assert [event.status for event in stage.alice.told(Failed)] == [status]
    assert not stage.legs(1)
    assert stage.nothing_left()


def test_the_last_trunk_decides() -> None:
    stage = Stage()
    stage.call(otherwise=[stage.target(1)])
    stage.refuse(0, 503)
    stage.refuse(1, 503)
    assert [(event.status, event.source) for event in stage.alice.told(Failed)] == [(503, "remote")]
    assert stage.nothing_left()


def test_nobody_is_called_after_a_cancel() -> None:
    stage = Stage()
    leg = stage.call(otherwise=[stage.target(1)])
    stage.alice.endpoint.cancel(leg, stage.network.now)
    stage.network.run(40)
    assert [event.status for event in stage.alice.told(Failed)] == [487]
    assert not stage.legs(1)
    assert stage.nothing_left()


def test_rows_of_the_call_go_to_all_and_rows_of_a_target_to_it_alone() -> None:
    stage = Stage()
    stage.call(
        headers=[("X-Call", "7")],
        beside=[stage.target(1, headers=(("X-Target", "1"),))],
        otherwise=[stage.target(2)],
    )
    for number in (0, 1):
        stage.refuse(number, 503)
    asked = [host.told(IncomingInvite)[0].request for host in stage.others]
    assert [request.get("X-Call") for request in asked] == ["7", "7", "7"]
    assert [request.get("X-Target") for request in asked] == [None, "1", None]


def test_each_trunk_is_told_its_own_password() -> None:
    stage = Stage()
    credentials = Credentials("second", "secret")
    stage.call(
        credentials=Credentials("first", "secret"), otherwise=[stage.target(1, credentials=credentials)]
    )
    stage.refuse(0, 503)
    bob = stage.others[1].endpoint
    bob.challenge(stage.legs(1)[0], stage.network.now)
    stage.network.run(0.1)
    proof = stage.others[1].told(IncomingInvite)[1].request
    assert bob.verify(proof, {"second": Password("secret")}.get, stage.network.now) == "second"


# At the same time


def test_all_phones_ring_and_the_first_to_answer_has_the_call() -> None:
    stage = Stage()
    leg = stage.call(beside=[stage.target(1), stage.target(2)])
    for number in range(3):
        stage.ring(number)
    assert len(stage.alice.told(Provisional)) == 3
    stage.answer(1)
    assert [event.leg for event in stage.alice.told(Answered)] == [leg]
    assert all(stage.others[number].told(Cancelled) for number in (0, 2))
    stage.alice.endpoint.bye(leg, stage.network.now)
    stage.network.run(0.1)
    assert stage.others[1].told(Ended)
    assert [event.source for event in stage.alice.told(Ended)] == ["local"]
    assert stage.nothing_left()


def test_two_answers_at_once_leave_one_call() -> None:
    stage = Stage()
    leg = stage.call(beside=[stage.target(1)])
    for number in (0, 1):
        stage.others[number].endpoint.answer(stage.legs(number)[0], ANSWER, stage.network.now)
    stage.network.run(1)
    assert [event.leg for event in stage.alice.told(Answered)] == [leg]
    assert sum(bool(host.told(Ended)) for host in stage.others) == 1
    stage.alice.endpoint.bye(leg, stage.network.now)
    assert stage.nothing_left()


@pytest.mark.parametrize(
    ("statuses", "expected"), [((480, 486, 404), 480), ((500, 480, 486), 480), ((503, 503, 486), 486)]
)
def test_the_best_refusal_of_all_phones_is_told_last(statuses: tuple[int, ...], expected: int) -> None:
    stage = Stage()
    stage.call(beside=[stage.target(1), stage.target(2)])
    for number, status in enumerate(statuses):
        assert not stage.alice.told(Failed)
        stage.refuse(number, status)
    assert [event.status for event in stage.alice.told(Failed)] == [expected]
    assert stage.nothing_left()


def test_a_decline_is_everybodys() -> None:
    stage = Stage()
    stage.call(beside=[stage.target(1)])
    stage.ring(1)
    stage.refuse(0, 603)
    assert [event.status for event in stage.alice.told(Failed)] == [603]
    assert stage.others[1].told(Cancelled)
    assert stage.nothing_left()


def test_a_cancel_reaches_all_that_ring() -> None:
    stage = Stage()
    leg = stage.call(beside=[stage.target(1), stage.target(2)])
    stage.ring(1)
    stage.alice.endpoint.cancel(leg, stage.network.now)
    stage.network.run(0.2)
    assert all(host.told(Cancelled) for host in stage.others)
    assert [event.status for event in stage.alice.told(Failed)] == [487]
    assert stage.nothing_left()


# Whether anybody is there


def test_a_peer_that_works_on_the_call_is_told_apart_from_one_that_is_silent() -> None:
    stage = Stage()
    leg = stage.call()
    assert stage.alice.told(Trying) == [Trying(leg)]
    silent = Stage(Network(drops=lambda number, data: True))
    silent.call()
    silent.network.run(33)
    (failed,) = silent.alice.told(Failed)
    assert (failed.status, failed.source) == (408, "timeout")
    assert failed.detail == "192.0.2.2:5060 over UDP did not answer at all"
    assert not silent.alice.told(Trying)
