"""SIP over UDP: one socket, read in batches."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import suppress

from offhook.signalling.receiver import Receiver
from offhook.signalling.routes import MAPPED, plain
from offhook.sip.flow import UDP, Address, Send

logger = logging.getLogger(__name__)

READ_BATCH = 64
"""Datagrams read before anything is answered: enough to be cheap, few enough to keep the loop responsive."""
_DATAGRAM = 65_535
RECEIVE_BUFFER = 4 * 1024 * 1024
"""A burst of some thousand messages waits in the kernel while the loop is busy."""


class Datagrams:
    """The UDP socket."""

    def __init__(self, owner: Receiver, bound: socket.socket) -> None:
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
            host = MAPPED + host
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
            remote = Address(plain(source[0]), source[1])
            self._owner.take(data, self._owner.flow(UDP, remote))
        self._owner.flush()
