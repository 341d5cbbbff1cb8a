"""The worker's control socket: voice connects, sends commands, and receives events.

One voice node steers a worker. When its connection ends, or another one takes its place, its legs are closed.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from offhook.bus.ipc import Frames, encode
from offhook.errors import RemoteProtocolError
from offhook.media import protocol
from offhook.media.streams_link import Watch

logger = logging.getLogger(__name__)

MAX_PENDING_BYTES: Final = 16 * 1024 * 1024
"""A controller that leaves this many events unread is dead."""
READ_BYTES: Final = 2048
"""So many bytes of commands, a few dozen, are carried out before packets and the tick are looked after again."""


class ControlServer:
    """Listens at `path`; hands each command to `on_command`, in order, and calls `on_gone` when voice is gone."""

    def __init__(
        self,
        path: str,
        watch: Watch,
        on_command: Callable[[protocol.Command], None],
        on_gone: Callable[[], None],
    ) -> None:
        self._watch = watch
        self._on_command = on_command
        self._on_gone = on_gone
        self._path = path
        self._peer: socket.socket | None = None
        self._frames: Frames[protocol.Command] = Frames(protocol.Command)
        self._pending = bytearray()
        self._listening = _listen(path)
        watch(self._listening.fileno(), select.EPOLLIN, self._accept)

    def tell(self, event: protocol.Event) -> None:
        """Queue an event for the controller; it leaves with the next `flush`."""
        if self._peer is not None:
            self._pending += encode(event)

    def flush(self) -> None:
        """Send queued events, as far as the controller takes them."""
        if not self._pending or self._peer is None:
            return
        try:
            sent = self._peer.send(self._pending)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._drop(str(error))
            return
        del self._pending[:sent]
        if len(self._pending) > MAX_PENDING_BYTES:
            self._drop("does not read its events")

    def _accept(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            peer, _address = self._listening.accept()
            if self._peer is not None:
                self._drop("another controller took over")
            peer.setblocking(False)
            self._peer = peer
            self._frames = Frames(protocol.Command)
            self._watch(peer.fileno(), select.EPOLLIN, self._ready)
            logger.info("controller connected")

    def _ready(self, _: int) -> None:
        """Read commands."""
        if self._peer is None:
            return
        try:
            data = self._peer.recv(READ_BYTES)
            commands = self._frames.feed(data)
        except BlockingIOError:
            return
        except (OSError, RemoteProtocolError) as error:
            self._drop(str(error))
            return
        if not data:
            self._drop("it closed the connection", logging.INFO)
            return
        for command in commands:
            self._on_command(command)

    def _drop(self, reason: str, level: int = logging.WARNING) -> None:
        """The controller is gone, and what it wanted with it."""
        if self._peer is None:
            return
        logger.log(level, "controller gone: %s", reason)
        self._watch(self._peer.fileno(), 0, None)
        self._peer.close()
        self._peer = None
        self._pending.clear()
        self._on_gone()

    def close(self) -> None:
        """Stop listening and let the controller go."""
        self.flush()
        if self._peer is not None:
            self._drop("the worker ends")
        self._watch(self._listening.fileno(), 0, None)
        self._listening.close()
        Path(self._path).unlink(missing_ok=True)


def _listen(path: str) -> socket.socket:
    """A listening socket at a path, in place of a dead worker's. Whoever finds the path can connect."""
    fresh = f"{path}.new"
    Path(fresh).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.setblocking(False)
    listening.bind(fresh)
    Path(fresh).chmod(0o600)
    listening.listen(4)
    Path(fresh).replace(path)
    return listening
