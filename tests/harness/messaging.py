"""A messaging node with a PostgreSQL, a NATS, an SMSC and a customer's server, each of them real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import pytest
from aiohttp import web
from tests.harness.rows import message, number
from tests.harness.services import ACCOUNT
from tests.harness.smsc import Smsc
from tests.harness.waiting import HANGS, eventually
from tests.harness.web_site import serving_site

from offhook.bus.nats import Bus
from offhook.delivery.client import WebhookClient
from offhook.delivery.guard import Guard
from offhook.messaging.carriers import Carrier
from offhook.messaging.carriers.loopback import LoopbackCarrier, owned_by
from offhook.messaging.carriers.smpp import SmppCarrier
from offhook.messaging.node import keep_promises, take_texts
from offhook.smsc import SmscSettings
from offhook.store.messages import MessageFilters
from offhook.store.paging import Page
from offhook.store.records import MessageRecord, NotificationRecord
from offhook.store.store import Store

Item = TypeVar("Item")

OURS, ALSO_OURS, THEIRS = "+15550100100", "+15550100101", "+15551230000"


class Webhook:
    """A customer's server: answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[str, dict[str, str], str]] = asyncio.Queue()
        self.answers: dict[str, tuple[int, str]] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        await self.asked.put((request.path, form, request.headers.get("X-Twilio-Signature", "")))
        status, body = self.answers.get(request.path, (200, "<Response/>"))
        return web.Response(status=status, text=body, content_type="text/xml")


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    server, app = Webhook(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with serving_site(app) as server.url:
        yield server


class Platform:
    """A messaging node and what is around it."""

    def __init__(self, database_url: str, nats_url: str, smsc: Smsc) -> None:
        self.database_url = database_url
        self.nats_url = nats_url
        self.smsc = smsc
        self.stack = AsyncExitStack()
        self.store: Store

    async def start(self) -> None:
        """Start a node, as a role would."""
        self.stack = AsyncExitStack()
        self.bus = bus = await Bus.connect(self.nats_url, "test")
        self.stack.push_async_callback(bus.close)
        self.store = store = await Store.open(self.database_url, announce=bus.announce)
        self.stack.push_async_callback(store.close)
        http = WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:1")
        self.stack.push_async_callback(http.close)
        await keep_promises(store, bus, http, "node-1", self.stack)
        account = SmscSettings("offhook", "secret", "127.0.0.1", self.smsc.port)
        self.carrier = SmppCarrier(account)
        carriers: list[Carrier] = [LoopbackCarrier(owned_by(store)), self.carrier]
        self.node = await take_texts(store, bus, http, carriers, self.stack)

    async def stop(self) -> None:
        """Stop it in an orderly way."""
        await self.stack.aclose()

    async def lose_smsc(self) -> None:
        """Stop the SMSC; the node has noticed when this returns."""
        await self.smsc.stop()

        async def unbound() -> bool:
            return self.carrier.room() == 0

        await eventually(unbound)

    async def send(self, body: str = "Hello", **fields: Any) -> str:
        """Make an outbound text as POST /Messages does."""
        record = message(body=body, from_=OURS, **{"to": THEIRS, **fields})
        await self.store.messages.create_message(record)
        return record.sid

    async def until(self, sid: str, *statuses: str) -> MessageRecord:
        """Wait for a status."""
        return await self.found(sid, lambda record: record.status in statuses)

    async def found(self, sid: str, condition: Callable[[MessageRecord], bool]) -> MessageRecord:
        async with asyncio.timeout(HANGS):
            while True:
                record = (await self.store.messages.fetch_batch([sid]))[sid]
                if condition(record):
                    return record
                await asyncio.sleep(0.02)

    async def listed(self, direction: str) -> list[MessageRecord]:
        """The account's messages of a direction."""
        page = await self.store.messages.list_page(ACCOUNT, MessageFilters(), Page(page_size=100))
        return [record for record in page.items if record.direction == direction]


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with Smsc() as running:
        yield running


@pytest.fixture
async def platform(store: Store, database_url: str, nats_url: str, smsc: Smsc) -> AsyncIterator[Platform]:
    running = Platform(database_url, nats_url, smsc)
    await running.start()
    for phone_number in (OURS, ALSO_OURS):
        await running.store.numbers.create(number(phone_number))
    yield running
    await running.stop()


async def reply_with(platform: Platform, webhook: Webhook, twiml: str, phone_number: str = OURS) -> None:
    """Have texts to one of our numbers answered with this TwiML."""
    mine = await platform.store.numbers.find_by_number(phone_number)
    assert mine is not None
    path = f"/{phone_number[1:]}"
    webhook.answers[path] = (200, twiml)
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}{path}"})


async def soon(found: Callable[[], Awaitable[Sequence[Item]]]) -> Sequence[Item]:
    """What `found` returns once it is not empty."""
    async with asyncio.timeout(HANGS):
        while not (items := await found()):  # noqa: ASYNC110 (PostgreSQL tells of no row)
            await asyncio.sleep(0.02)
    return items


async def notified(platform: Platform, sid: str, count: int = 1) -> list[int]:
    """The codes of a text's notifications, once there are `count`."""

    async def enough() -> list[NotificationRecord]:
        notes = await platform.store.notifications.about(sid)
        return notes if len(notes) >= count else []

    return [note.error_code for note in await soon(enough)]
