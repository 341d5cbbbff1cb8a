"""One bind to an SMSC, kept up for ever: connected and bound again with growing, spread-out waits."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from offhook.clock import utcnow
from offhook.messaging.connection import SmppConnection
from offhook.smpp import events as e
from offhook.smpp.backoff import Backoff
from offhook.smpp.bodies import Bind
from offhook.smpp.session import Role, SessionConfig
from offhook.smpp.vocabulary import status_name
from offhook.smsc import SmscSettings

logger = logging.getLogger(__name__)

CONNECT_SECONDS: Final = 5.0

EventHandler = Callable[[SmppConnection, Sequence[e.Event]], None]


class KeptBind:
    """See the module.

    Args:
        request: the kind of bind to ask for, filled in.
        on_events: hears what happens on the connection, `Bound` and `Closed` included.
        on_lost: called when a connection that was made is gone.

    Attributes:
        connection: the connection while it is bound, else None.
    """

    def __init__(
        self, smsc: SmscSettings, request: Bind, on_events: EventHandler, on_lost: Callable[[str], None]
    ) -> None:
        self.smsc = smsc
        self.connection: SmppConnection | None = None
        self._request = request
        self._config = SessionConfig(
            window=smsc.window, rate=smsc.rate, response=smsc.response, enquire_link=smsc.enquire_link
        )
        self._on_events = on_events
        self._on_lost = on_lost
        self._reason = "not connected yet"
        self._since = utcnow()
        self._bound_at = 0.0
        self._refused = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._since = utcnow()
        self._task = asyncio.get_running_loop().create_task(self._keep())

    def obstacle(self) -> str:
        """Why it is not bound, and since when; empty when it is."""
        if self.connection is not None:
            return ""
        return f"{self.smsc.carrier} is not bound: {self._reason} since {shown(self._since)}"

    def closing(self) -> None:
        """Do not connect again."""
        self._closing = True

    async def close(self) -> None:
        """Unbind, and stop."""
        self._closing = True
        connection = self.connection
        if connection is not None:
            connection.session.unbind(connection.now())
            connection.flush()
            await asyncio.wait([connection.closed], timeout=1)
            connection.abort()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _keep(self) -> None:
        backoff = Backoff()
        while True:
            lasted = await self._stay_bound()
            if self._closing:
                return
            backoff = backoff.failed(lasted)
            wait = backoff.wait(random.random())  # spreads reconnects; no secret
            logger.warning("%s: %s; binding again in %.1f s", self.smsc.carrier, self._reason, wait)
            await asyncio.sleep(wait)

    async def _stay_bound(self) -> float:
        """Connect, bind, and return when that is over: how many seconds the bind lasted."""
        loop = asyncio.get_running_loop()
        self._bound_at, self._refused = 0.0, False
        try:
            connection = await self._connect()
        except (OSError, TimeoutError) as error:
            # OSError is what TLS and certificates fail with, too.
            self._reason = f"cannot connect ({_words(error)})"
            return 0.0
        try:
            await asyncio.shield(connection.closed)
        finally:
            connection.abort()
            if self._bound_at:
                self._since = utcnow()
            self.connection = None
            self._on_lost(self._reason)
        return loop.time() - self._bound_at if self._bound_at else 0.0

    async def _connect(self) -> SmppConnection:
        context = ssl.create_default_context(cafile=self.smsc.ca or None) if self.smsc.tls else None
        async with asyncio.timeout(CONNECT_SECONDS):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: SmppConnection(Role.ESME, self._config, self._hear, self._bind),
                self.smsc.host,
                self.smsc.port,
                ssl=context,
            )
        return connection

    def _bind(self, connection: SmppConnection) -> None:
        connection.session.bind(self._request, connection.now())

    def _hear(self, connection: SmppConnection, events: Sequence[e.Event]) -> None:
        for event in events:
            if isinstance(event, e.Bound):
                logger.info("%s: bound", self.smsc.carrier)
                self.connection = connection
                self._bound_at = connection.now()
            elif isinstance(event, e.BindRefused):
                self._refused, self._reason = True, status_name(event.status)
            elif isinstance(event, e.ProtocolViolation):
                logger.warning("%s: %s (%s)", self.smsc.carrier, event.detail, status_name(event.status))
            elif isinstance(event, e.Closed) and not self._refused:
                self._reason = event.reason
        self._on_events(connection, events)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} s"
    return getattr(error, "strerror", None) or type(error).__name__


def shown(moment: datetime) -> str:
    """A moment as the operator reads it, in UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
