"""The longer faults (`make soak`): many deaths in a row, and calls whose far end has vanished."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.running import ANY_PORTS, Running
from tests.fault.traffic import Texts, Traffic, kill, process_with
from tests.harness.smsc import Smsc
from tests.harness.webhook_app import WebhookApp

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

ROLES = ("voice", "media", "streams", "messaging", "api")
STORES = ("postgres", "nats")
ROUNDS = 12


@pytest.fixture
def app() -> Iterator[WebhookApp]:
    with WebhookApp() as serving:
        yield serving


async def test_calls_whose_phones_vanished_end_by_themselves(tmp_path: Path, app: WebhookApp) -> None:
    running = await asyncio.to_thread(started, tmp_path / "data")
    try:
        async with Traffic(running, app) as traffic:
            await traffic.begin_calls()
            kill(running.child("sandbox"))
            # An answered call is missed after the RTP timeout, a ringing one when nobody picks up.
            ended = await traffic.calls_ended(100)
            assert set(ended.values()) <= {"completed", "no-answer", "failed"}
            assert await traffic.history_problems(Texts("")) == []
    finally:
        await asyncio.to_thread(running.stop)


async def test_many_deaths_in_a_row_lose_nothing(tmp_path: Path, app: WebhookApp) -> None:
    chance = random.Random(7)
    async with Smsc() as smsc:
        flags = ("--smsc", f"smpp://offhook:secret@127.0.0.1:{smsc.port}")
        running = await asyncio.to_thread(started, tmp_path / "data", *flags)
        try:
            async with Traffic(running, app) as traffic:
                acknowledged: dict[str, str] = {}
                for number in range(ROUNDS):
                    victims = chance.sample([*ROLES, *STORES, "backend"], 2)
                    await traffic.begin_calls()
                    texts = await post_while_killing(traffic, victims)
                    acknowledged |= texts.acknowledged
                    await traffic.hang_up()
                    await traffic.calls_ended(60)
                    async with asyncio.timeout(60):
                        await traffic.texts_settled(texts)
                    assert await traffic.history_problems(texts) == [], (number, victims)
                arrived = {text.short_message.decode() for text in smsc.texts}
                assert set(acknowledged.values()) <= arrived
        finally:
            await asyncio.to_thread(running.stop)


async def post_while_killing(traffic: Traffic, victims: list[str]) -> Texts:
    """Post texts while two processes die; both are back when this returns."""
    running = traffic.running
    pids = [victim(running, name) for name in victims]

    def under_way(acknowledged: int) -> None:
        if acknowledged in (40, 80):
            kill(pids.pop())

    texts = await traffic.post_texts(under_way)
    while pids:
        kill(pids.pop())
    away = {f"offhook: {name} is back\n" for name in victims if name != "backend"}
    while away:
        away.discard(await asyncio.to_thread(running.said, "is back"))
    return texts


def victim(running: Running, name: str) -> int:
    return process_with(running, "postgres:", "offhook") if name == "backend" else running.child(name)


def started(data: Path, *flags: str) -> Running:
    running = Running(data, *ANY_PORTS, *flags)
    running.ready()
    return running
