"""The disk that holds the data is full for a while: what was acknowledged is done, and new work is refused."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest
from tests.fault.running import ANY_PORTS, Running
from tests.fault.traffic import Traffic
from tests.harness.services import short_directory
from tests.harness.waiting import HANGS, eventually
from tests.harness.webhook_app import WebhookApp

from offhook.bus import subjects
from offhook.bus.nats import Bus, Work
from offhook.store.records import WorkNotice
from offhook.supervisor.nats import Nats


class SmallDisk:
    """A file system of a few megabytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Leave no block free."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        """Give the space back."""
        self._ballast.unlink()


def mounted(megabytes: int) -> Iterator[SmallDisk]:
    """A small file system in memory, which only root may mount."""
    with short_directory() as path:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this process may not mount a file system")
        try:
            yield SmallDisk(path)
        finally:
            subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.fixture
def tiny_disk() -> Iterator[SmallDisk]:
    yield from mounted(24)


@pytest.fixture
def small_disk() -> Iterator[SmallDisk]:
    yield from mounted(300)


async def test_work_is_announced_while_the_disk_is_full_and_afterwards(tiny_disk: SmallDisk) -> None:
    server = Nats(tiny_disk.path / "nats", tiny_disk.path / "nats.conf", tiny_disk.path / "log", token="test")
    await server.start()
    bus = await Bus.connect(server.url, "test")
    taken: set[int] = set()

    async def take(work: Sequence[Work]) -> None:
        taken.update(item.id for item in work)

    async def announced(first: int) -> None:
        numbers = range(first, first + 500)
        bus.announce([WorkNotice(subjects.WORK_MESSAGES, number, f"SM{number:032x}") for number in numbers])

        async def all_taken() -> bool:
            return taken.issuperset(numbers)

        await eventually(all_taken)

    consuming = asyncio.create_task(bus.consume(subjects.WORK_MESSAGES, "test", 100, take))
    try:
        await announced(0)
        tiny_disk.fill()
        await announced(1000)
        tiny_disk.make_room()
        await announced(2000)
    finally:
        consuming.cancel()
        await asyncio.wait([consuming])
        await bus.close()
        await server.stop()


def test_a_start_on_a_full_disk_is_one_clear_line(tiny_disk: SmallDisk) -> None:
    tiny_disk.fill()
    with Running(tiny_disk.path / "data", *ANY_PORTS) as instance:
        said = instance.rest_of_stderr()
        assert instance.process.wait() == 2
    assert said.count("\n") == 1, said
    assert "MiB are needed to start" in said


@pytest.fixture
async def traffic(small_disk: SmallDisk) -> AsyncIterator[Traffic]:
    """A customer of a platform whose data is on the small disk."""
    with Running(small_disk.path / "data", *ANY_PORTS) as running:
        await asyncio.to_thread(running.ready)
        with WebhookApp() as app:
            async with Traffic(running, app) as customer:
                yield customer


@pytest.mark.parametrize("seconds", [2, pytest.param(25, marks=pytest.mark.soak)])
async def test_new_work_is_refused_until_there_is_room_and_then_all_works(
    traffic: Traffic, small_disk: SmallDisk, seconds: float
) -> None:
    await traffic.works()
    texts = await traffic.post_texts(lambda acknowledged: None, 50)
    small_disk.fill()

    async def refused() -> bool:
        status, headers, _ = await traffic.text_answer(texts.phone, "too late")
        return status == 503 and int(headers["Retry-After"]) > 1

    async def accepted() -> bool:
        return await traffic.text(texts.phone, "in time again") is not None

    await eventually(refused)
    await asyncio.sleep(seconds)
    small_disk.make_room()
    await eventually(accepted)
    async with asyncio.timeout(HANGS):
        await traffic.works()
        await traffic.texts_settled(texts)


@pytest.mark.soak
async def test_a_call_that_ends_while_the_disk_is_full_has_its_end_written_when_there_is_room(
    traffic: Traffic, small_disk: SmallDisk
) -> None:
    await traffic.begin_calls()
    small_disk.fill()
    await traffic.hang_up()
    await asyncio.sleep(25)
    small_disk.make_room()
    ended = await traffic.calls_ended(30)
    assert "in-progress" not in ended.values(), ended
