"""SIP over TCP: connections are kept as long as their peers keep them, within limits; the endpoint cuts messages.

When there are as many as there may be, a new peer takes the place of one of the host that has most of them: whoever
fills the table fills it with its own, and keeps nobody else out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress
from typing import cast

from offhook.clock import monotonic
from offhook.log import RateLimit
from offhook.signalling.receiver import Receiver
from offhook.signalling.routes import plain
from offhook.sip.flow import TCP, Address, Flow, Send

logger = logging.getLogger(__name__)

MAX_CONNECTIONS = 2_000
"""Each costs a file descriptor and some 10 kB."""
MAX_CONNECTIONS_PER_HOST = 200
"""A phone needs one connection, a trunk few; more from one address is somebody filling the table."""
CONNECT_SECONDS = 5.0
SILENT_SECONDS = 30.0
IDLE_SECONDS = 2 * 7_200.0
"""A connection that never brought anything is closed soon; others outlive the longest registration."""
SWEEP_SECONDS = 10.0
MAX_UNSENT = 1024 * 1024
"""What may wait for a peer that does not read, or for a connection being opened."""
MAX_UNSENT_TOGETHER = 16 * 1024 * 1024
"""What may wait for all peers that do not read: the one for which most waits is given up when that is more."""
_SLOW = 16 * 1024
"""More than this waits for a peer that does not read: what is written is sent a moment later."""
_LOG_SECONDS = 10.0
"""Strangers connect, do not read and go away as often as they like: a line for each would fill the log."""


class Connections:
    """The TCP listener and every connection, inbound or ours, by the peer's address."""

    def __init__(self, owner: Receiver, listener: socket.socket | None) -> None:
        self.owner = owner
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._open: dict[Address, _Connection] = {}
        self._per_host: dict[str, int] = {}
        self._opening: dict[Address, list[bytes]] = {}
        self._slow: set[_Connection] = set()
        self._refused, self._unread, self._unreached = (RateLimit(_LOG_SECONDS) for _ in range(3))
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
        has = self._per_host.get(remote.host, 0)
        if has >= MAX_CONNECTIONS_PER_HOST or (
            len(self._open) >= MAX_CONNECTIONS and not self._make_room(has)
        ):
            if (more := self._refused.admit(monotonic())) is not None:
                logger.warning("too many SIP connections: one of %s is refused (%d more)", remote.host, more)
            return False
        self._open[remote] = connection
        self._per_host[remote.host] = self._per_host.get(remote.host, 0) + 1
        for data in self._opening.pop(remote, ()):
            connection.send(data)
        return True

    def _make_room(self, has: int) -> bool:
        """Close what has been idle for longest of the host with most connections, if those are more than `has`."""
        crowd = max(self._per_host, key=self._per_host.__getitem__)
        if self._per_host[crowd] <= has + 1:
            return False
        theirs = (each for each in self._open.values() if each.flow.remote.host == crowd)
        longest = min(theirs, key=lambda each: each.last)
        self.closed(longest)
        longest.transport.abort()
        return True

    def written(self, connection: _Connection, unsent: int) -> None:
        """Give up a peer that does not read, when too much waits for it or for all of those."""
        if unsent <= _SLOW:
            self._slow.discard(connection)
            return
        self._slow.add(connection)
        if unsent > MAX_UNSENT:
            self._give_up(connection)
            return
        waiting = {each: each.transport.get_write_buffer_size() for each in self._slow}
        if sum(waiting.values()) > MAX_UNSENT_TOGETHER:
            self._give_up(max(waiting, key=waiting.__getitem__))

    def _give_up(self, connection: _Connection) -> None:
        self._slow.discard(connection)
        if (more := self._unread.admit(monotonic())) is not None:
            host = connection.flow.remote.host
            logger.warning("a SIP connection of %s does not read: it is closed (%d more)", host, more)
        connection.transport.abort()

    def closed(self, connection: _Connection) -> None:
        """Forget a connection."""
        self._slow.discard(connection)
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
            if (more := self._unreached.admit(monotonic())) is not None:
                reason = str(error) or "no answer"
                logger.warning("cannot connect for SIP to %s port %d: %s (%d more)", host, port, reason, more)
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

    def __init__(self, owner: Connections, flow: Flow | None) -> None:
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
        remote = self._asked.remote if self._asked is not None else Address(plain(peer[0]), peer[1])
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
        self._owner.written(self, self.transport.get_write_buffer_size())
