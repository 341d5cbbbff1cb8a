"""The voice role: its connections, its loop, and its lease on the calls it runs.

A node answers for its calls by a lease that it renews. When it starts, what an earlier life of the same node left
is ended by the janitor, because that life's lease is given up.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import signal
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import uvloop

from offhook import log
from offhook.bus import subjects
from offhook.bus.nats import Bus, Work
from offhook.calls.events import HangUpRequested
from offhook.config import Settings, announce_ready
from offhook.delivery.client import WebhookClient
from offhook.janitor.sweeper import sweep
from offhook.media.client import MediaClient
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.flow import TCP, UDP, Address
from offhook.store.database import DatabaseUnavailableError
from offhook.store.disk import Disk
from offhook.store.leases import RENEW_SECONDS
from offhook.store.records import Topic
from offhook.store.store import Store
from offhook.streams.client import StreamsClient
from offhook.voice.control import Control
from offhook.voice.exchange import Exchange
from offhook.voice.inbound import Inbound
from offhook.voice.outbound import Outbound
from offhook.voice.phones import Phones
from offhook.voice.routing import Routing

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS = 0.2
_CLAIM_BATCH = 50
#: Channels that one media worker uses in its life; the next one's are others.
_CHANNELS = 1_000_000
#: How long live calls may take to end by themselves when the node is told to stop.
_DRAIN_SECONDS = 2.0


def main(settings: Settings) -> None:
    """Run the voice role until SIGTERM."""
    log.configure(settings.log_level, settings.log_format)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        node = await Node.start(settings, stack)
        announce_ready(settings)
        await stop.wait()
        await node.drain()


class Node:
    """A running voice node."""

    def __init__(self, settings: Settings, exchange: Exchange, bus: Bus) -> None:
        self._settings = settings
        self._exchange = exchange
        self._bus = bus

    @classmethod
    async def start(cls, settings: Settings, stack: AsyncExitStack) -> Node:
        """Connect everything and begin to take calls; `stack` undoes it."""
        bus = await Bus.connect(settings.nats_url, f"voice-{settings.node}")
        stack.push_async_callback(bus.close)
        store = await Store.open(settings.database_url, announce=bus.announce, emit=bus.emit_entry)
        stack.push_async_callback(store.close)
        http = WebhookClient.for_platform(settings)
        stack.push_async_callback(http.close)
        exchange = await cls._build(settings, store, http, stack)
        node = cls(settings, exchange, bus)
        await node._serve(stack)
        return node

    @staticmethod
    async def _build(
        settings: Settings, store: Store, http: WebhookClient, stack: AsyncExitStack
    ) -> Exchange:
        endpoint = Endpoint(_endpoint_config(settings), lambda: secrets.token_hex(8))
        transports = SipTransports(endpoint, settings, lambda happened: exchange.on_sip(happened))
        routing = Routing(settings, transports, http.guard, store.numbers.cached.get)
        await routing.trunks.refresh()
        exchange = Exchange(settings, store, http, transports, routing)
        exchange.inbound = Inbound(exchange, Disk(settings.data_dir))
        exchange.phones = Phones(exchange)
        exchange.streams = StreamsClient(f"{settings.run_dir}/streams.sock", exchange.on_recording)
        await exchange.streams.start()
        stack.push_async_callback(exchange.streams.close)
        return exchange

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Take the lease, then calls: from SIP, from the queue, and requests about them."""
        exchange = self._exchange
        exchange.lease = await exchange.store.leases.acquire(self._settings.node)
        ready = asyncio.Event()
        self._background(stack, self._keep_media(ready), "media")
        self._background(stack, self._renew_lease(), "lease")
        self._background(stack, exchange.routing.trunks.keep_fresh(), "trunks")
        async with asyncio.timeout(30):
            await ready.wait()
        control = Control(exchange)
        await self._bus.serve(subjects.voice_calls(self._settings.node), control.answer)
        self._outbound = Outbound(exchange)
        self._background(
            stack,
            self._bus.consume(subjects.WORK_CALLS, "voice", _CLAIM_BATCH, self._claim),
            "queue",
        )
        self._background(
            stack, sweep(exchange.store.outbox, Topic.CALLS, _CLAIM_BATCH, self._outbound.claim), "sweeper"
        )
        await self._bus.serve_health(self._settings.node, "voice")
        await exchange.phones.restore()
        await exchange.transports.start()
        stack.push_async_callback(exchange.transports.close)

    @staticmethod
    def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_ended)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        stack.push_async_callback(end)

    async def _claim(self, work: Sequence[Work]) -> None:
        """Place queued calls."""
        await self._outbound.claim([item.sid for item in work])

    async def _keep_media(self, ready: asyncio.Event) -> None:
        """Stay connected to the media worker."""
        path = f"{self._settings.run_dir}/media-0.sock"
        first_channel = 0
        while True:
            lost = asyncio.Event()
            try:
                client = await MediaClient.connect(
                    path, self._exchange.on_media, lost.set, first_channel=first_channel
                )
            except OSError:
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            self._exchange.use_media(client)
            ready.set()
            await lost.wait()
            logger.error("the media worker is gone: its calls have lost their audio")
            self._exchange.use_media(None)
            first_channel += _CHANNELS

    async def _renew_lease(self) -> None:
        """Go on answering for the node's calls."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                if not await self._exchange.store.leases.renew(self._exchange.lease):
                    await self._lease_lost()
            except DatabaseUnavailableError:
                logger.warning("the lease waits for the database")
            except Exception:
                logger.exception("the lease could not be renewed")

    async def _lease_lost(self) -> None:
        """The store has given this node's calls up: end them, and begin anew."""
        logger.error("the lease has ended: the live calls are given up")
        for session in self._exchange.live:
            session.feed(HangUpRequested())
        self._exchange.lease = await self._exchange.store.leases.acquire(self._settings.node)

    async def drain(self) -> None:
        """End the live calls: a node that stops says goodbye."""
        for session in self._exchange.live:
            session.feed(HangUpRequested())
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._exchange.empty()
        with suppress(Exception):
            await self._exchange.store.leases.release(self._exchange.lease)


def _endpoint_config(settings: Settings) -> EndpointConfig:
    address = settings.public_address
    public = {name: Address(address, settings.sip_port) for name in (UDP, TCP)} if address else {}
    return EndpointConfig(nonce_secret=secrets.token_bytes(32), calls_itself=True, public=public)


def _ended(task: asyncio.Task[None]) -> None:
    """What a node does in the background never ends by itself: a node that fails in it begins anew."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s failed, the node ends", task.get_name(), exc_info=error)
        signal.raise_signal(signal.SIGTERM)
