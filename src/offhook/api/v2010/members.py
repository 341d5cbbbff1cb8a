"""Members of a queue: the calls that wait in it. https://www.twilio.com/docs/voice/api/member-resource"""

from __future__ import annotations

from typing import ClassVar, Final

from offhook import clock, errors
from offhook.api import voice
from offhook.api.authentication import require_active
from offhook.api.forms import Form, HttpMethod, Method, Url
from offhook.api.operations import Context, Resource
from offhook.api.v2010.queues import fetch_queue
from offhook.store.paging import Page, PageResult
from offhook.store.records import QueueMemberRecord

FRONT_TRIES: Final = 20
"""The first call may be taken by somebody else meanwhile; then it is the next."""

NOT_THERE: Final = 20404

members = Resource(
    QueueMemberRecord,
    {"wait_time": lambda row: max(0, int((clock.utcnow() - row.date_enqueued).total_seconds()))},
)


class UpdateMember(Form):
    """Where a call goes that is taken out of the queue."""

    codes: ClassVar = {"Url": 21205, "Method": 21209}

    url: Url
    method: Method = HttpMethod.POST


@members.operation("ListMember")
async def list_members(context: Context, queue_sid: str, page: Page) -> PageResult[QueueMemberRecord] | None:
    """The calls that wait, the first first."""
    if await fetch_queue(context, queue_sid) is None:
        return None
    return await context.store.queues.members_page(queue_sid, page)


@members.operation("FetchMember")
async def fetch_member(context: Context, queue_sid: str, call_sid: str) -> QueueMemberRecord | None:
    """A call that waits, or ``Front``: the first."""
    if await fetch_queue(context, queue_sid) is None:
        return None
    return await context.store.queues.member(queue_sid, _call(call_sid))


@members.operation("UpdateMember")
async def update_member(
    context: Context, queue_sid: str, call_sid: str, form: UpdateMember
) -> QueueMemberRecord | None:
    """Take a call, or the first, out of the queue: it goes on with the document at `url`."""
    require_active(context.account)
    if not form.url:
        raise errors.rest(21205, "Url is required")
    wanted = _call(call_sid)
    for _ in range(FRONT_TRIES if wanted is None else 1):
        queue = await fetch_queue(context, queue_sid)
        member = await context.store.queues.member(queue_sid, wanted) if queue is not None else None
        if queue is None or member is None or queue.node is None:
            break
        if await _dequeue(context, queue.node, member, form):
            return member
    return None


async def _dequeue(context: Context, node: str, member: QueueMemberRecord, form: UpdateMember) -> bool:
    """Take a call out, and return when its row is gone; False if somebody else has taken it."""
    sid, call_sid = member.queue_sid, member.call_sid
    request = {
        "op": "dequeue",
        "account": member.account_sid,
        "sid": sid,
        "call": call_sid,
        "url": form.url,
        "method": form.method,
    }
    try:
        await voice.ask(context.services, node, request)
    except errors.RestError as refused:
        if refused.code != NOT_THERE:
            raise
        taken = False
    else:
        taken = True
    await voice.once(lambda: context.store.queues.member(sid, call_sid), lambda row: row is None)
    return taken


def _call(call_sid: str) -> str | None:
    """The call that the path names; None is the first."""
    return None if call_sid.lower() == "front" else call_sid
