"""The way to the platform's own numbers: a text between two of them goes straight in, without leaving the platform."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from offhook.config import Settings
from offhook.messaging.carriers import (
    DeliveryReport,
    IncomingText,
    OutgoingText,
    Reports,
    UnknownRecipientError,
)
from offhook.messaging.outcomes import UNKNOWN_HANDSET
from offhook.sms import segments
from offhook.store.store import Store

ROOM = 1000
RETRY_SECONDS = 1.0

Owned = Callable[[Sequence[str]], Awaitable[Sequence[bool]]]
"""For each number, whether an account of the platform owns it."""


class LoopbackCarrier:
    """See the module."""

    name = "loopback"

    def __init__(self, owned: Owned) -> None:
        self._owned = owned
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._full = False

    def start(self, reports: Reports) -> None:
        """There is nothing to connect to."""
        self._reports = reports

    async def close(self) -> None:
        """Let the texts under way arrive."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=3)

    async def serves(self, recipients: Sequence[str]) -> Sequence[bool]:
        """It is the way to owned numbers only."""
        return await self._owned(recipients)

    def room(self) -> int:
        """Texts that may arrive at a time."""
        return max(0, ROOM - len(self._tasks))

    def obstacle(self) -> str:
        """It is never more than busy."""
        return ""

    def hindrance(self) -> str:
        """It takes whatever it is offered."""
        return ""

    def submit(self, texts: Sequence[OutgoingText]) -> None:
        """Have each text arrive."""
        for text in texts:
            if text.sid not in self._tasks:
                task = asyncio.get_running_loop().create_task(self._deliver(text))
                self._tasks[text.sid] = task
                task.add_done_callback(partial(self._done, text.sid))
        self._full = self.room() == 0

    def _done(self, sid: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(sid, None)
        if self._full and len(self._tasks) <= ROOM // 2:
            self._full = False
            self._reports.available(self.name)

    async def _deliver(self, text: OutgoingText) -> None:
        count = segments.count(text.body)
        try:
            await self._reports.incoming(IncomingText(text.sender, text.recipient, text.body, count))
        except UnknownRecipientError:
            # The number was given back between the choice of the way and now.
            self._reports.refused(self.name, text, UNKNOWN_HANDSET, "the number is not owned any more")
            return
        except Exception as error:
            await asyncio.sleep(RETRY_SECONDS)
            self._reports.returned(self.name, text, (), False, type(error).__name__)
            return
        ids = [f"{text.sid}-{index}" for index in range(count)]
        self._reports.accepted(self.name, text, ids)
        for carrier_id in ids:
            self._reports.reported(self.name, DeliveryReport(carrier_id, "DELIVERED"), _nothing)


def _nothing() -> None:
    """No one waits for a receipt to be settled."""


def configured(settings: Settings, store: Store) -> list[LoopbackCarrier]:
    """The carrier of a role."""
    return [LoopbackCarrier(owned_by(store))]


def owned_by(store: Store) -> Owned:
    """Asks which numbers accounts of the platform own, in one query for a batch."""

    async def owned(numbers: Sequence[str]) -> list[bool]:
        sql = "SELECT phone_number FROM numbers WHERE phone_number = ANY($1)"
        found = {row[0] for row in await store.database.fetch(sql, list(numbers))}
        return [number in found for number in numbers]

    return owned
