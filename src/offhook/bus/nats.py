"""NATS: work queues (JetStream), request/reply and live events.

What goes over the bus is never the truth, only the news of it, so this client may lose things and says
so where it can: PostgreSQL's outbox keeps what must be done, and consumers look into it themselves
(`janitor.sweeper`). The stream is kept in memory for that reason: it has nothing to lose, and a full disk cannot
stop it. The connection is kept for ever; when the server comes back without its store, the stream and the
consumers are made again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError

from offhook import metrics
from offhook.bus import subjects
from offhook.bus.audience import RENEW_SECONDS, Audience
from offhook.bus.queue import Handler, Pull, Work
from offhook.clock import monotonic
from offhook.log import RateLimit

__all__ = ["Bus", "Handler", "RequestError", "Work"]

logger = logging.getLogger(__name__)

DEDUPLICATION_SECONDS: Final = 30.0
MAX_WORK_BYTES: Final = 32 * 1024 * 1024
"""What the work queues hold; more is refused, and stays in the outbox."""

MAX_OUTGOING: Final = 100_000
"""Messages that may wait to be written to the socket; more are dropped."""

TOLD_TOGETHER: Final = 50
"""Outbox rows in one message at most: few enough to be shared by several consumers."""

ACK_SECONDS: Final = 60.0

_PAUSE_SECONDS = 0.2
_WARN_SECONDS = 10.0
_PENDING_BYTES = 8 * 1024 * 1024

_errors = RateLimit(_WARN_SECONDS)
_unannounced = metrics.registry.counter("announcements_lost", labels=1)

Server = Callable[[bytes], Awaitable[bytes]]


class RequestError(Exception):
    """Nobody answered a request, or not in time."""


class Notice(Protocol):
    """A committed row of the outbox, as `store.records.WorkNotice` has it."""

    @property
    def topic(self) -> str: ...
    @property
    def id(self) -> int: ...
    @property
    def sid(self) -> str: ...


class Bus:
    """A connection to NATS. Make one with `connect`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._outgoing: deque[tuple[str, bytes, dict[str, str] | None, str]] = deque()
        self._posting: asyncio.Task[None] | None = None
        self._pulls: set[Pull] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stream_ready = asyncio.Lock()
        self._acknowledgements = ""
        self._audience = Audience()
        self._listening: list[str] = []
        self._warnings = RateLimit(_WARN_SECONDS)
        self._closing = False

    @classmethod
    async def connect(cls, url: str, name: str) -> Bus:
        """Connect, trying for as long as it takes, and make the work stream if it is not there.

        Args:
            url: `nats://[TOKEN@]HOST:PORT`, several separated by commas.
            name: shown by the server for this connection.
        """
        client = Client()
        bus = cls(client)
        await client.connect(
            servers=url.split(","),
            name=name,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_PAUSE_SECONDS,  # type: ignore[arg-type]  # any number of seconds
            connect_timeout=2,
            ping_interval=10,
            max_outstanding_pings=2,
            pending_size=_PENDING_BYTES,
            error_cb=_log_error,
            disconnected_cb=bus._disconnected,
            reconnected_cb=bus._reconnected,
        )
        bus._acknowledgements = client.new_inbox()
        await client.subscribe(bus._acknowledgements, cb=bus._acknowledged)
        await client.subscribe(subjects.ALL_LISTENS, cb=bus._listener_told)
        await client.subscribe(subjects.LISTENERS, cb=bus._listeners_asked)
        bus._ask_who_listens()
        await bus._ensure_stream()
        return bus

    async def close(self) -> None:
        """Send what waits to be sent, and disconnect."""
        self._closing = True
        if self._posting is not None:
            await asyncio.wait([self._posting], timeout=1)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._client.flush(1)
        with contextlib.suppress(NatsError, OSError):
            await self._client.close()

    async def _disconnected(self) -> None:
        if not self._closing:
            logger.warning("NATS is away, connecting again")

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client.is_connected

    def announce(self, notices: Sequence[Notice]) -> None:
        """Tell of committed outbox rows, without waiting: what gets lost a sweeper finds in the outbox.

        Callbacks are announced as one wake-up, as the dispatcher asks the outbox what comes next. Texts that are
        committed together are announced together; calls one by one, so that they spread over voice nodes. JetStream
        is asked about the last of them only, whose fate the others share.
        """
        items: dict[str, list[subjects.WorkItem]] = {}
        for notice in notices:
            items.setdefault(notice.topic, []).append(subjects.WorkItem(notice.id, notice.sid))
        for topic, size in ((subjects.WORK_CALLS, 1), (subjects.WORK_MESSAGES, TOLD_TOGETHER)):
            work = items.pop(topic, [])
            for start in range(0, len(work), size):
                self._announce(topic, work[start : start + size], start + size >= len(work))
        if items:
            self._post(subjects.WAKE_CALLBACKS, b"")

    def _announce(self, topic: str, items: Sequence[subjects.WorkItem], asked: bool) -> None:
        identity = {"Nats-Msg-Id": "-".join(str(item.id) for item in (items[0], *items[1:][-1:]))}
        reply = self._acknowledgements if asked else ""
        if not self._post(topic, subjects.encode_work(items), identity, reply):
            self._lost("away" if not self._client.is_connected else "too many wait")

    def emit_entry(self, account_sid: str, sid: str, encode: Callable[[], bytes]) -> None:
        """Tell a timeline entry live, without waiting; lost when NATS is away.

        `encode` gives its JSON, and is not called when nobody listens.
        """
        if self._audience.hears(account_sid, monotonic()):
            self._post(subjects.events(account_sid, sid), encode())

    def emit(self, subject: str, payload: bytes) -> None:
        """Publish a plain message, without waiting; lost when nobody listens or NATS is away."""
        self._post(subject, payload)

    async def consume(self, subject: str, durable: str, batch: int, handler: Handler) -> None:
        """Hand the messages of a work queue to `handler`, up to `batch` at a time, until cancelled.

        Consumers of one `durable` name share the queue. Messages are acknowledged when the handler
        returns, so it must have claimed the rows by then; when it raises, they come again a second later.
        """
        pull = Pull(self._client, subject, durable, batch)
        self._pulls.add(pull)
        try:
            while True:
                try:
                    await self._ensure_stream()
                    await self._ensure_consumer(subject, durable)
                    await pull.run(handler)
                except (NatsError, OSError, TimeoutError) as error:
                    logger.warning("work queue %s: %s, trying again", subject, type(error).__name__)
                    await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            self._pulls.discard(pull)

    async def request(
        self,
        subject: str,
        payload: bytes,
        timeout: float = 2.0,  # noqa: ASYNC109 (it is NATS that waits)
    ) -> bytes:
        """Ask whoever serves `subject` and return the answer.

        Raises:
            RequestError: nobody serves it, or no answer came within `timeout` seconds.
        """
        try:
            answer = await self._client.request(subject, payload, timeout=timeout)
        except (NoRespondersError, NatsError, OSError, TimeoutError) as error:
            raise RequestError(f"{subject}: {type(error).__name__}") from error
        return answer.data

    async def serve(self, subject: str, answer: Server) -> None:
        """Answer requests on `subject` from now on. Each is answered in a task of its own.

        An exception in `answer` is logged and nobody is answered.
        """

        async def received(message: Msg) -> None:
            self._start(self._answer(message, answer))

        await self._client.subscribe(subject, cb=received)
        await self._settle()

    async def subscribe(
        self, subject: str, received: Callable[[str, bytes], Awaitable[None]], queue: str = ""
    ) -> Callable[[], Awaitable[None]]:
        """Hear plain messages on `subject` (wildcards allowed) until the function returned is awaited.

        Of several that name one `queue`, one hears each message.
        """

        async def heard(message: Msg) -> None:
            await received(message.subject, message.data)

        subscription = await self._client.subscribe(subject, queue=queue, cb=heard)
        await self._settle()
        return subscription.unsubscribe

    async def listen(
        self, account_sid: str, received: Callable[[str, bytes], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        """Hear the timelines of an account, and have them told, until the function returned is awaited."""
        self._audience.listens(account_sid, monotonic())
        self._listening.append(account_sid)
        with contextlib.suppress(NatsError, OSError):
            # Before the subscription, which waits for the server: all have been told when this returns.
            await self._client.publish(subjects.listens(account_sid))
        listening = self._start(self._keep_listening(account_sid))
        unsubscribe = await self.subscribe(subjects.account_events(account_sid), received)

        async def stop() -> None:
            listening.cancel()
            self._listening.remove(account_sid)
            await unsubscribe()

        return stop

    async def _keep_listening(self, account_sid: str) -> None:
        """Say again and again that somebody listens."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            self.emit(subjects.listens(account_sid), b"")

    def _ask_who_listens(self) -> None:
        """Ask on a new connection, and say whom we hear: the others may have been told nothing for a while."""
        self._audience.connected(monotonic())
        self.emit(subjects.LISTENERS, b"")
        self._say_listening()

    def _say_listening(self) -> None:
        for account_sid in set(self._listening):
            self.emit(subjects.listens(account_sid), b"")

    async def _listeners_asked(self, message: Msg) -> None:
        self._say_listening()

    async def _listener_told(self, message: Msg) -> None:
        self._audience.listens(message.subject.partition(".")[2], monotonic())

    async def _settle(self) -> None:
        """Return when the server knows of what was subscribed; if it is away, it will be told on return.

        A request to nobody follows the subscription on its way, and what the server answers shows that it has
        read both. The client's own flush would not do: its PING overtakes what waits to be written.
        """
        with contextlib.suppress(NatsError, OSError, TimeoutError):
            await self._client.request(self._client.new_inbox(), timeout=2)

    async def serve_health(self, node: str, role: str) -> None:
        """Answer how this process is, as `metrics.registry` has it, on `health.NODE.ROLE`."""

        async def report(payload: bytes) -> bytes:
            return msgspec.json.encode(metrics.registry.report())

        await self.serve(subjects.health(node, role), report)

    def _post(
        self, subject: str, payload: bytes, headers: dict[str, str] | None = None, reply: str = ""
    ) -> bool:
        """Publish in the background; False when NATS is away or too much waits to be written already."""
        if not self._client.is_connected or len(self._outgoing) >= MAX_OUTGOING:
            return False
        self._outgoing.append((subject, payload, headers, reply))
        if self._posting is None or self._posting.done():
            self._posting = self._start(self._post_all())
        return True

    async def _post_all(self) -> None:
        while self._outgoing:
            subject, payload, headers, reply = self._outgoing.popleft()
            await self._client.publish(subject, payload, reply, headers)

    async def _acknowledged(self, message: Msg) -> None:
        """Hear what became of an announcement: JetStream stores it, refuses it, or is not there."""
        if message.headers and message.headers.get("Status"):
            self._lost("JetStream does not answer")
        elif b'"error"' in message.data:
            self._lost(_reason(message.data))

    def _lost(self, why: str) -> None:
        """Count an announcement that did not get through; its row stays in the outbox."""
        _unannounced.add(1, why)
        if (left_out := self._warnings.admit(monotonic())) is not None:
            logger.warning("work was not announced, it waits in the outbox: %s (%d more)", why, left_out)

    async def _answer(self, message: Msg, answer: Server) -> None:
        await message.respond(await answer(message.data))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, NatsError | OSError | TimeoutError):
                logger.warning("not published: %s", type(error).__name__)
            else:
                logger.error("a task of the bus failed", exc_info=error)

    async def _reconnected(self) -> None:
        logger.info("NATS is back")
        self._ask_who_listens()
        for pull in self._pulls:
            pull.interrupt()

    async def _ensure_stream(self) -> None:
        """Make the work stream unless it is there; safe in several processes at once."""
        async with self._stream_ready:
            manager = self._client.jsm()
            try:
                known = await manager.stream_info(subjects.STREAM)
                if known.config.storage == StorageType.MEMORY:
                    return
                # One that an older version kept in files. What it holds is in the outbox as well.
                await manager.delete_stream(subjects.STREAM)
            except NotFoundError:
                pass
            config = StreamConfig(
                name=subjects.STREAM,
                subjects=list(subjects.STREAM_SUBJECTS),
                retention=RetentionPolicy.WORK_QUEUE,
                storage=StorageType.MEMORY,
                max_bytes=MAX_WORK_BYTES,
                discard=DiscardPolicy.NEW,
                duplicate_window=DEDUPLICATION_SECONDS,
            )
            with contextlib.suppress(BadRequestError):
                await manager.add_stream(config)

    async def _ensure_consumer(self, subject: str, durable: str) -> None:
        await self._client.jsm().add_consumer(
            subjects.STREAM,
            ConsumerConfig(
                durable_name=durable,
                filter_subject=subject,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=ACK_SECONDS,
                max_ack_pending=10_000,
            ),
        )


def _reason(acknowledgement: bytes) -> str:
    """Why JetStream refused a message, as its PubAck says."""
    with contextlib.suppress(msgspec.DecodeError, KeyError, TypeError):
        return str(msgspec.json.decode(acknowledgement)["error"]["description"])
    return "refused"


async def _log_error(error: Exception) -> None:
    if isinstance(error, nats.errors.UnexpectedEOF | OSError | TimeoutError):
        return
    if (left_out := _errors.admit(monotonic())) is not None:
        logger.warning("NATS: %s (%d more)", str(error) or type(error).__name__, left_out)
