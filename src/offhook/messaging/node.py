"""The messaging role: its connections, its carriers, and the tasks that live with it.

Beside texts it runs the dispatcher of status callbacks and the janitor, which need nothing but the database
and HTTP.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from offhook import log, metrics
from offhook.bus import subjects
from offhook.bus.nats import Bus
from offhook.config import Settings, announce_ready
from offhook.delivery.client import WebhookClient
from offhook.delivery.dispatcher import Dispatcher
from offhook.janitor.janitor import Janitor
from offhook.janitor.retention import Retention
from offhook.janitor.sweeper import sweep
from offhook.messaging.carriers import Carrier
from offhook.messaging.carriers.table import CARRIERS
from offhook.messaging.inbound import Inbound
from offhook.messaging.outbound import BATCH, NO_READINGS, Outbound
from offhook.store.records import Topic
from offhook.store.store import Store
from offhook.termination import termination

_CONSUMER = "messaging"


def main(settings: Settings) -> None:
    """Run the messaging role until SIGTERM."""
    log.configure(settings.log_level, settings.log_format)
    uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop = termination()
    async with AsyncExitStack() as stack:
        await start(settings, stack)
        announce_ready(settings)
        await stop.wait()


async def start(settings: Settings, stack: AsyncExitStack) -> Outbound:
    """Connect everything and begin to take texts; `stack` undoes it."""
    bus = await Bus.connect(settings.nats_url, f"messaging-{settings.node}")
    stack.push_async_callback(bus.close)
    store = await Store.open(settings.database_url, announce=bus.announce, emit=bus.emit_entry)
    stack.push_async_callback(store.close)
    http = WebhookClient.for_platform(settings)
    stack.push_async_callback(http.close)
    await keep_promises(store, bus, http, settings.node, stack)
    retention = Retention(store, Path(settings.data_dir), settings.retention)
    stack.push_async_callback(_stop, asyncio.create_task(retention.run()))
    await bus.serve_health(settings.node, "messaging")
    carriers = [carrier for configured in CARRIERS for carrier in configured(settings, store)]
    readings = {smsc.carrier: smsc.receipt_ids for smsc in settings.smscs}
    return await take_texts(store, bus, http, carriers, stack, readings)


async def take_texts(
    store: Store,
    bus: Bus,
    http: WebhookClient,
    carriers: Sequence[Carrier],
    stack: AsyncExitStack,
    readings: Mapping[str, str] = NO_READINGS,
) -> Outbound:
    """Begin to take texts over these connections and carriers; `stack` undoes it.

    `readings` is what `Outbound` takes.
    """
    inbound = Inbound(store, http, lambda sid: outbound.release(sid))
    outbound = Outbound(store, carriers, inbound.answer, inbound.receive, readings)
    outbound.start()
    metrics.registry.fact("carriers", lambda: {carrier.name: carrier.obstacle() for carrier in carriers})
    metrics.registry.fact(
        "carriers_hindered", lambda: {carrier.name: carrier.hindrance() for carrier in carriers}
    )
    stack.push_async_callback(outbound.close)
    stack.push_async_callback(inbound.close)
    for work in (
        bus.consume(subjects.WORK_MESSAGES, _CONSUMER, BATCH, outbound.handle),
        sweep(store.outbox, Topic.MESSAGES, BATCH, outbound.take),
    ):
        stack.push_async_callback(_stop, asyncio.create_task(work))
    return outbound


async def keep_promises(
    store: Store, bus: Bus, http: WebhookClient, node: str, stack: AsyncExitStack
) -> None:
    """Send status callbacks and put right what dead processes left; `stack` undoes it."""
    dispatcher = Dispatcher(store, http, node)

    async def wake(subject: str, payload: bytes) -> None:
        dispatcher.wake()

    await bus.subscribe(subjects.WAKE_CALLBACKS, wake)
    for work in (dispatcher.run(), Janitor(store).run()):
        stack.push_async_callback(_stop, asyncio.create_task(work))


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
