"""SIP over UDP and TCP sockets: the shell that drives an `Endpoint` (RFC 3261 section 18).

All sockets feed one endpoint. What has come in is read in batches, handed over, and only then is what the
endpoint wants sent and told: no task and no timer for a packet. One timer of the event loop serves all timers
of the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from offhook.clock import monotonic
from offhook.config import Settings, inherited_socket
from offhook.signalling.connections import Connections
from offhook.signalling.datagrams import Datagrams
from offhook.signalling.routes import Routes, route
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import Event
from offhook.sip.flow import TCP, Address, Close, Flow, Send

logger = logging.getLogger(__name__)


class SipTransports:
    """The sockets of one endpoint.

    `on_events` is called with each batch of events; it must not block. After a command to the endpoint call
    `flush`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        settings: Settings,
        on_events: Callable[[list[Event]], None],
        *,
        udp: str | None = "sip_udp",
        tcp: str | None = "sip_tcp",
    ) -> None:
        """`udp` and `tcp` name the inherited sockets to serve; None for not that transport."""
        sockets = [None if name is None else inherited_socket(settings, name) for name in (udp, tcp)]
        self._set_up(endpoint, sockets[0], sockets[1], on_events)

    @classmethod
    def over(
        cls,
        endpoint: Endpoint,
        udp: socket.socket | None,
        tcp: socket.socket | None,
        on_events: Callable[[list[Event]], None],
    ) -> SipTransports:
        """Serve sockets that are already bound (and, for TCP, listening)."""
        made = cls.__new__(cls)
        made._set_up(endpoint, udp, tcp, on_events)
        return made

    def _set_up(
        self,
        endpoint: Endpoint,
        udp: socket.socket | None,
        tcp: socket.socket | None,
        on_events: Callable[[list[Event]], None],
    ) -> None:
        self.endpoint = endpoint
        self._on_events = on_events
        self._routes = Routes(udp, tcp)
        self._udp = None if udp is None else Datagrams(self, udp)
        self._tcp = Connections(self, tcp)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._flushing = False

    async def start(self) -> None:
        """Begin to read."""
        self._loop = asyncio.get_running_loop()
        if self._udp is not None:
            self._udp.start()
        await self._tcp.start()
        self.flush()

    async def close(self) -> None:
        """Stop, closing every connection; the endpoint's timers stand still."""
        self._on_events = _ignore
        if self._timer is not None:
            self._timer.cancel()
        if self._udp is not None:
            self._udp.close()
        await self._tcp.close()

    def flow(self, transport: str, remote: Address) -> Flow:
        """The way to a peer; `remote.host` is an address literal."""
        return Flow(transport, self._routes.local(transport, remote), remote)

    def is_local(self, host: str) -> bool:
        """Whether an address literal is one of this machine's: the way to it begins there."""
        return route(Address(host, 0)) == host

    def flush(self) -> None:
        """Send what the endpoint wants sent, tell what it tells, until it has nothing more to say."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while self._flush_once():
                pass
        finally:
            self._flushing = False
        self._schedule()

    def _flush_once(self) -> bool:
        actions = self.endpoint.actions()
        for action in actions:
            if isinstance(action, Close):
                logger.warning("closing a SIP connection of %s: %s", action.flow.remote.host, action.reason)
                self._tcp.drop(action.flow)
            else:
                self._send(action)
        events = self.endpoint.events()
        if events:
            try:
                self._on_events(events)
            except Exception:
                logger.exception("a SIP event could not be handled")
        return bool(actions or events)

    def _send(self, action: Send) -> None:
        if action.flow.transport == TCP:
            self._tcp.send(action)
        elif self._udp is not None:
            self._udp.send(action)
        else:
            self.lost(action.flow)

    def take(self, data: bytes, flow: Flow) -> None:
        """Hand octets to the endpoint; `flush` follows when the batch is through."""
        try:
            self.endpoint.receive(data, flow, monotonic())
        except Exception:
            logger.exception("a SIP message could not be handled")

    def lost(self, flow: Flow) -> None:
        """A flow is closed or cannot be opened."""
        self.endpoint.flow_closed(flow, monotonic())

    def _schedule(self) -> None:
        due = self.endpoint.next_timer()
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._loop.call_later(max(0.0, due - monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        try:
            self.endpoint.tick(monotonic())
        except Exception:
            logger.exception("a SIP timer could not be handled")
        self.flush()


def _ignore(events: list[Event]) -> None:
    """Nobody listens any more."""
