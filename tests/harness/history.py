"""The history checker: whether what a run left behind can have happened.

Give it what the store holds and what a customer's server heard, and it says everything that is wrong about
money, about the order of statuses, and about callbacks. It knows nothing of how the platform works: only what
was promised to a customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise

from tests.harness.ledger import LedgerError, Line, verify

from offhook.store.calls import CallFilters
from offhook.store.messages import MessageFilters
from offhook.store.paging import Page
from offhook.store.records import (
    CALL_TERMINAL,
    MESSAGE_TERMINAL,
    CallRecord,
    LedgerEntry,
    MessageRecord,
    TimelineEntry,
    TimelineKind,
)
from offhook.store.store import Store

CALL_STEPS: Mapping[str, int] = {
    "queued": 0,
    "initiated": 1,
    "ringing": 2,
    "in-progress": 3,
    **dict.fromkeys(CALL_TERMINAL, 4),
}
MESSAGE_STEPS: Mapping[str, int] = {
    "accepted": 0,
    "scheduled": 0,
    "queued": 1,
    "sending": 2,
    "sent": 3,
    "receiving": 3,
    **dict.fromkeys(MESSAGE_TERMINAL, 4),
    "read": 5,
}
ANSWERED = {"completed"}


@dataclass(frozen=True, slots=True)
class HeardCallback:
    """A callback as a customer's server heard it: its parameters, and its idempotency token."""

    params: Mapping[str, str]
    token: str

    @property
    def sid(self) -> str:
        """The call or message that it is about."""
        return self.params.get("CallSid") or self.params.get("MessageSid") or ""

    @property
    def status(self) -> str:
        """The status that it tells."""
        return self.params.get("CallStatus") or self.params.get("MessageStatus") or ""


@dataclass(frozen=True, slots=True)
class History:
    """What a run left behind. `entries` are all of one account, in the order they were booked."""

    calls: Sequence[CallRecord] = ()
    messages: Sequence[MessageRecord] = ()
    entries: Sequence[LedgerEntry] = ()
    timelines: Mapping[str, Sequence[TimelineEntry]] = field(default_factory=dict)
    callbacks: Sequence[HeardCallback] = ()


async def collect(store: Store, account_sid: str, callbacks: Sequence[HeardCallback] = ()) -> History:
    """The history of an account (its newest thousand calls and messages)."""
    await store.timelines.flush()
    page = Page(page_size=1000)
    calls = (await store.calls.list_page(account_sid, CallFilters(), page)).items
    messages = (await store.messages.list_page(account_sid, MessageFilters(), page)).items
    sids = [call.sid for call in calls] + [message.sid for message in messages]
    timelines = {sid: await store.timeline.list(sid) for sid in sids}
    entries = await store.ledger.entries(account_sid, limit=10_000)
    return History(calls, messages, entries, timelines, callbacks)


def check(history: History, *, finished: bool = True) -> list[str]:
    """Everything that is wrong, a line each; empty when the history can have happened.

    Args:
        finished: the run is over: every call must have ended.
    """
    problems = [*_money(history), *_statuses(history), *_callbacks(history)]
    if finished:
        problems += [
            f"{call.sid} never ended: {call.status}"
            for call in history.calls
            if call.status not in CALL_TERMINAL
        ]
    return problems


def _money(history: History) -> Iterator[str]:
    try:
        verify(Line(entry.amount, entry.balance) for entry in history.entries)
    except LedgerError as error:
        yield f"the ledger does not add up: {error}"
    booked: dict[str, list[Decimal]] = defaultdict(list)
    for entry in history.entries:
        booked[entry.resource_sid].append(entry.amount)
    priced: Iterable[CallRecord | MessageRecord] = (*history.calls, *history.messages)
    for record in priced:
        expected = [record.price] if record.price else []
        if booked[record.sid] != expected:
            yield f"{record.sid} has the price {record.price}, but {booked[record.sid]} was booked"


def _statuses(history: History) -> Iterator[str]:
    for call in history.calls:
        yield from _call(call)
        yield from _steps(call.sid, history.timelines.get(call.sid, ()), CALL_STEPS, call.status)
    for message in history.messages:
        timeline = history.timelines.get(message.sid, ())
        yield from _steps(message.sid, timeline, MESSAGE_STEPS, message.status)


def _call(call: CallRecord) -> Iterator[str]:
    if call.status not in CALL_TERMINAL:
        return
    if call.end_time is None:
        yield f"{call.sid} is {call.status} without an end"
    elif call.start_time is not None and call.end_time < call.start_time:
        yield f"{call.sid} ended before it began"
    if call.status in ANSWERED and call.start_time is None:
        yield f"{call.sid} is {call.status} but was never answered"
    if call.status not in ANSWERED | {"failed"} and call.price:
        yield f"{call.sid} was never answered, but cost {call.price}"


def _steps(sid: str, timeline: Sequence[TimelineEntry], steps: Mapping[str, int], last: str) -> Iterator[str]:
    told = [entry.name for entry in timeline if entry.kind is TimelineKind.STATUS and entry.name in steps]
    yield from _order(sid, told, steps, "its timeline")
    if told and steps[told[-1]] == max(steps.values()) and told[-1] != last:
        yield f"{sid} is {last}, but its timeline ends with {told[-1]}"


def _order(sid: str, told: Sequence[str], steps: Mapping[str, int], where: str) -> Iterator[str]:
    for before, after in pairwise(told):
        if steps[after] <= steps[before]:
            yield f"{sid}: {where} tells {after} after {before}"


def _callbacks(history: History) -> Iterator[str]:
    statuses = {call.sid: call.status for call in history.calls}
    statuses |= {message.sid: message.status for message in history.messages}
    by_resource: dict[str, list[HeardCallback]] = defaultdict(list)
    for heard in history.callbacks:
        by_resource[heard.sid].append(heard)
    for sid, heard_of in by_resource.items():
        if sid not in statuses:
            yield f"a callback is about {sid or 'nothing'}, which does not exist"
            continue
        yield from _callbacks_of(sid, heard_of, statuses[sid])


def _callbacks_of(sid: str, heard: Sequence[HeardCallback], status: str) -> Iterator[str]:
    """Repeats (one token twice) are allowed, as long as they repeat the newest callback and are the same."""
    once: list[HeardCallback] = []
    for callback in heard:
        earlier = next((known for known in once if known.token == callback.token), None)
        if earlier is None:
            once.append(callback)
        elif earlier.params != callback.params:
            yield f"{sid}: a repeated callback differs from its first attempt"
        elif earlier is not once[-1]:
            yield f"{sid}: {callback.status} was repeated after {once[-1].status}"
    steps = CALL_STEPS if sid.startswith("CA") else MESSAGE_STEPS
    yield from _order(sid, [callback.status for callback in once], steps, "its callbacks")
    numbers = [
        int(callback.params["SequenceNumber"]) for callback in once if "SequenceNumber" in callback.params
    ]
    if numbers != sorted(set(numbers)):
        yield f"{sid}: its callbacks are numbered {numbers}"
    if once and steps[once[-1].status] >= 4 and once[-1].status != status:
        yield f"{sid} is {status}, but its last callback told {once[-1].status}"
