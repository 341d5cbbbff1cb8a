"""The sweeper: work that was announced and not taken is taken from the outbox itself.

Announcements over NATS make work begin at once; that it begins at all needs PostgreSQL alone. So each consumer of
a work queue also sweeps its topic. Any number may: a row is given to one of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from offhook import metrics
from offhook.store.database import DatabaseUnavailableError
from offhook.store.outbox import Outbox
from offhook.store.records import Topic

logger = logging.getLogger(__name__)

_swept = metrics.registry.counter("jobs_swept", labels=1)

SWEEP_SECONDS: Final = 2.0


async def sweep(
    outbox: Outbox,
    topic: Topic,
    batch: int,
    take: Callable[[Sequence[str]], Awaitable[None]],
    *,
    seconds: float = SWEEP_SECONDS,
) -> None:
    """Hand `take` the resources whose work of `topic` nobody took, up to `batch` at a time, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            while sids := await outbox.sweep(topic, batch):
                _swept.add(len(sids), topic.value)
                await take(sids)
        except DatabaseUnavailableError:
            logger.warning("the sweeper of %s waits for PostgreSQL", topic.value)
        except Exception:
            logger.exception("a sweep of %s failed", topic.value)
