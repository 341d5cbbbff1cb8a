"""The bus on a real NATS server: queues, requests, live events, and the server being killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import nats as nats_client
import pytest
from nats.js.api import DiscardPolicy, StorageType, StreamConfig
from tests.harness.waiting import HANGS, eventually

from offhook.bus import nats as nats_bus
from offhook.bus import subjects
from offhook.bus.audience import LAPSE_SECONDS
from offhook.bus.nats import Bus, RequestError, Work
from offhook.metrics import Registry
from offhook.store.records import WorkNotice
from offhook.supervisor.nats import Nats, nats_program
from offhook.supervisor.process import Child


class Taken:
    """A consumer that remembers what it was handed."""

    def __init__(self) -> None:
        self.work: list[Work] = []
        self.batches: list[int] = []
        self.failures = 0

    async def __call__(self, work: Sequence[Work]) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("cannot claim")
        self.work.extend(work)
        self.batches.append(len(work))

    async def reaches(self, count: int, seconds: float = HANGS) -> None:
        async def enough() -> bool:
            return len(self.work) >= count

        await eventually(enough, seconds)


@asynccontextmanager
async def consuming(bus: Bus, taken: Taken, batch: int = 100) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.consume(subjects.WORK_MESSAGES, "test", batch, taken))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def notices(first: int, last: int) -> list[WorkNotice]:
    return [WorkNotice("work.messages", n, f"SM{n:032x}") for n in range(first, last)]


async def test_announced_work_arrives_once_and_at_once(bus: Bus) -> None:
    taken = Taken()
    async with consuming(bus, taken):
        bus.announce(notices(0, 1))
        await taken.reaches(1)
        # It does not wait until there is enough for a batch.
        bus.announce(notices(1, 2))
        await taken.reaches(2)
        bus.announce(notices(2, 1000))
        await taken.reaches(1000)
    assert [work.id for work in taken.work] == list(range(1000))
    assert max(taken.batches) <= 100


async def test_work_announced_before_anybody_consumes_waits(bus: Bus) -> None:
    bus.announce(notices(0, 300))
    taken = Taken()
    async with consuming(bus, taken):
        await taken.reaches(300)
    assert sorted(work.id for work in taken.work) == list(range(300))


async def test_the_same_row_is_dropped(bus: Bus) -> None:
    taken = Taken()
    async with consuming(bus, taken):
        bus.announce(notices(7, 8))
        bus.announce(notices(7, 8))
        bus.announce(notices(9, 10))
        await taken.reaches(2)
    assert [work.id for work in taken.work] == [7, 9]


async def test_work_whose_handler_fails_comes_again(bus: Bus) -> None:
    taken = Taken()
    taken.failures = 1
    async with consuming(bus, taken):
        bus.announce(notices(0, 3))
        await taken.reaches(3)
    assert sorted(work.id for work in taken.work) == [0, 1, 2]


async def test_consumers_of_one_name_share_the_work(bus: Bus, nats_url: str) -> None:
    other = await Bus.connect(nats_url, "other")
    mine, theirs = Taken(), Taken()

    async def all_taken() -> bool:
        return len(mine.work) + len(theirs.work) >= 500

    try:
        async with consuming(bus, mine, 10), consuming(other, theirs, 10):
            await bus.request("$SYS.REQ.USER.INFO", b"", HANGS)
            for start in range(0, 500, 50):
                bus.announce(notices(start, start + 50))
            await eventually(all_taken)
    finally:
        await other.close()
    ids = [work.id for work in [*mine.work, *theirs.work]]
    assert sorted(ids) == list(range(500))


async def test_a_message_that_is_no_work_is_dropped(bus: Bus) -> None:
    taken = Taken()
    async with consuming(bus, taken):
        bus.emit(subjects.WORK_MESSAGES, b"\xff\x00")
        bus.announce(notices(1, 2))
        await taken.reaches(1)
    assert [work.id for work in taken.work] == [1]


async def test_requests_are_answered_concurrently(bus: Bus, nats_url: str) -> None:
    server = await Bus.connect(nats_url, "voice")
    release = asyncio.Event()

    async def answer(payload: bytes) -> bytes:
        if payload == b"slow":
            await release.wait()
        if payload == b"bad":
            raise ValueError
        return payload.upper()

    try:
        await server.serve(subjects.voice_calls("node-1"), answer)
        slow = asyncio.create_task(bus.request(subjects.voice_calls("node-1"), b"slow", HANGS))
        assert await bus.request(subjects.voice_calls("node-1"), b"fast", HANGS) == b"FAST"
        release.set()
        assert await slow == b"SLOW"
        with pytest.raises(RequestError):
            await bus.request(subjects.voice_calls("node-1"), b"bad", 0.2)
        with pytest.raises(RequestError):
            await bus.request(subjects.voice_calls("node-2"), b"", HANGS)
    finally:
        await server.close()


async def test_serving_begins_when_the_server_has_read_the_subscription(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await Bus.connect(nats_url, "voice")
    full, draining = asyncio.Event(), asyncio.Event()
    drain = server._client._transport.drain  # type: ignore[union-attr]

    async def slowly() -> None:
        full.set()
        await draining.wait()
        await drain()

    async def answer(payload: bytes) -> bytes:
        return payload

    monkeypatch.setattr(server._client._transport, "drain", slowly)
    try:
        server.emit("events.AC1.CA1", b"what is being written while the subscription is made")
        await full.wait()
        serving = asyncio.create_task(server.serve(subjects.voice_calls("node-1"), answer))
        for _ in range(10):
            await bus.request("$SYS.REQ.USER.INFO", b"", HANGS)
        assert not serving.done()
        draining.set()
        await serving
        assert await bus.request(subjects.voice_calls("node-1"), b"first", HANGS) == b"first"
    finally:
        draining.set()
        await server.close()


async def test_live_events_are_heard_by_account(bus: Bus) -> None:
    heard: list[tuple[str, bytes]] = []

    async def hear(subject: str, payload: bytes) -> None:
        heard.append((subject, payload))

    async def both() -> bool:
        return len(heard) == 2

    stop = await bus.listen("AC1", hear)
    for account, sid in (("AC1", "CA1"), ("AC2", "CA2"), ("AC1", "CA3")):
        bus.emit_entry(account, sid, sid.encode)
    await eventually(both)
    await stop()
    assert heard == [("events.AC1.CA1", b"CA1"), ("events.AC1.CA3", b"CA3")]


async def test_entries_that_nobody_hears_are_not_encoded(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = time.monotonic()
    monkeypatch.setattr("offhook.bus.nats.monotonic", lambda: started + LAPSE_SECONDS + 1)
    encoded: list[str] = []
    heard: list[bytes] = []

    def encode() -> bytes:
        encoded.append("entry")
        return b"entry"

    async def hear(_subject: str, payload: bytes) -> None:
        heard.append(payload)

    async def told() -> bool:
        bus.emit_entry("AC7", "CA7", encode)
        return bool(heard)

    bus.emit_entry("AC7", "CA7", encode)
    assert not encoded
    listener = await Bus.connect(nats_url, "listener")
    stop = await listener.listen("AC7", hear)
    await eventually(told)
    await stop()
    await listener.close()


async def test_callbacks_are_one_wake_up(bus: Bus) -> None:
    heard: list[str] = []

    async def hear(subject: str, payload: bytes) -> None:
        heard.append(subject)

    async def any_heard() -> bool:
        return "test.done" in heard

    await bus.subscribe(subjects.WAKE_CALLBACKS, hear)
    await bus.subscribe("test.done", hear)
    bus.announce([WorkNotice("work.callbacks", n, "CA") for n in range(50)])
    bus.emit("test.done", b"")
    await eventually(any_heard)
    assert heard == [subjects.WAKE_CALLBACKS, "test.done"]


@pytest.mark.parametrize("lose_the_store", [False, True])
async def test_a_killed_server_comes_back_to_the_same_clients(own_nats: Nats, lose_the_store: bool) -> None:
    bus = await Bus.connect(own_nats.url, "test")
    taken = Taken()

    async def connected() -> bool:
        return bus.is_connected

    async def disconnected() -> bool:
        return not bus.is_connected

    async def answered() -> bool:
        bus.announce(notices(next(numbers), 10_000)[:1])
        return len(taken.work) > 1

    numbers = iter(range(100, 10_000))
    try:
        async with consuming(bus, taken):
            bus.announce(notices(0, 1))
            await taken.reaches(1)
            assert own_nats.child is not None
            os.kill(own_nats.child.pid, signal.SIGKILL)
            await own_nats.child.wait()
            await eventually(disconnected)
            if lose_the_store:
                shutil.rmtree(own_nats.store_dir)
            await own_nats.start()
            await eventually(connected)
            await eventually(answered)
    finally:
        await bus.close()


async def test_what_jetstream_refuses_is_counted_and_logged(
    own_nats: Nats, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await nats_client.connect(own_nats.url)
    tiny = StreamConfig(
        name=subjects.STREAM,
        subjects=["work.>"],
        storage=StorageType.MEMORY,
        max_msgs=1,
        discard=DiscardPolicy.NEW,
    )
    await client.jetstream().add_stream(tiny)
    await client.close()
    lost = Registry().counter("announcements_lost", labels=1)
    monkeypatch.setattr(nats_bus, "_unannounced", lost)
    bus = await Bus.connect(own_nats.url, "test")

    async def all_refused() -> bool:
        return lost.value("maximum messages exceeded") == 3

    try:
        for number in range(4):
            bus.announce(notices(number, number + 1))
        await eventually(all_refused)
        assert own_nats.child is not None
        os.kill(own_nats.child.pid, signal.SIGKILL)
        await own_nats.child.wait()

        async def away() -> bool:
            return not bus.is_connected

        await eventually(away)
        bus.announce(notices(4, 5))
        assert lost.value("away") == 1
    finally:
        await bus.close()
    assert "waits in the outbox: maximum messages exceeded" in caplog.text


async def test_a_queue_that_was_kept_in_files_is_kept_in_memory_from_then_on(own_nats: Nats) -> None:
    client = await nats_client.connect(own_nats.url)
    stream = client.jetstream()
    await stream.add_stream(StreamConfig(name=subjects.STREAM, subjects=["work.>"], storage=StorageType.FILE))
    bus = await Bus.connect(own_nats.url, "test")
    taken = Taken()
    try:
        assert (await stream.stream_info(subjects.STREAM)).config.storage == StorageType.MEMORY
        async with consuming(bus, taken):
            bus.announce(notices(0, 1))
            await taken.reaches(1)
    finally:
        await bus.close()
        await client.close()


async def test_a_role_tells_how_it_is(bus: Bus, nats_url: str) -> None:
    role = await Bus.connect(nats_url, "voice")
    try:
        await role.serve_health("node-1", "voice")
        report = msgspec.json.decode(await bus.request(subjects.health("node-1", "voice"), b"", HANGS))
        assert "announcements_lost" in report
    finally:
        await role.close()


async def test_the_supervisor_notices_a_server_whose_jetstream_does_not_answer(own_nats: Nats) -> None:
    assert await own_nats.works()
    assert own_nats.child is not None
    os.kill(own_nats.child.pid, signal.SIGKILL)
    await own_nats.child.wait()
    assert not await own_nats.works()
    without = [str(nats_program()), "-a", "127.0.0.1", "-p", str(own_nats.port), "--auth", "test"]
    bare = Child("nats", without, death_signal=signal.SIGKILL, environ={})
    try:

        async def up() -> bool:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", own_nats.port)):
                return True
            return False

        await eventually(up)
        assert not await own_nats.works()
    finally:
        await bare.stop((signal.SIGKILL, 1.0))
