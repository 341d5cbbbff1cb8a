"""A real SMSC on a loopback socket, made of the platform's own session: a sink for tests and benchmarks.

It takes every message, answers it as `answer` decides, and sends a delivery receipt `receipt_after` seconds
later: again, on the next bind, when it is not acknowledged.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable, Sequence

from offhook.messaging.connection import SmppConnection
from offhook.smpp import receipt as receipts
from offhook.smpp.bodies import Body, DeliverSm, DeliverSmResp, SubmitSm, SubmitSmResp
from offhook.smpp.events import Answered, BindRequested, Closed, Event, Overdue, Requested, Unanswered
from offhook.smpp.session import BOUND, Role, SessionConfig
from offhook.smpp.vocabulary import EsmClass, MessageState, Status

Answer = Callable[[SubmitSm], int | None]
"""The command_status for a message, or None for no answer at all."""


class Smsc:
    """An SMSC that lets `system_id` in with `password`.

    Attributes:
        texts: the messages it took, as they came; left empty when `keep` is False.
        count: how many it took.
        attempts: how many binds were asked for.
        answer: see `Answer`.
        respond_as: the id given to the nth text.
        turn_ended: called when what came at once is answered.
        receipt_after: seconds until a receipt, or None for none.
        receipt_state, receipt_error: what the receipts say.
    """

    def __init__(self, system_id: str = "offhook", password: str = "secret", *, keep: bool = True) -> None:
        self.system_id = system_id
        self.password = password
        self.keep = keep
        self.texts: list[SubmitSm] = []
        self.count = 0
        self.attempts = 0
        self.answer: Answer = lambda _: 0
        self.respond_as: Callable[[int], str] = lambda number: f"{self._prefix}{number:x}"
        self.turn_ended: Callable[[], None] = lambda: None
        self.receipt_after: float | None = 0.0
        self.receipt_state = MessageState.DELIVERED
        self.receipt_error = "000"
        self.bind_status = 0
        self.connections: set[SmppConnection] = set()
        self.changed = asyncio.Condition()
        self.session_config = SessionConfig(window=1000)
        self._server: asyncio.Server | None = None
        self._pending: deque[DeliverSm] = deque()
        self._due: asyncio.TimerHandle | None = None
        self._answers: dict[object, asyncio.Future[int]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self._prefix = secrets.token_hex(4)

    async def __aenter__(self) -> Smsc:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SmppConnection(Role.SMSC, self.session_config, self._on_events, self.connections.add),
            "127.0.0.1",
            port or self.port,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        self.drop()
        if self._due is not None:
            self._due.cancel()
        await asyncio.sleep(0)

    def drop(self) -> None:
        """Drop every connection without a word."""
        for connection in list(self.connections):
            connection.abort()
        self.connections.clear()

    async def deliver(
        self, source: str, destination: str, message: bytes, *, esm_class: int = 0, data_coding: int = 0
    ) -> int:
        """Send a text to the bound ESME and return the command_status it answers with."""
        body = DeliverSm(
            source,
            destination,
            message,
            source_addr_ton=1,
            source_addr_npi=1,
            dest_addr_ton=1,
            dest_addr_npi=1,
            esm_class=esm_class,
            data_coding=data_coding,
        )
        return await self.send(body)

    async def send(self, body: Body) -> int:
        """Send a request of any kind and return the command_status it is answered with."""
        connection = next(c for c in self.connections if c.session.state in BOUND)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        connection.session.request(body, future, connection.now())
        connection.flush()
        return await future

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait until something that came in makes `condition` true."""
        async with self.changed:
            await self.changed.wait_for(condition)

    def _on_events(self, connection: SmppConnection, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Requested):
                self._take(connection, event)
            elif isinstance(event, Answered):
                if isinstance(event.token, asyncio.Future) and not event.token.done():
                    event.token.set_result(event.status)
            elif isinstance(event, Overdue | Unanswered) and isinstance(event.token, DeliverSm):
                self._pending.append(event.token)
            elif isinstance(event, Closed):
                self.connections.discard(connection)
            elif isinstance(event, BindRequested):
                self._let_in(connection, event)
        self.turn_ended()
        self._schedule()
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    def _let_in(self, connection: SmppConnection, event: BindRequested) -> None:
        self.attempts += 1
        known = event.bind.system_id == self.system_id and event.bind.password == self.password
        status = self.bind_status or (0 if known else Status.RINVPASWD)
        if status:
            connection.session.refuse_bind(event, status)
            return
        connection.session.accept_bind(event, "sink", connection.now())

    def _take(self, connection: SmppConnection, event: Requested) -> None:
        message = event.body
        if not isinstance(message, SubmitSm):
            connection.session.respond(event.sequence, DeliverSmResp(), Status.RINVCMDID)
            return
        status = self.answer(message)
        if status is None:
            return
        if status:
            connection.session.respond(event.sequence, SubmitSmResp(), status)
            return
        self.count += 1
        if self.keep:
            self.texts.append(message)
        message_id = self.respond_as(self.count)
        connection.session.respond(event.sequence, SubmitSmResp(message_id))
        if self.receipt_after is not None and message.registered_delivery:
            self._pending.append(self._receipt(message, message_id))

    def _receipt(self, message: SubmitSm, message_id: str) -> DeliverSm:
        report = receipts.Receipt(
            message_id, self.receipt_state, self.receipt_error, "2611232200", "2611232200"
        )
        text, tlvs = receipts.write(report)
        return DeliverSm(
            message.destination_addr,
            message.source_addr,
            text,
            esm_class=EsmClass.DELIVERY_RECEIPT,
            tlvs=tlvs,
        )

    def _schedule(self) -> None:
        if self._pending and self._due is None and self.receipt_after is not None:
            loop = asyncio.get_running_loop()
            self._due = loop.call_later(self.receipt_after, self._send_receipts)

    def _send_receipts(self) -> None:
        """Send what is due on whatever bind there is; the rest waits for the next event."""
        self._due = None
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            room = min(connection.session.capacity(now), len(self._pending))
            for _ in range(room):
                body = self._pending.popleft()
                connection.session.request(body, body, now)
            if room:
                connection.flush()
