"""Another voice node, as this one talks to it: what is said arrives in order and once, or the node is given up.

A request that nobody answers is repeated for as long as the other holds its lease. One that holds it no more, has
begun anew, or hears nothing of megabytes, is lost: whoever needs it is told by `on_lost`, and nothing more is heard
from it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import msgspec

from offhook.bus.nats import RequestError
from offhook.bus.sequence import Incoming, Outgoing, TooMuchError
from offhook.calls.rooms.encoding import encode
from offhook.calls.rooms.events import Entered
from offhook.calls.rooms.queue import Enqueued
from offhook.calls.rooms.room import RoomEvent
from offhook.clock import monotonic, new_token
from offhook.store.leases import Lease
from offhook.voice.letters import Letter, Message, Receipt, RoomTold, written

logger = logging.getLogger(__name__)

PING_SECONDS: Final = 2.0
"""How often a node with which calls are shared is asked whether it is there, when there is nothing to say."""
RETRY_SECONDS: Final = 0.5

Send = Callable[["Neighbour", bytes], Awaitable[bytes]]


class Neighbour:
    """Another node under a lease.

    send: asks it, and raises RequestError when it does not answer. is_alive: whether it holds its lease.
    knows: calls here that it knows of. guests: calls there that are known here.
    """

    def __init__(
        self,
        lease: Lease,
        own: Lease,
        send: Send,
        is_alive: Callable[[Lease], Awaitable[bool]],
        on_lost: Callable[[Neighbour, str], None],
    ) -> None:
        self.lease = lease
        self.knows: set[str] = set()
        self.guests: set[str] = set()
        self.incoming = Incoming()
        self.refused: set[int] = set()
        self.outgoing = Outgoing(new_token())
        self._own = own
        self._send = send
        self._is_alive = is_alive
        self._on_lost = on_lost
        self._lost = False
        self._asked: dict[int, asyncio.Future[bool]] = {}
        self._wake = asyncio.Event()
        self._running = asyncio.create_task(self._run(), name=f"to-{lease.node}")
        self._running.add_done_callback(self._ended)

    # What is said to it

    def post(self, message: Message) -> int:
        """Say something, without waiting; its number, 0 when it is lost."""
        if self._lost:
            return 0
        try:
            number = self.outgoing.put(written(message))
        except TooMuchError:
            self._give_up("it does not hear what it is told")
            return 0
        self._wake.set()
        return number

    async def ask(self, message: Message) -> bool:
        """Say something about a room; whether it has the room. False when it is lost."""
        if not (number := self.post(message)):
            return False
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        return await answer

    def take(self, account: str, name: str, event: RoomEvent) -> None:
        """Tell it what happens in a room of its own."""
        if isinstance(event, Entered):
            self.knows.add(event.member.call_sid)
        self.post(told(account, name, event))

    @property
    def is_needed(self) -> bool:
        """Whether calls are shared with it."""
        return bool(self.knows or self.guests)

    async def _run(self) -> None:
        while not self._lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            while await self._say():
                pass

    async def _say(self) -> bool:
        """Send what waits; whether there is more to do at once."""
        first, messages = self.outgoing.unacknowledged()
        if self._lost or not (messages or self.is_needed):
            return False
        to, heard = self.lease.id, self.incoming.stream
        letter = Letter(self._own.node, self._own.id, to, self.outgoing.name, first, heard, messages)
        try:
            answer = await self._send(self, written(letter))
            receipt = msgspec.msgpack.decode(answer, type=Receipt)
        except (RequestError, msgspec.MsgspecError):
            if not await self._is_alive(self.lease):
                self._give_up("its lease has ended")
            await asyncio.sleep(RETRY_SECONDS)
            return True
        if receipt.expected is None:
            self._give_up("it has begun anew")
            return False
        self.outgoing.acknowledge(receipt.expected)
        for number in range(first, first + len(messages)):
            if (asked := self._asked.pop(number, None)) is not None and not asked.done():
                asked.set_result(number not in receipt.refused)
        return bool(self.outgoing.unacknowledged()[1])

    # The end

    def _give_up(self, why: str) -> None:
        """It is lost: whoever is concerned is told, but not within what they are doing now."""
        if not self._lost:
            self._lost = True
            asyncio.get_running_loop().call_soon(self._on_lost, self, why)

    def _ended(self, running: asyncio.Task[None]) -> None:
        if not running.cancelled() and (error := running.exception()) is not None:
            logger.error("node %s cannot be told anything", self.lease.node, exc_info=error)
            self._give_up("it cannot be told anything")

    def close(self) -> None:
        """Say nothing more."""
        self._lost = True
        self._running.cancel()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_result(False)
        self._asked.clear()

    async def closed(self) -> None:
        """Return when nothing is under way any more."""
        await asyncio.wait([self._running])


def told(account: str, name: str, event: RoomEvent, sid: str = "", most: int = 0) -> RoomTold:
    """What happens in a room, as another node is told. The time since which a call waits becomes how long that is."""
    waited = None
    if isinstance(event, Enqueued) and event.entered_at is not None:
        waited = monotonic() - event.entered_at
        event = replace(event, entered_at=None)
    return RoomTold(account, name, encode(event), sid, most, waited)
