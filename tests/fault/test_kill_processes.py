"""`kill -9` of each process of a busy platform: it recovers by itself, loses no text and ends every call once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fault.running import ANY_PORTS, Running
from tests.fault.traffic import TEXTS, Texts, Traffic, kill, process_with
from tests.harness.webhook_app import WebhookApp

SOON = 30.0
"""Seconds within which the calls of a process that died have ended, its restart included.

Well below the minute after which leases and claims lapse by themselves: nobody waited for that.
"""


@pytest.fixture(scope="module")
def app() -> Iterator[WebhookApp]:
    with WebhookApp() as serving:
        yield serving


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform whose processes are killed one after the other."""
    with Running(tmp_path_factory.mktemp("busy") / "data", *ANY_PORTS) as running:
        running.ready()
        yield running


async def kill_while_busy(traffic: Traffic, pid: int) -> Texts:
    """Kill a process when a third of the texts are acknowledged, and post the others."""

    def under_way(acknowledged: int) -> None:
        if acknowledged == TEXTS // 3:
            kill(pid)

    texts = await traffic.post_texts(under_way)
    assert len(texts.acknowledged) >= TEXTS // 3
    return texts


async def back(running: Running, name: str) -> None:
    """The supervisor says that a part ended and was started again."""
    await asyncio.to_thread(running.said, f"{name} ended (SIGKILL), starting it again")
    await asyncio.to_thread(running.said, f"{name} is back")


async def nothing_lost(traffic: Traffic, texts: Texts, *, repeats: bool = False) -> None:
    """Every acknowledged text is delivered, and came to its phone: once, unless `repeats` are allowed."""
    async with asyncio.timeout(40):
        await traffic.texts_settled(texts)
    arrived = await traffic.arrived(texts.phone)
    assert set(texts.acknowledged.values()) <= set(arrived)
    assert repeats or max(arrived.values()) == 1
    assert await traffic.history_problems(texts) == []


@pytest.mark.parametrize("name", ["voice", "media"])
async def test_calls_end_soon_when_what_carries_them_dies(
    platform: Running, app: WebhookApp, name: str
) -> None:
    async with Traffic(platform, app) as traffic:
        await traffic.begin_calls()
        texts = await kill_while_busy(traffic, platform.child(name))
        killed = time.monotonic()
        await back(platform, name)
        await traffic.works()
        ended = await traffic.calls_ended(SOON - (time.monotonic() - killed))
        assert set(ended.values()) <= {"completed", "failed"}
        assert ended[traffic.calls[-1].sid] == "failed", "it was never answered"
        await nothing_lost(traffic, texts)


@pytest.mark.parametrize("name", ["postgres", "backend", "nats", "messaging", "api", "streams", "speech"])
async def test_calls_go_on_when_something_else_dies(platform: Running, app: WebhookApp, name: str) -> None:
    async with Traffic(platform, app) as traffic:
        await traffic.begin_calls()
        texts = await kill_while_busy(traffic, victim(platform, name))
        await traffic.hears_audio()
        if name not in ("backend", "speech"):
            await back(platform, name)
        await traffic.works()
        await traffic.still_up()
        await traffic.finish_calls()
        ended = await traffic.calls_ended()
        assert ended.pop(traffic.calls[-1].sid) == "canceled"
        assert set(ended.values()) == {"completed"}
        await nothing_lost(traffic, texts, repeats=name == "messaging")


def victim(platform: Running, name: str) -> int:
    match name:
        case "backend":
            return process_with(platform, "postgres:", "offhook")
        case "speech":
            return process_with(platform, "offhook.speech.worker")
    return platform.child(name)


async def test_without_the_sandbox_calls_end_when_asked_to(platform: Running, app: WebhookApp) -> None:
    async with Traffic(platform, app) as traffic:
        await traffic.begin_calls()
        texts = await kill_while_busy(traffic, platform.child("sandbox"))
        await back(platform, "sandbox")
        await traffic.works()
        await traffic.hang_up()
        await traffic.calls_ended(40)
        # A virtual SMSC that died has forgotten the receipts it owed.
        async with asyncio.timeout(40):
            await traffic.texts_settled(texts, ("sent", "delivered"))
        assert await traffic.history_problems(texts) == []


async def test_after_the_supervisor_died_the_next_start_settles_everything(
    tmp_path: Path, app: WebhookApp
) -> None:
    with Running(tmp_path / "data", *ANY_PORTS) as first:
        await asyncio.to_thread(first.ready)
        async with Traffic(first, app) as before:
            await before.begin_calls()
            texts = await kill_while_busy(before, first.process.pid)
    with Running(tmp_path / "data", *ANY_PORTS) as second:
        await asyncio.to_thread(second.ready)
        assert second.facts["account_sid"] == first.facts["account_sid"]
        async with Traffic(second, app) as after:
            after.web, after.calls = before.web, before.calls
            await after.works()
            await after.calls_ended(SOON)
            async with asyncio.timeout(40):
                await after.texts_settled(texts, ("sent", "delivered"))
            assert await after.history_problems(texts) == []
