"""The janitor on a real PostgreSQL: orphaned calls, work nobody heard of, outages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from tests.harness import rows
from tests.harness.services import ACCOUNT
from tests.harness.waiting import HANGS

from offhook.clock import utcnow
from offhook.janitor.janitor import Janitor
from offhook.janitor.sweeper import sweep
from offhook.store.records import CallRecord, Topic
from offhook.store.store import Store

REQUEST = {"status_callback": "http://example.com/status", "status_callback_event": ["answered", "completed"]}


async def make_live(store: Store, node: str = "node-1") -> dict[str, CallRecord]:
    """A call in each live state, claimed by a node."""
    lease = await store.leases.acquire(node)
    at = utcnow() - timedelta(seconds=61)
    calls = {
        "queued": rows.call(request=REQUEST, node=node, lease=lease.id),
        "ringing": rows.call(status="ringing", request=REQUEST, node=node, lease=lease.id),
        "in-progress": rows.call(
            status="in-progress", start_time=at, request=REQUEST, node=node, lease=lease.id, sequence=3
        ),
    }
    for call in calls.values():
        await store.calls.insert(call)
    return calls


async def states(store: Store, calls: dict[str, CallRecord]) -> dict[str, str]:
    found = {before: await store.calls.fetch(ACCOUNT, call.sid) for before, call in calls.items()}
    return {before: call.status for before, call in found.items() if call is not None}


async def test_calls_of_a_node_that_was_restarted_end_in_the_next_round(store: Store) -> None:
    calls = await make_live(store)
    janitor = Janitor(store)
    await janitor.round()
    assert await states(store, calls) == {state: state for state in calls}
    await store.leases.acquire("node-1")
    await asyncio.gather(*(Janitor(store).round() for _ in range(3)))
    assert await states(store, calls) == {
        "queued": "failed",
        "ringing": "failed",
        "in-progress": "completed",
    }
    assert await store.ledger.balance(ACCOUNT) == Decimal("-0.02000")


async def test_an_orphan_gets_one_final_callback(store: Store) -> None:
    calls = await make_live(store)
    await store.leases.acquire("node-1")
    await asyncio.gather(*(Janitor(store).round() for _ in range(3)))
    claimed = await store.outbox.claim_callbacks(100, "node-1")
    assert sorted(row.resource_sid for row in claimed) == sorted(call.sid for call in calls.values())
    [answered] = [row for row in claimed if row.resource_sid == calls["in-progress"].sid]
    params = dict(answered.payload["params"])
    assert params["CallStatus"] == "completed"
    assert params["SequenceNumber"] == "3"
    assert 61 <= int(params["CallDuration"]) < 100
    for row in claimed:
        await store.outbox.done(row.id)
    assert await store.outbox.claim_callbacks(100, "node-1") == []


async def test_a_node_that_does_not_renew_loses_its_calls_when_its_time_is_up(store: Store) -> None:
    calls = await make_live(store)
    janitor = Janitor(store)
    for _ in range(9):
        await store.database.execute("UPDATE lease_clock SET ticked_at = ticked_at - interval '5 seconds'")
        await janitor.round()
    assert await states(store, calls) == {state: state for state in calls}
    for _ in range(4):
        await store.database.execute("UPDATE lease_clock SET ticked_at = ticked_at - interval '5 seconds'")
        await janitor.round()
    assert set((await states(store, calls)).values()) == {"failed", "completed"}


async def test_an_outage_however_long_ends_no_lease(store: Store) -> None:
    calls = await make_live(store)
    janitor = Janitor(store)
    await janitor.round()
    await store.database.execute("UPDATE lease_clock SET ticked_at = ticked_at - interval '1 day'")
    await janitor.round()
    assert await states(store, calls) == {state: state for state in calls}


async def test_calls_without_a_node_are_nobodys_orphans(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    await Janitor(store).round()
    assert await states(store, {"": call}) == {"": "queued"}


async def test_work_that_stayed_is_swept_ever_more_rarely(store: Store) -> None:
    call, message = rows.call(), rows.message()
    await store.calls.create_call(call)
    await store.messages.create_message(message)
    assert await store.outbox.sweep(Topic.CALLS) == []
    await store.database.execute("UPDATE outbox SET announce_at = now(), due_at = now()")
    assert await store.outbox.sweep(Topic.CALLS) == [call.sid]
    assert await store.outbox.sweep(Topic.MESSAGES) == [message.sid]
    assert await store.outbox.sweep(Topic.CALLS) == []
    pauses = await store.database.fetch("SELECT extract(epoch FROM announce_at - now()) FROM outbox")
    assert all(0 < row[0] < 11 for row in pauses)


async def test_work_that_is_claimed_is_not_swept_until_the_claim_ends(store: Store) -> None:
    message = rows.message()
    await store.messages.create_message(message)
    await store.messages.claim_batch([message.sid])
    await store.database.execute("UPDATE outbox SET announce_at = now() - interval '1 minute'")
    assert await store.outbox.sweep(Topic.MESSAGES) == []
    await store.database.execute("UPDATE outbox SET due_at = now()")
    assert await store.outbox.sweep(Topic.MESSAGES) == [message.sid]


async def test_a_sweeper_needs_no_bus_and_goes_on_after_a_failure(store: Store) -> None:
    messages = [rows.message() for _ in range(5)]
    for message in messages:
        await store.messages.create_message(message)
    await store.database.execute("UPDATE outbox SET announce_at = now(), due_at = now()")
    taken: list[str] = []
    all_taken = asyncio.Event()

    async def take(sids: Sequence[str]) -> None:
        assert len(sids) <= 2
        if not taken:
            taken.append("failed")
            await store.database.execute("UPDATE outbox SET announce_at = now(), due_at = now()")
            raise RuntimeError("cannot claim")
        taken.extend(sids)
        if len(taken) == 6:
            all_taken.set()

    sweeping = asyncio.create_task(sweep(store.outbox, Topic.MESSAGES, 2, take, seconds=0.01))
    try:
        async with asyncio.timeout(HANGS):
            await all_taken.wait()
    finally:
        sweeping.cancel()
        await asyncio.wait([sweeping])
    assert set(taken) == {"failed", *(message.sid for message in messages)}
