"""SIP over UDP and TCP sockets: the shell that drives an `Endpoint` (RFC 3261 section 18).

All sockets feed one endpoint. What has come in is read in batches, handed over, and only then is what the
endpoint wants sent and told: no task and no timer for a packet. One timer of the event loop serves all timers
of the endpoint. TCP connections are kept for as long as their peer keeps them, within limits; messages are
framed by the endpoint.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from offhook.clock import monotonic
from offhook.config import Settings, inherited_socket
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import Event
from offhook.sip.flow import TCP, UDP, Address, Close, Flow, Send

logger = logging.getLogger(__name__)

#: Datagrams read before anything is answered: enough to be cheap, few enough to keep the loop responsive.
READ_BATCH = 64
_DATAGRAM = 65_535
#: A burst of some thousand messages waits in the kernel while the loop is busy.
RECEIVE_BUFFER = 4 * 1024 * 1024
#: Each costs a file descriptor and some 10 kB.
MAX_CONNECTIONS = 2_000
#: A phone needs one connection, a trunk few; more from one address is somebody filling the table.
MAX_CONNECTIONS_PER_HOST = 200
CONNECT_SECONDS = 5.0
#: A connection that never brought anything is closed soon; others outlive the longest registration.
SILENT_SECONDS = 30.0
IDLE_SECONDS = 2 * 7_200.0
SWEEP_SECONDS = 10.0
#: What may wait for a peer that does not read, or for a connection being opened.
MAX_UNSENT = 1024 * 1024
_MAPPED = "::ffff:"


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
        self._routes = _Routes(udp, tcp)
        self._udp = None if udp is None else _Datagrams(self, udp)
        self._tcp = _Connections(self, tcp)
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
        return _route(Address(host, 0)) == host

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


class _Routes:
    """Which local address a peer is told. A wildcard socket's is found by asking the kernel for the route."""

    _MAX_CACHED = 4_096

    def __init__(self, udp: socket.socket | None, tcp: socket.socket | None) -> None:
        self._bound = {
            transport: Address(*bound.getsockname()[:2])
            for transport, bound in ((UDP, udp), (TCP, tcp))
            if bound is not None
        }
        self._cache: dict[str, str] = {}

    def local(self, transport: str, remote: Address) -> Address:
        bound = self._bound.get(transport) or next(iter(self._bound.values()))
        if bound.host not in ("0.0.0.0", "::"):
            return Address(_plain(bound.host), bound.port)
        host = self._cache.get(remote.host)
        if host is None:
            if len(self._cache) >= self._MAX_CACHED:
                self._cache.clear()
            host = self._cache[remote.host] = _route(remote)
        return Address(host, bound.port)


def _route(remote: Address) -> str:
    family = socket.AF_INET6 if ":" in remote.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote.host, remote.port or 9))
        except OSError:
            return "::1" if family is socket.AF_INET6 else "127.0.0.1"
        host: str = probe.getsockname()[0]
    return host


class _Datagrams:
    """The UDP socket."""

    def __init__(self, owner: SipTransports, bound: socket.socket) -> None:
        self._owner = owner
        self._socket = bound
        self._mapped = bound.family is socket.AF_INET6
        bound.setblocking(False)
        with suppress(OSError):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)

    def start(self) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, action: Send) -> None:
        """Send a datagram. A full buffer loses it like the network would: SIP sends it again."""
        host, port = action.flow.remote
        if self._mapped and ":" not in host:
            host = _MAPPED + host
        try:
            self._socket.sendto(action.data, (host, port))
        except BlockingIOError:
            logger.warning("the SIP socket's send buffer is full")
        except OSError as error:
            logger.warning("cannot send SIP to %s: %s", action.flow.remote.host, error)
            self._owner.lost(action.flow)

    def _read(self) -> None:
        for _ in range(READ_BATCH):
            try:
                data, source = self._socket.recvfrom(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                logger.warning("the SIP socket: %s", error)
                break
            remote = Address(_plain(source[0]), source[1])
            self._owner.take(data, self._owner.flow(UDP, remote))
        self._owner.flush()


class _Connections:
    """The TCP listener and every connection, inbound or ours, by the peer's address."""

    def __init__(self, owner: SipTransports, listener: socket.socket | None) -> None:
        self.owner = owner
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._open: dict[Address, _Connection] = {}
        self._per_host: dict[str, int] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._listener is not None:
            self._server = await self._loop.create_server(
                lambda: _Connection(self, None), sock=self._listener
            )
        self._sweep()

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for task in list(self._tasks):
            task.cancel()
        for connection in list(self._open.values()):
            connection.transport.abort()
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def send(self, action: Send) -> None:
        remote = action.flow.remote
        connection = self._open.get(remote)
        if connection is not None:
            connection.send(action.data)
        elif remote in self._opening:
            self._queue(remote, action.data)
        elif action.connect:
            self._opening[remote] = [action.data]
            task = self._loop.create_task(self._connect(action.flow))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            logger.debug("no connection to answer on")

    def drop(self, flow: Flow) -> None:
        """Close a connection."""
        connection = self._open.get(flow.remote)
        if connection is not None:
            connection.transport.close()

    def opened(self, connection: _Connection, remote: Address) -> bool:
        """Take a new connection; False when there are too many."""
        if (
            len(self._open) >= MAX_CONNECTIONS
            or self._per_host.get(remote.host, 0) >= MAX_CONNECTIONS_PER_HOST
        ):
            logger.warning("too many SIP connections: one of %s is refused", remote.host)
            return False
        self._open[remote] = connection
        self._per_host[remote.host] = self._per_host.get(remote.host, 0) + 1
        for data in self._opening.pop(remote, ()):
            connection.send(data)
        return True

    def closed(self, connection: _Connection) -> None:
        """Forget a connection."""
        remote = connection.flow.remote
        if self._open.get(remote) is not connection:
            return
        del self._open[remote]
        self._per_host[remote.host] -= 1
        if not self._per_host[remote.host]:
            del self._per_host[remote.host]
        self.owner.lost(connection.flow)
        self.owner.flush()

    def _queue(self, remote: Address, data: bytes) -> None:
        waiting = self._opening[remote]
        if sum(map(len, waiting)) + len(data) <= MAX_UNSENT:
            waiting.append(data)

    async def _connect(self, flow: Flow) -> None:
        host, port = flow.remote
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._loop.create_connection(lambda: _Connection(self, flow), host, port)
        except (OSError, TimeoutError) as error:
            logger.warning("cannot connect for SIP to %s: %s", host, error or "no answer")
        if self._opening.pop(flow.remote, None) is not None:
            self.owner.lost(flow)
            self.owner.flush()

    def _sweep(self) -> None:
        """Close what has been idle for too long: one timer for all connections."""
        now = monotonic()
        for connection in list(self._open.values()):
            if now - connection.last > (IDLE_SECONDS if connection.used else SILENT_SECONDS):
                connection.transport.close()
        self._sweeper = self._loop.call_later(SWEEP_SECONDS, self._sweep)


class _Connection(asyncio.Protocol):
    """One TCP connection. `used` once the peer has sent anything or we have."""

    transport: asyncio.Transport
    flow: Flow

    def __init__(self, owner: _Connections, flow: Flow | None) -> None:
        self._owner = owner
        self._asked = flow
        self.last = monotonic()
        self.used = flow is not None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have this interface without inheriting from it.
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        bound = transport.get_extra_info("socket")
        if bound is not None:
            with suppress(OSError):
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        remote = self._asked.remote if self._asked is not None else Address(_plain(peer[0]), peer[1])
        self.flow = self._asked or self._owner.owner.flow(TCP, remote)
        if not self._owner.opened(self, remote):
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.last = monotonic()
        self.used = True
        self._owner.owner.take(data, self.flow)
        self._owner.owner.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.closed(self)

    def send(self, data: bytes) -> None:
        """Write; a peer that does not read is given up."""
        self.last = monotonic()
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            logger.warning("a SIP connection of %s does not read", self.flow.remote.host)
            self.transport.abort()


def _plain(host: str) -> str:
    """An IPv4 address as itself where an IPv6 socket shows it mapped; a zone index is dropped."""
    if host.startswith(_MAPPED):
        return host[len(_MAPPED) :]
    return host.partition("%")[0]


def _ignore(events: list[Event]) -> None:
    """Nobody listens any more."""
