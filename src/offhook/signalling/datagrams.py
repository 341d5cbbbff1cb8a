"""SIP over UDP: one socket, read in batches."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from offhook.clock import monotonic
from offhook.log import RateLimit
from offhook.signalling.receiver import Receiver
from offhook.signalling.routes import MAPPED, plain
from offhook.sip.flow import UDP, Address, Send

logger = logging.getLogger(__name__)

READ_BATCH = 64
"""Datagrams read before anything is answered: enough to be cheap, few enough to keep the loop responsive."""
_DATAGRAM = 65_535
RECEIVE_BUFFER = 4 * 1024 * 1024
"""A burst of some thousand messages waits in the kernel while the loop is busy."""


_LOG_SECONDS = 10.0
"""Whoever cannot be sent to may be anybody: a line for each datagram would fill the log."""


class Datagrams:
    """The UDP socket."""

    def __init__(self, owner: Receiver, bound: socket.socket) -> None:
        self._owner = owner
        self._socket = bound
        self._full, self._unsent, self._broken = (RateLimit(_LOG_SECONDS) for _ in range(3))
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
            host = MAPPED + host
        try:
            self._socket.sendto(action.data, (host, port))
        except BlockingIOError:
            if (more := self._full.admit(monotonic())) is not None:
                logger.warning("the SIP socket's send buffer is full (%d more)", more)
        except OSError as error:
            if (more := self._unsent.admit(monotonic())) is not None:
                logger.warning("cannot send SIP to %s: %s (%d more)", action.flow.remote.host, error, more)
            self._owner.lost(action.flow)

    def _read(self) -> None:
        for _ in range(READ_BATCH):
            try:
                data, source = self._socket.recvfrom(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if (more := self._broken.admit(monotonic())) is not None:
                    logger.warning("the SIP socket: %s (%d more)", error, more)
                break
            remote = Address(plain(source[0]), source[1])
            self._owner.take(data, self._owner.flow(UDP, remote))
        self._owner.flush()
