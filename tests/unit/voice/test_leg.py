"""A leg's offer and answer: when there is an agreement, and when it is told that there cannot be one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.media.protocol import LegOpened
from offhook.sdp import negotiate
from offhook.sdp.negotiate import NotAcceptable
from offhook.voice.leg import Destination, Leg

OURS, THEIRS = "192.0.2.1", "192.0.2.2"


class Worker:
    """A media worker that remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.remote: dict[str, Any] = {}

    async def open_leg(self, host: str) -> LegOpened:
        return LegOpened(1, OURS, 4000)

    def expect(self, leg: int) -> None:
        self.told.append("expect")

    def set_remote(self, leg: int, host: str, port: int, *arguments: Any, **more: Any) -> None:
        self.told.append("remote")
        self.remote = {"host": host, "port": port, **more}


def answer_to(offer: bytes) -> bytes:
    return negotiate.answer(offer, THEIRS, 5000, session_id=9).body


async def new_leg() -> tuple[Leg, Worker, list[bytes]]:
    """A leg, its worker, and the bodies that it has sent."""
    bodies: list[bytes] = []

    def invite(now: float, *, body: bytes, **_: Any) -> int:
        bodies.append(body)
        return 7

    endpoint = SimpleNamespace(
        invite=invite,
        answer=lambda leg, body, now, **_: bodies.append(body),
        call_id=lambda leg: "call@example",
        advertised=lambda flow: SimpleNamespace(host=OURS),
    )
    transports = SimpleNamespace(endpoint=endpoint, flush=lambda: None)
    worker = Worker()
    leg = Leg(cast(Any, transports), cast(Any, worker), 1)
    await leg.open(cast(Any, SimpleNamespace(local=SimpleNamespace(host=OURS))))
    return leg, worker, bodies


async def placed() -> tuple[Leg, Worker, bytes]:
    leg, worker, bodies = await new_leg()
    nobody = cast(Any, None)
    leg.place(Destination(nobody, "sip:b@example.com", nobody, nobody))
    return leg, worker, bodies[0]


async def test_answer_is_an_agreement() -> None:
    leg, worker, offer = await placed()
    assert not leg.agreed
    leg.answered(answer_to(offer))
    assert leg.agreed
    assert worker.remote["host"] == THEIRS
    assert worker.remote["heard"] == ((0, "PCMU"), (8, "PCMA"))
    assert worker.remote["dtmf_heard"] == (101,)
    assert "expect" in worker.told


async def test_answer_without_a_description_is_none() -> None:
    leg, _, _ = await placed()
    with pytest.raises(NotAcceptable):
        leg.answered(None)
    assert not leg.agreed


async def test_answer_may_have_come_early() -> None:
    leg, worker, offer = await placed()
    leg.answered(answer_to(offer))
    leg.answered(None)
    assert worker.told.count("remote") == 1


async def test_offer_that_was_answered_needs_no_more() -> None:
    leg, worker, bodies = await new_leg()
    leg.take(3, negotiate.offer(THEIRS, 5000, session_id=9))
    assert not leg.agreed
    leg.accept()
    assert leg.agreed
    assert worker.told == ["remote", "expect"]
    assert len(bodies) == 1
    leg.confirmed(None)
    leg.confirmed(b"whatever else an ACK holds")


async def test_late_offer_needs_its_answer() -> None:
    leg, worker, bodies = await new_leg()
    leg.take(3, None)
    leg.accept()
    assert (leg.agreed, worker.told) == (False, ["expect"])
    with pytest.raises(NotAcceptable):
        leg.confirmed(None)
    with pytest.raises(NotAcceptable):
        leg.confirmed(negotiate.offer("2001:db8::1", 5000, session_id=9))
    leg.confirmed(answer_to(bodies[0]))
    assert leg.agreed


async def test_offer_of_another_family_is_not_taken() -> None:
    leg, _, _ = await new_leg()
    with pytest.raises(NotAcceptable):
        leg.take(3, negotiate.offer("2001:db8::1", 5000, session_id=9))
