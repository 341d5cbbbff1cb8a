"""`kill -9` while calls meet: conferences and queues end or go on with nothing lost, and each callback comes once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from tests.fault.running import ANY_PORTS, Running
from tests.fault.traffic import LiveCall, Traffic, kill
from tests.harness.waiting import eventually
from tests.harness.webhook_app import Answer, WebhookApp

EVENTS = "start end join leave"


@pytest.fixture(scope="module")
def app() -> Iterator[WebhookApp]:
    with WebhookApp() as serving:
        yield serving


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform whose processes are killed one after the other."""
    with Running(tmp_path_factory.mktemp("rooms") / "data", *ANY_PORTS) as running:
        running.ready()
        yield running


@pytest_asyncio.fixture
async def traffic(platform: Running, app: WebhookApp) -> AsyncIterator[Traffic]:
    async with Traffic(platform, app) as traffic:
        yield traffic


async def call(traffic: Traffic, twiml: str) -> str:
    """Call a phone, whose call is one of the traffic's from then on; its SID."""
    phone = await traffic.phone()
    sid = await traffic.call(phone, Twiml=f"<Response>{twiml}</Response>")
    traffic.calls.append(LiveCall(sid, phone, await traffic.reached(phone)))

    async def on_record() -> bool:
        return bool((await traffic.get(f"Calls/{sid}.json"))["status"] == "in-progress")

    # A call whose answer is not written yet when its node dies has failed.
    await eventually(on_record)
    return sid


async def confer(traffic: Traffic, name: str, count: int) -> str:
    """Have phones meet in a conference; its SID."""
    callback = f'statusCallback="{traffic.web.url(name)}" statusCallbackEvent="{EVENTS}"'
    twiml = f'<Dial><Conference waitUrl="" {callback}>{name}</Conference></Dial>'
    for _ in range(count):
        await call(traffic, twiml)

    async def met() -> bool:
        return [event for event, _ in told(traffic, name)] == [*["participant-join"] * 2, "conference-start"]

    await eventually(met)
    (found,) = (await traffic.get(f"Conferences.json?FriendlyName={name}"))["conferences"]
    return str(found["sid"])


async def enqueue(traffic: Traffic, name: str) -> str:
    """Have a call wait in a queue; the queue's SID."""
    wait, left = traffic.web.twiml("wait", "<Pause length='60'/>"), traffic.web.twiml("left", "<Hangup/>")
    sid = await call(traffic, f'<Enqueue waitUrl="{wait}" action="{left}">{name}</Enqueue>')
    queue = ""

    async def waits() -> bool:
        nonlocal queue
        queue = next(
            (
                one["sid"]
                for one in (await traffic.get("Queues.json"))["queues"]
                if one["friendly_name"] == name
            ),
            "",
        )
        return bool(queue) and [one["call_sid"] for one in await members(traffic, queue)] == [sid]

    await eventually(waits)
    return queue


async def members(traffic: Traffic, queue: str) -> list[Any]:
    """The calls that wait in a queue."""
    listed: list[Any] = (await traffic.get(f"Queues/{queue}/Members.json"))["queue_members"]
    return listed


def told(traffic: Traffic, path: str) -> list[tuple[str, int]]:
    """The events of a conference that its callback has heard, and their numbers, by number."""
    heard = [received.params for received in traffic.web.received(path)]
    events = [(params["StatusCallbackEvent"], int(params["SequenceNumber"])) for params in heard]
    return sorted(events, key=lambda event: event[1])


async def back(running: Running, name: str) -> None:
    """The supervisor says that a part ended and was started again."""
    await asyncio.to_thread(running.said, f"{name} ended (SIGKILL), starting it again")
    await asyncio.to_thread(running.said, f"{name} is back")


async def goes_on(traffic: Traffic, name: str) -> None:
    """Calls meet again under the name of a conference that has ended."""
    path = f"{name}-again"
    callback = f'statusCallback="{traffic.web.url(path)}" statusCallbackEvent="start"'
    for _ in range(2):
        await call(traffic, f"<Dial><Conference {callback}>{name}</Conference></Dial>")
    await asyncio.to_thread(traffic.web.wait, path)
    await traffic.hang_up()


@pytest.mark.parametrize("name", ["media", "voice"])
async def test_a_conference_and_a_queue_end_once_when_what_carries_them_dies(
    platform: Running, traffic: Traffic, name: str
) -> None:
    conference = await confer(traffic, name, 2)
    queue = await enqueue(traffic, f"queue-{name}")
    kill(platform.child(name))
    await back(platform, name)
    ended = await traffic.calls_ended()
    assert set(ended.values()) == {"completed"}
    await asyncio.to_thread(traffic.web.wait, name, 6)
    await traffic.works()
    assert told(traffic, name) == [
        ("participant-join", 1),
        ("participant-join", 2),
        ("conference-start", 3),
        ("participant-leave", 4),
        ("participant-leave", 5),
        ("conference-end", 6),
    ]
    assert (await traffic.get(f"Conferences/{conference}.json"))["status"] == "completed"
    assert (await traffic.get(f"Conferences/{conference}/Participants.json"))["participants"] == []
    assert await members(traffic, queue) == []
    await goes_on(traffic, name)


async def test_a_dequeue_that_the_api_dies_in_is_done_once_or_not_at_all(
    platform: Running, traffic: Traffic
) -> None:
    queue = await enqueue(traffic, "asked")
    now = traffic.web.twiml("now", "<Pause length='60'/>")
    member = f"Queues/{queue}/Members/Front"
    voice = platform.child("voice")
    os.kill(voice, signal.SIGSTOP)
    try:
        asked = asyncio.create_task(traffic.post(member, Url=now))
        await asyncio.sleep(0)
        kill(platform.child("api"))
        with pytest.raises(aiohttp.ClientError):
            await asked
        await back(platform, "api")
    finally:
        os.kill(voice, signal.SIGCONT)
    assert await traffic.post_status(member, Url=now) in (200, 404), "it is done, or was done before"
    await asyncio.to_thread(traffic.web.wait, "now")
    assert await members(traffic, queue) == []
    assert len(traffic.web.received("now")) == len(traffic.web.received("left")) == 1
    await traffic.still_up()
    await traffic.hang_up()


async def test_calls_wait_on_when_the_application_of_their_wait_dies(traffic: Traffic) -> None:
    with WebhookApp() as dying:
        dying.answer("/wait", Answer(b"<Response><Pause length='1'/></Response>"))
        wait, left = f"{dying.url}/wait", traffic.web.twiml("left", "<Hangup/>")
        sid = await call(traffic, f'<Enqueue waitUrl="{wait}" action="{left}">forsaken</Enqueue>')
        await asyncio.to_thread(dying.wait, "/wait", 1)
    notifications: list[Any] = []

    async def noted() -> bool:
        nonlocal notifications
        notifications = (await traffic.get(f"Calls/{sid}/Notifications.json"))["notifications"]
        return bool(notifications)

    await eventually(noted)
    assert [(one["error_code"], one["request_url"]) for one in notifications] == [("11202", wait)]
    await traffic.still_up()
    taken = traffic.web.twiml("taken", "<Hangup/>")
    await call(
        traffic,
        f'<Dial action="{taken}"><Queue url="{traffic.web.twiml("here", "")}">forsaken</Queue></Dial>',
    )
    await asyncio.to_thread(traffic.web.wait, "here")
    await traffic.hang_up()
    assert (await asyncio.to_thread(traffic.web.wait, "left")).params["QueueResult"] == "bridged"
