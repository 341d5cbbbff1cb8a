"""A connection of the HTTP server: how large a request's head may be, and how long anything may take to come.

Uvicorn's protocol over llhttp (RFC 9112), with limits that hold before any of the application runs: Falcon, as
ASGI says, waits for the first event of a body before it looks at a request, so a client that sends a head and
nothing more would be waited for, whoever it is. A whole head, a whole body and a client that takes its answer
are each waited for `patience` seconds; between requests the keep-alive timer of uvicorn runs.

An answer whose body is whole is one write, head and body, so that it costs one system call and wakes the client
once.

Leaves to others: how large a body may be (`offhook.api.body`).
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import unquote

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import (
    HEADER_VALUE_RE,
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from offhook.errors import more_info
from offhook.log import RateLimit

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent
    from uvicorn.config import Config
    from uvicorn.server import ServerState

logger = logging.getLogger(__name__)

MAX_HEAD: Final = 64 * 1024
"""Octets of a request line and its headers: several times a URL of 4,000 characters with every field known."""


MAX_CONNECTIONS: Final = 4_000
"""Of all clients: each may have sent a head, or as much of a body, before anybody knows who it is."""

_crowded = RateLimit(10.0)


class RefusedError(Exception):
    """The head of a request is not taken; raised through the parser, which ends the connection."""


class Exchange(RequestResponseCycle):
    """A request and its answer. The head of an answer waits for the first piece of its body."""

    _start: HTTPResponseStartEvent | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Take a piece of the answer, as ASGI says."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if (
                message["type"] == "http.response.body"
                and not message.get("more_body")
                and self._answer(start, message.get("body", b""))
            ):
                return
            await super().send(start)
        await super().send(message)

    def _answer(self, start: HTTPResponseStartEvent, body: bytes) -> bool:
        """Write an answer at once; False when it is not the plain case: uvicorn knows the others."""
        if (
            not self.keep_alive
            or self.disconnected
            or self.flow.write_paused
            or self.scope["method"] == "HEAD"
        ):
            return False
        headers = [*self.default_headers, *start.get("headers", ())]
        names = dict(headers)
        if names.get(b"content-length") != b"%d" % len(body) or b"connection" in names:
            return False
        lines = [name + b": " + value for name, value in headers]
        if HEADER_VALUE_RE.search(b"".join(lines)):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(STATUS_LINE[start["status"]] + b"\r\n".join((*lines, b"", body)))
        self.message_event.set()
        self.on_response()
        return True


class Connection(HttpToolsProtocol):
    """One connection. One timer runs as long as it does and looks what is due, so that a request costs none.

    Attributes:
        patience: seconds that a head, a body or an answer may take.
        most: connections of all clients.
    """

    patience: ClassVar[float] = 15.0
    most: ClassVar[int] = MAX_CONNECTIONS

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._refusal = (HTTPStatus.BAD_REQUEST, "The request is not HTTP")
        self._head_octets = -1  # of a head that has begun and is not whole
        self._read_due: float | None = None
        self._write_due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            if (more := _crowded.admit(self.loop.time())) is not None:
                logger.warning("too many HTTP connections: one is refused (%d more)", more)
            self._end(HTTPStatus.SERVICE_UNAVAILABLE, "There are too many connections")
            return
        self._read_due = self.loop.time() + self.patience
        self._timer = self.loop.call_later(self.patience, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Have a piece of a request parsed."""
        if self._read_due is None and (self.cycle is None or self.cycle.response_complete):
            self._read_due = self.loop.time() + self.patience
        before = self._head_octets
        super().data_received(data)
        # llhttp reports a field when it is whole. A piece that a head began in may hold other things before it.
        if before >= 0 and self._head_octets == before and not self.transport.is_closing():
            self._head_octets += len(data)
            if self._head_octets > MAX_HEAD:
                self._too_large()
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._head_octets = 0
        self._read_due = self.loop.time() + self.patience

    def on_headers_complete(self) -> None:
        """Have the application begin, unless the head is refused.

        Raises:
            RefusedError: it is too large, or it names no host or several (RFC 9112, section 3.2).
        """
        self._head_octets = -1
        octets, hosts = len(self.url), 0
        for name, value in self.headers:
            octets += len(name) + len(value) + 4
            hosts += name == b"host"
        if octets > MAX_HEAD:
            self._too_large()
            raise RefusedError
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):
            self._refusal = (HTTPStatus.BAD_REQUEST, "A request must have one Host header")
            raise RefusedError
        self._read_due = self.loop.time() + self.patience
        self._begin()

    def _begin(self) -> None:
        """Have the application answer the request, after those before it on this connection."""
        url = httptools.parse_url(self.url)
        path, version = url.path.decode("ascii"), self.parser.get_http_version()
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["http_version"] = version
        self.scope["path"] = unquote(path) if "%" in path else path
        self.scope["raw_path"] = url.path
        self.scope["query_string"] = url.query or b""
        before, self.cycle = (
            self.cycle,
            Exchange(
                self.scope,
                self.transport,
                self.flow,
                self.logger,
                self.access_logger,
                self.access_log,
                self.server_state.default_headers,
                asyncio.Event(),
                self.expect_100_continue,
                version != "1.0" and self.parser.should_keep_alive(),
                self.on_response_complete,
            ),
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_message_complete(self) -> None:
        """Expect nothing while the application works."""
        super().on_message_complete()
        self._read_due = None

    def pause_writing(self) -> None:
        """Expect the client to take what waits for it."""
        self._write_due = self.loop.time() + self.patience
        super().pause_writing()

    def resume_writing(self) -> None:
        """Expect nothing: it does."""
        self._write_due = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer a head that is refused, as Twilio words errors, and end the connection."""
        status, message = self._refusal
        self._end(status, message)

    def _too_large(self) -> None:
        message = f"The head of the request is larger than {MAX_HEAD} octets"
        self._refusal = (HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, message)

    def _look(self) -> None:
        """End the connection when something that is due has not come; look again when something may be."""
        now = self.loop.time()
        if self.transport.is_closing() or (self._write_due is not None and self._write_due <= now):
            # What was written last is not taken either.
            self.transport.abort()
            return
        answering = (
            self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        )
        if self._read_due is not None and self._read_due <= now and not answering:
            self._give_up()
        due = [time for time in (self._read_due, self._write_due) if time is not None and time > now]
        self._timer = self.loop.call_at(min(due, default=now + self.patience), self._look)

    def _give_up(self) -> None:
        """End a connection on which a request does not go on; answer it unless it has been answered."""
        cycle = self.cycle
        body_missing = self._head_octets < 0 and cycle is not None and not cycle.response_started
        if body_missing or self._head_octets >= 0:
            missing = "body" if body_missing else "head"
            logger.info("a request was given up: its %s did not come", missing)
            self._end(
                HTTPStatus.REQUEST_TIMEOUT,
                f"The {missing} of the request did not come within {self.patience:.0f} seconds",
            )
        else:
            self.transport.close()
        if body_missing:
            cycle.disconnected = True
            cycle.message_event.set()

    def _end(self, status: HTTPStatus, message: str) -> None:
        code = 20000 + status
        body = msgspec.json.encode(
            {"code": code, "message": message, "more_info": more_info(code), "status": status.value}
        )
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
