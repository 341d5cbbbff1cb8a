"""A keep-alive HTTP connection for benchmarks: one request under way at a time, and how long each answer took."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from typing import cast


class HttpClient(asyncio.Protocol, ABC):
    """One connection. What is asked, and when, is a subclass's business.

    Attributes:
        delays: seconds from each request to its whole answer.
        failed: answers that were neither 201 nor 202, and connections lost before the end.
        done: is set when `finish` was called or the connection is lost.
    """

    def __init__(self) -> None:
        self._buffer = b""
        self._sent_at = 0.0
        self.delays: list[float] = []
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @abstractmethod
    def next(self) -> None:
        """Send the next request, now or later, or finish. Called once connected and after each answer."""

    def send(self, request: bytes) -> float:
        """Send a request, and return when that was."""
        self._sent_at = time.perf_counter()
        self._transport.write(request)
        return self._sent_at

    def finish(self) -> None:
        """There is nothing more to ask."""
        if not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._buffer = body[length:]
        self.delays.append(time.perf_counter() - self._sent_at)
        self.failed += not head.startswith((b"HTTP/1.1 201", b"HTTP/1.1 202"))
        self.next()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.failed += 1
            self.done.set_result(None)
