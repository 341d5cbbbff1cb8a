"""The audio connection to streams: taps out, feeds in, over a Unix socket that streams listens on.

It is opened when first needed, and again whenever it is lost. What streams is too slow to take is dropped by
whole ticks, so that memory stays bounded and the tick never waits. Streams is told how many ticks did not come, and
keeps the time of what it records.
"""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable
from typing import Final

from offhook.audio.frames import BatchError, BatchReader, lost, pack_batch
from offhook.media.sources import Feed

logger = logging.getLogger(__name__)

RECONNECT_SECONDS: Final = 0.25
MAX_PENDING_BYTES: Final = 8 * 1024 * 1024
MAX_FEEDS: Final = 4096
"""Feeds known at once; a peer that pushes to more is broken."""
MOST_LOST: Final = 1500
"""Ticks that streams is told of at most: after half a minute without audio nobody counts seconds."""
_BUFFER_BYTES: Final = 4 * 1024 * 1024

Watch = Callable[[int, int, Callable[[int], None] | None], None]
"""(file descriptor, epoll events, handler): watch it, or no longer when the handler is None."""


class StreamsLink:
    """The worker's end of the audio socket. `dropped` counts batches that were not sent."""

    def __init__(self, path: str, watch: Watch) -> None:
        self.dropped = 0
        self._lost = 0
        self._path = path
        self._watch = watch
        self._socket: socket.socket | None = None
        self._next_attempt = 0.0
        self._pending = bytearray()
        self._records: list[tuple[int, bytes | memoryview]] = []
        self._reader = BatchReader()
        self._feeds: dict[int, Feed] = {}
        self._claimed: set[int] = set()
        self._unwanted: set[int] = set()

    def feed(self, number: int) -> Feed:
        """The feed of this number, for a source that plays it."""
        self._claimed.add(number)
        self._unwanted.discard(number)
        return self._feeds.setdefault(number, Feed())

    def release(self, number: int) -> None:
        """A feed is no longer played; what still comes for it is dropped."""
        self._claimed.discard(number)
        feed = self._feeds.pop(number, None)
        if feed and not feed.ended:
            self._unwanted.add(number)

    def hear(self, tap: int, audio: bytes) -> None:
        """Put a tap's frame, or its end (no audio), into this tick's batch."""
        self._records.append((tap, audio))

    def leave_out(self, ticks: int) -> None:
        """So many ticks are not made: nothing is heard in their time."""
        self._lost = min(self._lost + ticks, MOST_LOST)

    @property
    def waiting(self) -> bool:
        """Whether something was heard that the next flush is to send."""
        return bool(self._records)

    def flush(self, now: float) -> None:
        """Send this tick's batch, as far as streams takes it. Called every tick."""
        if self._socket is None and now >= self._next_attempt:
            self._connect(now)
        records, self._records = self._records, []
        if not records:
            self._lost = 0
            return
        batch = pack_batch([lost(self._lost), *records] if self._lost else records)
        if self._socket is None or len(self._pending) + len(batch) > MAX_PENDING_BYTES:
            self.dropped += 1
            self.leave_out(1)
            return
        self._lost = 0
        self._pending += batch
        self._send()

    def _connect(self, now: float) -> None:
        self._next_attempt = now + RECONNECT_SECONDS
        fresh = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        fresh.setblocking(False)
        try:
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
            fresh.connect(self._path)
        except OSError:
            fresh.close()
            return
        self._socket = fresh
        self._reader = BatchReader()
        self._watch(fresh.fileno(), select.EPOLLIN, self._ready)
        logger.info("connected to streams")

    def _send(self) -> None:
        """Send what is pending; wait for room for the rest."""
        if self._socket is None:
            return
        try:
            sent = self._socket.send(self._pending)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._lose(str(error))
            return
        del self._pending[:sent]
        wanted = select.EPOLLIN | (select.EPOLLOUT if self._pending else 0)
        self._watch(self._socket.fileno(), wanted, self._ready)

    def _ready(self, events: int) -> None:
        """Read feeds, or go on sending."""
        if self._socket is None:
            return
        if events & select.EPOLLOUT:
            self._send()
        if not events & ~select.EPOLLOUT or self._socket is None:
            return
        try:
            data = self._socket.recv(262144)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(str(error))
            return
        if data:
            self._receive(data)
        else:
            self._lose("closed by streams", logging.INFO)

    def _receive(self, data: bytes) -> None:
        try:
            records = self._reader.feed(data)
        except BatchError as error:
            self._lose(str(error))
            return
        for number, audio in records:
            self._push(number, audio)

    def _push(self, number: int, audio: bytes) -> None:
        if number in self._unwanted:
            if not audio:
                self._unwanted.remove(number)
            return
        feed = self._feeds.get(number)
        if feed is None:
            if len(self._feeds) >= MAX_FEEDS:
                self._forget_unclaimed()
            feed = self._feeds[number] = Feed()
        feed.push(audio)

    def _forget_unclaimed(self) -> None:
        """Make room: feeds that nobody plays go."""
        self._feeds = {number: feed for number, feed in self._feeds.items() if number in self._claimed}

    def _lose(self, reason: str, level: int = logging.WARNING) -> None:
        """The connection is gone: feeds end, taps go on when it is back."""
        if self._socket is None:
            return
        logger.log(level, "lost the audio connection to streams: %s", reason)
        self._watch(self._socket.fileno(), 0, None)
        self._socket.close()
        self._socket = None
        self._pending.clear()
        self._unwanted.clear()
        for feed in self._feeds.values():
            feed.ended = True

    def close(self) -> None:
        if self._socket is not None:
            self._watch(self._socket.fileno(), 0, None)
            self._socket.close()
            self._socket = None
