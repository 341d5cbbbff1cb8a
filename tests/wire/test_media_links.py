"""Links between two media workers, over real sockets: relayed at both, keys told of once, and mixed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from tests.harness.media import Phone, Worker, as_ulaw, connect_leg, find, media_worker, speech
from tests.harness.waiting import eventually

from offhook.media import protocol
from offhook.voice.links import Link

SILENCE = np.zeros(160, dtype=np.int16)


@dataclass
class Side:
    """A worker, a phone, and the phone's leg there, which has heard it."""

    worker: Worker
    phone: Phone
    leg: int


@asynccontextmanager
async def two_sides() -> AsyncIterator[tuple[Side, Side]]:
    async with AsyncExitStack() as stack:
        sides = []
        for ssrc in (0xA, 0xB):
            worker = await stack.enter_async_context(media_worker())
            phone = await Phone.open(ssrc)
            stack.callback(phone.close)
            leg = await connect_leg(worker, phone)
            await phone.talk(SILENCE)
            await worker.event(protocol.FirstPacket)
            sides.append(Side(worker, phone, leg))
        yield sides[0], sides[1]


async def relayed(*sides: Side) -> bool:
    """Whether each side's leg and its end of the link are, once each phone has said something more."""
    for side in sides:
        await side.phone.talk(SILENCE)
    return all([(await side.worker.client.load()).relayed == 2 for side in sides])


async def test_a_link_is_relayed_at_both_workers_and_changes_nothing() -> None:
    said = speech(0.4)
    async with two_sides() as (a, b):
        link = Link(a.worker.client, b.worker.client)
        a.worker.client.bridge(a.leg, link.near.number)
        b.worker.client.bridge(b.leg, link.far.number)
        await eventually(lambda: relayed(a, b))
        await a.phone.talk(said)
        await a.phone.press(10)
        digit = await a.worker.event(protocol.Digit)
        await a.phone.talk(SILENCE)
        await b.phone.until(lambda: bool(b.phone.keys()) and b.phone.packets[-1].payload_type == 0)
        await b.worker.client.stats(b.leg)
        told = [event for event in b.worker.of(protocol.Digit) if event.leg == b.leg]
        link.close()
        assert [(await side.worker.client.load()).legs for side in (a, b)] == [1, 1]
    assert digit == protocol.Digit(a.leg, "*", "rfc4733")
    assert told == []
    assert find(b.phone.heard(), as_ulaw(said)) >= 0
    assert len(b.phone.keys()) == 7
    sequences = [packet.sequence for packet in b.phone.packets]
    assert all((y - x) & 0xFFFF == 1 for x, y in pairwise(sequences))


async def test_a_room_hears_and_is_heard_through_a_link() -> None:
    said = speech(0.5)
    async with two_sides() as (a, b):
        room = await a.worker.client.open_room()
        link = Link(b.worker.client, a.worker.client)
        a.worker.client.mix(room, a.leg)
        a.worker.client.mix(room, link.far.number)
        b.worker.client.bridge(b.leg, link.near.number)
        await eventually(lambda: relayed(b))
        for one, other in ((a, b), (b, a)):
            await one.phone.talk(said)
            # What the mixer passes is coded once more by the µ-law, which changes nothing.
            await other.phone.received(len(other.phone.packets) + 30)
            assert find(other.phone.heard(), as_ulaw(said)[1600:2400]) >= 0
        link.close()


async def test_a_worker_that_is_full_leaves_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async with media_worker(4) as small, media_worker() as other:
        await small.client.open_leg()
        await small.client.open_leg()
        link = Link(small.client, other.client)

        async def told() -> bool:
            return "every RTP port is in use" in caplog.text

        await eventually(told)
        link.close()
        assert small.client.legs == 2
