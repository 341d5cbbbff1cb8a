"""Reading a work queue: one pull request after the other on a durable consumer of JetStream.

The server's side is the subject `$JS.API.CONSUMER.MSG.NEXT.STREAM.DURABLE`: a request for a batch is
answered by up to that many messages, the moment they are there, and, when it ends early, by a message
without a body and with a `Status` header. nats-py's own `fetch` waits for a full batch until its
timeout, so it is not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from offhook.bus import subjects
from offhook.clock import monotonic

logger = logging.getLogger(__name__)

REDELIVERY_SECONDS: Final = 1.0
_PULL_SECONDS: Final = 30.0

Work = subjects.WorkItem
Handler = Callable[[Sequence[Work]], Awaitable[None]]


class Pull:
    """Keeps one request open with the server for messages of a durable consumer.

    What comes while the handler is busy is its next batch.
    """

    def __init__(self, client: Client, subject: str, durable: str, batch: int) -> None:
        self._client = client
        self._subject = subject
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.STREAM}.{durable}"
        self._batch = batch
        self._arrived: list[Msg] = []
        self._wake = asyncio.Event()
        self._outstanding = 0
        self._until = 0.0
        self._broken = False

    def interrupt(self) -> None:
        """Ask again: the connection was lost, and with it the request."""
        self._broken = True
        self._wake.set()

    async def run(self, handler: Handler) -> None:
        """Pull and hand out until the consumer or the connection has to be made again, which is returned."""
        self._broken, self._outstanding, self._arrived = False, 0, []
        inbox = self._client.new_inbox()
        subscription = await self._client.subscribe(inbox, cb=self._received)
        try:
            while not self._broken:
                await self._ask(inbox)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.01, self._until - monotonic())):
                        await self._wake.wait()
                self._wake.clear()
                while self._arrived:
                    batch, self._arrived = self._arrived[: self._batch], self._arrived[self._batch :]
                    await self._handle(batch, handler)
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _ask(self, inbox: str) -> None:
        now = monotonic()
        if self._outstanding > 0 and now < self._until:
            return
        self._outstanding = self._batch
        self._until = now + _PULL_SECONDS
        expires = int((_PULL_SECONDS - 0.5) * 1e9)
        request = msgspec.json.encode({"batch": self._batch, "expires": expires})
        await self._client.publish(self._next, request, reply=inbox)

    async def _received(self, message: Msg) -> None:
        status = message.headers.get("Status") if message.headers else None
        if status is None:
            self._outstanding -= 1
            self._arrived.append(message)
        elif status == "408":
            self._outstanding = 0
        elif status != "100":
            self._broken = True
        self._wake.set()

    async def _handle(self, messages: list[Msg], handler: Handler) -> None:
        work: list[Work] = []
        readable: list[Msg] = []
        for message in messages:
            try:
                items = subjects.decode_work(message.data)
            except msgspec.MsgspecError:
                logger.error("a message of %s cannot be read and is dropped", self._subject)
                await message.term()
                continue
            work.extend(items)
            readable.append(message)
        try:
            for start in range(0, len(work), self._batch):
                await handler(work[start : start + self._batch])
        except Exception:
            logger.exception("work of %s failed, it comes again", self._subject)
            for message in readable:
                await message.nak(REDELIVERY_SECONDS)
        else:
            for message in readable:
                await message.ack()
