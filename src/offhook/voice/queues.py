"""Queues: how a call enters one or comes for somebody in it, and the rows of those who wait in those of this node.

A queue of another node is entered there (`offhook.voice.neighbours`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

from offhook.calls import meeting
from offhook.calls.call import Call
from offhook.calls.effects import EnterQueue, TakeFromQueue
from offhook.calls.events import CallEvent, LeftQueue, TurnedAway
from offhook.calls.rooms.queue import MOST, NO_SUCH_QUEUE, Enqueued, Queue, Remade, Taker, Taking
from offhook.calls.rooms.room import Room
from offhook.clock import new_sid, utcnow
from offhook.store.database import DatabaseUnavailableError
from offhook.store.leases import Lease
from offhook.store.records import (
    AccountRecord,
    QueueMemberRecord,
    QueueRecord,
    TimelineEntry,
    TimelineKind,
)
from offhook.twiml import events as heard
from offhook.voice.rooms import MixEffect
from offhook.voice.services import Services
from offhook.voice.writes import Writes

_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.5
"""How often, and when, a queue is asked for again whose node does not let a call in."""


class Visitor(Protocol):
    """A call that goes to a queue."""

    services: Services
    call: Call
    account: AccountRecord

    def feed(self, event: CallEvent | heard.Event) -> None:
        """Take an event."""

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""


async def enter(visitor: Visitor, effect: EnterQueue) -> None:
    """Let a call wait; the first of an account makes the queue. One that has gone meanwhile does not."""
    event = Enqueued(
        visitor.call.sid,
        effect.request.wait,
        effect.request.most,
        entered_at=effect.entered_at if effect.again else None,
    )
    if not await _come(visitor, effect, event) and meeting.still_enters(visitor.call, effect):
        visitor.feed(LeftQueue(effect.room, "system-error"))


async def take(visitor: Visitor, effect: TakeFromQueue) -> None:
    """Come for the first in a queue; one that does not exist turns the call away."""
    services, account = visitor.services, visitor.account
    try:
        record = await services.store.queues.find(account.sid, effect.request.queue)
    except DatabaseUnavailableError:
        record = None
    taking = Taking(Taker(visitor.call.sid, effect.bridge, effect.request.entry), effect.again)
    if record is not None and await _come(visitor, effect, taking):
        return
    if meeting.still_enters(visitor.call, effect):
        visitor.feed(TurnedAway(effect.room, NO_SUCH_QUEUE))


async def _come(visitor: Visitor, effect: EnterQueue | TakeFromQueue, event: Enqueued | Taking) -> bool:
    """Come to a queue, at the node that keeps it; one that has gone meanwhile does not. False if that cannot be."""
    services, account = visitor.services, visitor.account
    for _ in range(_TRIES):
        try:
            record = await services.store.queues.open(_wanted(services, account, effect.request.queue))
        except DatabaseUnavailableError:
            return False
        if not meeting.still_enters(visitor.call, effect):
            return True
        if record.lease == services.tenure.lease.id:
            opened(services, record)
            services.rooms.take(account.sid, effect.room, event)
            return True
        assert record.lease is not None and record.node is not None
        keeper = Lease(record.lease, record.node)
        if await services.neighbours.enter(
            *(account.sid, effect.room, keeper, event, record.sid), most=record.max_size
        ):
            visitor.note(
                TimelineKind.NOTE, "entered at another node", {"room": effect.room, "node": record.node}
            )
            return True
        await asyncio.sleep(_PAUSE_SECONDS)
    return False


def _wanted(services: Services, account: AccountRecord, name: str) -> QueueRecord:
    lease, now = services.tenure.lease, utcnow()
    return QueueRecord(new_sid("QU"), account.sid, name, MOST, now, now, lease.node, lease.id)


def opened(services: Services, record: QueueRecord) -> None:
    """Have a queue of this node live, if it is not."""
    queue = Queue(record.sid, record.account_sid, record.friendly_name, record.max_size)
    room = services.rooms.find(record.account_sid, queue.name)
    if room is None:
        services.rooms.add(queue, QueueRows(services, queue))
    elif isinstance(room, Queue) and room.sid != record.sid:
        services.rooms.take(record.account_sid, queue.name, Remade(record.sid, record.max_size))


class QueueRows:
    """The rows of those who wait in one queue, written behind it."""

    def __init__(self, services: Services, queue: Queue) -> None:
        self._services = services
        self._writes = Writes(queue.sid)
        self._closing: asyncio.Task[None] | None = None

    def do(self, effect: MixEffect) -> None:
        """A queue wants nothing of the kind."""

    def changed(self, before: Room, after: Room) -> None:
        """Write who has come and who has gone."""
        if not isinstance(before, Queue) or not isinstance(after, Queue):
            return
        self._put_on_record(before, after)
        lease, queues = self._services.tenure.lease, self._services.store.queues
        are = {one.call_sid for one in after.members}
        were = {one.call_sid for one in before.members}
        for call_sid in were if before.sid != after.sid else were - are:
            self._writes.put(partial(queues.remove_member, before.sid, call_sid), final=True)
        were = were if before.sid == after.sid else set()
        for one in after.members:
            if one.call_sid not in were:
                row = QueueMemberRecord(
                    after.sid, one.call_sid, after.account_sid, utcnow(), lease.node, lease.id
                )
                self._writes.put(partial(queues.add_member, row))

    def _put_on_record(self, before: Queue, after: Queue) -> None:
        """Write into the queue's timeline who waits and comes for whoever does, and no more. Why is in the calls'."""
        for coming, going, olds, news in (
            ("call waits", "call goes", before.members, after.members),
            ("call comes for the first", "call has come for the first", before.takers, after.takers),
        ):
            old, new = ([one.call_sid for one in calls] for calls in (olds, news))
            self._note(after, going, [sid for sid in old if sid not in new])
            self._note(after, coming, [sid for sid in new if sid not in old])

    def _note(self, queue: Queue, name: str, calls: list[str]) -> None:
        for sid in calls:
            detail = {"CallSid": sid, "waiting": len(queue.members), "coming": len(queue.takers)}
            entry = TimelineEntry(queue.sid, queue.account_sid, utcnow(), TimelineKind.NOTE, name, detail)
            self._services.store.timelines.add(entry)

    async def settled(self) -> None:
        """Return when all that has changed is written."""
        await self._writes.settled()

    def close(self) -> None:
        """Nobody is in it."""
        self._closing = asyncio.create_task(self._writes.close())
