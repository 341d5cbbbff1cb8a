"""Queues: make, look at, change and delete them. https://www.twilio.com/docs/voice/api/queue-resource

Decision: a queue in which calls wait is neither renamed nor deleted (20409); Twilio documents no code for it.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from offhook import clock, errors, ids
from offhook.api import voice
from offhook.api.forms import Between, Form
from offhook.api.operations import Context, Resource
from offhook.calls.rooms.queue import MOST
from offhook.store.paging import Page, PageResult
from offhook.store.queues import QueueExistsError
from offhook.store.records import DeleteOutcome, QueueRecord, SizedQueueRecord
from offhook.twiml.nouns.queue import LONGEST_NAME

LARGEST: Final = 5000

queues = Resource(SizedQueueRecord)


class CreateQueue(Form):
    """A new queue."""

    codes: ClassVar = {"FriendlyName": 20002}

    friendly_name: str
    max_size: Annotated[int, Between(1, LARGEST)] = MOST


class UpdateQueue(Form):
    """Changes of a queue; what is not given stays as it is."""

    codes: ClassVar = {"FriendlyName": 20002}

    friendly_name: str | None = None
    max_size: Annotated[int, Between(1, LARGEST)] | None = None


@queues.operation("CreateQueue")
async def create_queue(context: Context, form: CreateQueue) -> SizedQueueRecord | None:
    """Make a queue under a name that the account has not used."""
    now, name = clock.utcnow(), _checked(form.friendly_name)
    queue = QueueRecord(clock.new_sid(ids.QUEUE), context.account.sid, name, form.max_size, now, now)
    try:
        await context.store.queues.create(queue)
    except QueueExistsError:
        raise errors.rest(22003) from None
    return await fetch_queue(context, queue.sid)


@queues.operation("ListQueue")
async def list_queues(context: Context, page: Page) -> PageResult[SizedQueueRecord]:
    """Queues of the account, newest first."""
    return await context.store.queues.list_page(context.account.sid, page)


@queues.operation("FetchQueue")
async def fetch_queue(context: Context, sid: str) -> SizedQueueRecord | None:
    """One queue."""
    return await context.store.queues.fetch(context.account.sid, sid)


@queues.operation("UpdateQueue")
async def update_queue(context: Context, sid: str, form: UpdateQueue) -> SizedQueueRecord | None:
    """Change a queue."""
    queue = await fetch_queue(context, sid)
    if queue is None:
        return None
    changes: dict[str, Any] = {}
    if form.max_size is not None:
        changes["max_size"] = form.max_size
    if form.friendly_name is not None and form.friendly_name != queue.friendly_name:
        changes["friendly_name"] = _checked(form.friendly_name)
        if queue.current_size:
            raise errors.rest(20409, "A queue in which calls wait cannot be renamed")
    try:
        await context.store.queues.update(context.account.sid, sid, changes)
    except QueueExistsError:
        raise errors.rest(22003) from None
    if queue.node is not None and form.max_size is not None:
        request = {"op": "queue", "account": queue.account_sid, "sid": sid, "max_size": form.max_size}
        await voice.ask(context.services, queue.node, request)
    return await fetch_queue(context, sid)


@queues.operation("DeleteQueue")
async def delete_queue(context: Context, sid: str) -> None:
    """Delete a queue in which nobody waits."""
    match await context.store.queues.delete(context.account.sid, sid):
        case DeleteOutcome.LIVE:
            raise errors.rest(20409, "A queue in which calls wait cannot be deleted")
        case DeleteOutcome.NOT_FOUND:
            raise errors.rest(20404)


def _checked(name: str) -> str:
    """A name that ``<Enqueue>`` and ``<Queue>`` can say: they do not count spaces around it."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise errors.rest(20002, f"FriendlyName must be a line of 1 to {LONGEST_NAME} characters")
    return name
