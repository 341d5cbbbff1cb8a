"""The media workers of a node: the connections to them, and which one a new leg goes to.

A worker that dies costs the calls that it carried their audio. It is started again by the supervisor, and used again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from offhook import metrics
from offhook.config import Settings
from offhook.media import protocol
from offhook.media.client import MediaClient, MediaError
from offhook.media.protocol import control_socket

logger = logging.getLogger(__name__)

_RECONNECT_SECONDS: Final = 0.2
_PATIENCE: Final = 5.0
"""How long a new call waits for a media worker that is being started again."""
_LOAD_SECONDS: Final = 10.0
"""How often a worker is asked how it does."""
_CHANNELS: Final = 1_000_000
"""Channels that one connection uses in its life; the next one's are others, since streams sees them all."""


class Workers:
    """Connects to the media workers.

    on_event: told of what happens on a worker's legs, with the worker's number; on_lost: of one that has gone.
    """

    def __init__(
        self,
        settings: Settings,
        on_event: Callable[[int, protocol.Event], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._on_event = on_event
        self._on_lost = on_lost
        self._live: dict[int, MediaClient] = {}
        self._loads: dict[int, protocol.Load] = {}
        self._back = asyncio.Event()
        self._next_channel = 0

    def report(self) -> dict[str, int | None]:
        """How many legs each worker has, links' included; None for one that is not there."""
        numbers = range(self._settings.media_workers)
        there = {number: client.legs for number, client in self._live.items() if client.connected}
        return {str(number): there.get(number) for number in numbers}

    def report_ticks(self) -> dict[str, dict[str, metrics.Value]]:
        """How many ticks each worker had by when it was last asked, how many of them were late, and the worst of it."""
        return {
            str(worker): {"ticks": load.ticks, "late": load.late_ticks, "worst_ms": load.worst_lateness_ms}
            for worker, load in self._loads.items()
        }

    async def keep(self) -> None:
        """Stay connected to all of them, and tell how they are."""
        metrics.registry.fact("media_workers", self.report)
        metrics.registry.fact("media_ticks", self.report_ticks)
        async with asyncio.TaskGroup() as group:
            for worker in range(self._settings.media_workers):
                group.create_task(self._keep(worker), name=f"media-{worker}")

    async def _keep(self, worker: int) -> None:
        while True:
            lost = asyncio.Event()
            try:
                client = await self._connect(worker, lost)
            except OSError:
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            self.arrived(client)
            await self._watch(client, lost)
            logger.error("media worker %d is gone: its calls have lost their audio", worker)
            del self._live[worker]
            if not self._live:
                self._back.clear()
            self._on_lost(worker)

    async def _watch(self, client: MediaClient, lost: asyncio.Event) -> None:
        """Ask a worker how it does until it is gone."""
        while not lost.is_set():
            with suppress(MediaError):
                self._loads[client.worker] = await client.load()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOAD_SECONDS):
                    await lost.wait()
        self._loads.pop(client.worker, None)

    async def _connect(self, worker: int, lost: asyncio.Event) -> MediaClient:
        first_channel = self._next_channel
        self._next_channel += _CHANNELS
        return await MediaClient.connect(
            control_socket(self._settings.run_dir, worker),
            lambda event: self._on_event(worker, event),
            lost.set,
            first_channel=first_channel,
            worker=worker,
        )

    def arrived(self, client: MediaClient) -> None:
        """A worker is connected."""
        self._live[client.worker] = client
        self._back.set()

    def pick(self, beside: MediaClient | None = None) -> MediaClient | None:
        """The worker `beside`, if it is there; else the one with the fewest legs, None when none is there."""
        if beside is not None and beside.connected:
            return beside
        there = [client for client in self._live.values() if client.connected]
        return min(there, key=lambda client: (client.legs, client.worker), default=None)

    async def find(self, beside: MediaClient | None = None) -> MediaClient:
        """As `pick`; waits a while for a worker. Raises MediaError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._back.wait()
        if (client := self.pick(beside)) is None:
            raise MediaError("no media worker")
        return client

    async def connected(self) -> None:
        """Return when there is a worker."""
        await self._back.wait()
