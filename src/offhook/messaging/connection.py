"""An SMPP session on a TCP connection: the asyncio shell of `smpp.session`, for either role.

The owner gets a batch of events at a time, acts on `connection.session`, and what it made the session say
is written when it returns; outside of that it calls `flush()`.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import cast

from offhook.smpp.events import Event
from offhook.smpp.session import Role, Session, SessionConfig, State

EventHandler = Callable[["SmppConnection", Sequence[Event]], None]


class SmppConnection(asyncio.Protocol):
    """One connection and its session.

    Args:
        on_events: called with what happened, in order; must not block.
        on_open: called once when the connection is made, as the place to bind from.
    """

    session: Session

    def __init__(
        self,
        role: Role,
        config: SessionConfig,
        on_events: EventHandler,
        on_open: Callable[["SmppConnection"], None] | None = None,
    ) -> None:
        self._role = role
        self._config = config
        self._on_events = on_events
        self._on_open = on_open
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_at = 0.0
        self._flushing = False
        self._flush_due = False
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self.peer = ""

    def now(self) -> float:
        """The time on the session's clock, in seconds."""
        return self._loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the connection is there."""
        self._transport = cast(asyncio.Transport, transport)
        connected: socket.socket | None = transport.get_extra_info("socket")
        if connected is not None and connected.family in (socket.AF_INET, socket.AF_INET6):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
        self.session = Session(self._role, self._config, self.now())
        if self._on_open is not None:
            self._on_open(self)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """asyncio: octets came."""
        self.session.receive(data, self.now())
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the connection is gone."""
        self._transport = None
        self.session.connection_lost()
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """asyncio: the peer does not read; until it does we do not either, so nothing piles up."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """asyncio: the peer reads again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def flush(self) -> None:
        """Hand out events, write what there is to write, and set the timer."""
        if self._flushing:
            return
        self._flushing = True
        try:
            while events := self.session.events():
                self._on_events(self, events)
        finally:
            self._flushing = False
        data = self.session.data_to_send()
        if self._transport is not None:
            if data:
                self._transport.write(data)
            if self.session.state is State.CLOSED:
                self._transport.close()
        self._arm()

    def flush_soon(self) -> None:
        """`flush` once the event loop comes round: one write for all that is said until then."""
        if not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_due = False
        self.flush()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _arm(self) -> None:
        """Have `tick` called in time. A timer that goes off too early is cheaper than one moved per packet."""
        deadline = self.session.next_timer(self.now())
        if deadline is None:
            return
        if self._timer is not None:
            if not self._timer.cancelled() and self._tick_at <= deadline:
                return
            self._timer.cancel()
        # uvloop's handle of a moment that has passed cannot tell when it was due.
        self._tick_at = deadline
        self._timer = self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.session.tick(self.now())
        # Even without an event, the pace may have opened again.
        self._on_events(self, ())
        self.flush()
