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
from functools import partial
from typing import Any

import uvloop

from offhook import log
from offhook.bus import subjects
from offhook.bus.nats import Bus, Work
from offhook.calls.events import EndedBy, HangUpRequested
from offhook.config import Settings, announce_ready
from offhook.delivery.client import WebhookClient
from offhook.janitor.sweeper import sweep
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.flow import TCP, UDP, Address
from offhook.store.disk import Disk
from offhook.store.records import Topic
from offhook.store.store import Store
from offhook.streams.client import StreamsClient
from offhook.termination import termination
from offhook.voice import queues
from offhook.voice.calls import Calls
from offhook.voice.collector import Collector
from offhook.voice.control import Control
from offhook.voice.inbound import Inbound
from offhook.voice.legs import Legs
from offhook.voice.neighbours import Neighbours
from offhook.voice.outbound import Outbound
from offhook.voice.phones import Phones
from offhook.voice.refusals import Refusals
from offhook.voice.room_control import RoomControl
from offhook.voice.rooms import Rooms
from offhook.voice.routing import Routing
from offhook.voice.services import Services
from offhook.voice.sip_events import SipEvents
from offhook.voice.switchboard import Switchboard
from offhook.voice.tenure import Tenure
from offhook.voice.workers import Workers

logger = logging.getLogger(__name__)

_CLAIM_BATCH = 50
_DRAIN_SECONDS = 2.0
"""How long live calls may take to end by themselves when the node is asked to stop."""


def main(settings: Settings) -> None:
    """Run the voice role until SIGTERM."""
    log.configure(settings.log_level, settings.log_format)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = termination()
    async with AsyncExitStack() as stack:
        node = await Node.start(settings, stack)
        announce_ready(settings)
        await stop.wait()
        await node.drain()


class Node:
    """A running voice node."""

    def __init__(self, settings: Settings, services: Services, bus: Bus) -> None:
        self._settings = settings
        self._services = services
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
        refusals = Refusals()
        sip_events = SipEvents(refusals)
        services = await cls._services_of(settings, store, bus, http, sip_events, refusals, stack)
        node = cls(settings, services, bus)
        await node._serve(sip_events, stack)
        return node

    @staticmethod
    async def _services_of(
        settings: Settings,
        store: Store,
        bus: Bus,
        http: WebhookClient,
        sip_events: SipEvents,
        refusals: Refusals,
        stack: AsyncExitStack,
    ) -> Services:
        endpoint = Endpoint(_endpoint_config(settings), lambda: secrets.token_hex(8))
        transports = SipTransports(endpoint, settings, sip_events.take)
        routing = Routing(
            settings,
            transports,
            http.guard,
            store.numbers.cached.get,
            store.sip_credentials.find,
            store.applications.cached.get,
        )
        await routing.trunks.refresh()
        switchboard = Switchboard()
        workers = Workers(settings, switchboard.on_media, switchboard.media_lost)
        streams = StreamsClient(f"{settings.run_dir}/streams.sock", switchboard.on_recording)
        await streams.start()
        stack.push_async_callback(streams.close)
        tenure, rooms = await Tenure.begin(store.leases, settings.node), Rooms(switchboard)
        neighbours = Neighbours(bus, store.leases, tenure, switchboard, rooms, settings.node_address)
        stack.push_async_callback(neighbours.close)
        return Services(
            settings,
            store,
            http,
            transports,
            routing,
            streams,
            workers,
            Legs(transports, workers),
            switchboard,
            rooms,
            tenure,
            refusals,
            neighbours,
        )

    async def _serve(self, sip_events: SipEvents, stack: AsyncExitStack) -> None:
        """Take calls: from SIP, from the queue, and requests about them."""
        services = self._services
        calls = Calls(services)
        inbound = Inbound(services, calls, Disk(self._settings.data_dir))
        outbound = Outbound(services, calls)
        phones = Phones(services, inbound)
        sip_events.serve(services.switchboard, inbound, phones)
        collector = Collector()
        self._background(stack, services.workers.keep(), "media")
        self._background(stack, services.tenure.keep(self._give_up), "lease")
        self._background(stack, services.routing.trunks.keep_fresh(), "trunks")
        async with asyncio.timeout(30):
            await services.workers.connected()
        control = Control(services.switchboard, RoomControl(services.rooms))
        await self._bus.serve(subjects.voice_calls(self._settings.node), control.answer)
        await services.neighbours.serve(self._settings.node, partial(queues.opened, services))

        async def claim(work: Sequence[Work]) -> None:
            await outbound.claim([item.sid for item in work])

        self._background(stack, self._bus.consume(subjects.WORK_CALLS, "voice", _CLAIM_BATCH, claim), "queue")
        self._background(
            stack, sweep(services.store.outbox, Topic.CALLS, _CLAIM_BATCH, outbound.claim), "sweeper"
        )
        await self._bus.serve_health(self._settings.node, "voice")
        await phones.restore()
        await services.transports.start()
        stack.push_async_callback(services.transports.close)
        collector.start()
        stack.callback(collector.stop)
        self._background(stack, collector.keep_clean(lambda: len(services.switchboard.live)), "collector")

    @staticmethod
    def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_ended)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        stack.push_async_callback(end)

    def _give_up(self) -> None:
        """The lease has ended: the calls are nobody's, and what other nodes share with them is over."""
        self._services.neighbours.forsake()
        self._hang_up_all()

    def _hang_up_all(self) -> None:
        for call in self._services.switchboard.live:
            call.feed(HangUpRequested(EndedBy.PLATFORM))

    async def drain(self) -> None:
        """End the live calls: a node that stops sends BYE."""
        self._hang_up_all()
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._services.switchboard.empty()
        with suppress(Exception):
            await self._services.tenure.end()


def _endpoint_config(settings: Settings) -> EndpointConfig:
    address = settings.public_address
    public = {name: Address(address, settings.sip_port) for name in (UDP, TCP)} if address else {}
    return EndpointConfig(
        nonce_secret=secrets.token_bytes(32), calls_itself=True, transfers=True, public=public
    )


def _ended(task: asyncio.Task[None]) -> None:
    """What a node does in the background never ends by itself: a node that fails in it begins again."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("%s failed, the node ends", task.get_name(), exc_info=error)
        signal.raise_signal(signal.SIGTERM)
