"""The api process: the application behind uvicorn, on the socket that the supervisor bound."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from types import FrameType
from typing import Final

import uvicorn

from offhook.api.app import build_app
from offhook.api.connection import Connection
from offhook.api.services import Services
from offhook.bus.nats import Bus
from offhook.config import Settings, announce_ready, inherited_socket
from offhook.store.disk import Disk
from offhook.store.store import Store

logger = logging.getLogger(__name__)

BACKLOG: Final = 2048
GRACE_SECONDS: Final = 5
KEEP_ALIVE_SECONDS: Final = 75

HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match,"
        " If-Unmodified-Since, Idempotency-Key, X-Pre-Auth-Context, X-Target-Region"
    ),
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Range, ETag, Twilio-Request-Id, Twilio-Request-Duration",
    "X-Powered-By": "Offhook",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer, beside those that tell of the request."""


def main(settings: Settings) -> None:
    """Serve until SIGTERM: requests in progress are finished, then everything is closed."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        runner.run(serve(settings))


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


async def serve(settings: Settings) -> None:
    """Connect to the stores, serve, and disconnect."""
    bus = await Bus.connect(settings.nats_url, f"{settings.node}-api")
    store = await Store.open(settings.database_url, announce=bus.announce, emit=bus.emit_entry)
    try:
        listener = inherited_socket(settings, "http") or _bind(settings)
        await _Server(settings, Services(settings, store, bus, Disk(settings.data_dir))).serve(
            sockets=[listener]
        )
    finally:
        await store.close()
        await bus.close()


class _Server(uvicorn.Server):
    """Tells the supervisor once requests are accepted."""

    def __init__(self, settings: Settings, services: Services) -> None:
        super().__init__(
            uvicorn.Config(
                build_app(services),
                http=Connection,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                headers=list(HEADERS.items()),
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._settings = settings
        self._closing = services.closing

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and SIGINT; unlike uvicorn's own, without raising them again at the end.

        After the last request the stores are still to be closed.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end."""
        super().handle_exit(sig, frame)
        self._closing.set()

    async def main_loop(self) -> None:
        """Renew the Date header once a second until asked to end; uvicorn's own wakes ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._closing.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        announce_ready(self._settings, {"http": self._settings.public_url})
        logger.info("accepting requests at %s", self._settings.public_url)


def _bind(settings: Settings) -> socket.socket:
    """A listening socket of our own, for a role that runs without a supervisor."""
    family = socket.AF_INET6 if ":" in settings.http_host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.http_host, settings.http_port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
