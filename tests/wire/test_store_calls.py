"""Calls in a real PostgreSQL: creation, claims, moves, callbacks, money, lists."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest
from tests.harness import rows
from tests.harness.services import ACCOUNT

from offhook.clock import utcnow
from offhook.store.call_transitions import CallTransition
from offhook.store.calls import CallFilters
from offhook.store.paging import InvalidPageTokenError, Page, TimeRange
from offhook.store.records import CallRecord, DeleteOutcome, WorkNotice
from offhook.store.store import Store

LIVE = ("queued", "ringing", "in-progress")


async def test_a_created_call_reads_back_as_it_was_written(store: Store) -> None:
    call = rows.call(
        to_formatted="(555) 123-0000", request={"twiml": "<Response/>", "status_callback_event": ["a"]}
    )
    await store.calls.create_call(call)
    assert await store.calls.fetch(ACCOUNT, call.sid) == call
    assert await store.calls.fetch("AC" + "f" * 32, call.sid) is None


async def test_creating_announces_one_job_for_each_call(store: Store) -> None:
    heard: list[WorkNotice] = []
    store.database.announce = heard.extend
    calls = [rows.call() for _ in range(50)]
    await asyncio.gather(*(store.calls.create_call(call) for call in calls))
    assert sorted(notice.sid for notice in heard) == sorted(call.sid for call in calls)
    assert {notice.topic for notice in heard} == {"work.calls"}
    assert len({notice.id for notice in heard}) == 50


async def test_creating_again_changes_nothing(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    heard: list[WorkNotice] = []
    store.database.announce = heard.extend
    await store.calls.create_call(call)
    assert heard == []
    assert await store.outbox.depth() == {"work.calls": 1}


async def test_one_bad_row_does_not_fail_its_neighbours(store: Store) -> None:
    good = [rows.call() for _ in range(20)]
    bad = rows.call(to="\ud800")
    worse = rows.call(queue_time="x")
    results = await asyncio.gather(
        *(store.calls.create_call(call) for call in [*good[:10], bad, worse, *good[10:]]),
        return_exceptions=True,
    )
    assert [type(result) for result in results if result is not None] == [
        asyncpg.DataError,
        asyncpg.InvalidTextRepresentationError,
    ]
    page = await store.calls.list_page(ACCOUNT, CallFilters(), Page(page_size=100))
    assert {call.sid for call in page.items} == {call.sid for call in good}


async def test_text_and_json_keep_what_customers_send(store: Store) -> None:
    call = rows.call(
        caller_name="Zoë \U0001f4de", request={"url": "http://x/?a=\x00b", "n": 1.5, "none": None}
    )
    await store.calls.create_call(call)
    found = await store.calls.fetch(ACCOUNT, call.sid)
    assert found is not None
    assert found.caller_name == "Zoë \U0001f4de"
    assert found.request == {"url": "http://x/?a=\ufffdb", "n": 1.5, "none": None}


async def test_only_one_node_claims_a_call(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    leases = [await store.leases.acquire(f"node-{n}") for n in range(5)]
    claimed = await asyncio.gather(*(store.calls.claim(call.sid, lease.node, lease.id) for lease in leases))
    winners = [record for record in claimed if record is not None]
    assert len(winners) == 1
    assert winners[0].node in {lease.node for lease in leases}
    assert await store.outbox.depth() == {}


async def test_a_terminal_status_is_written_once_with_its_callback_and_its_money(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    ended = utcnow()

    async def end(status: str) -> CallRecord | None:
        return await store.calls.transition(
            call.sid,
            status,
            from_statuses=LIVE,
            end_time=ended,
            duration=61,
            price=Decimal("-0.02000"),
            callbacks=[rows.callback(status, numbered=True)],
        )

    results = await asyncio.gather(*(end(status) for status in ("completed", "failed", "busy", "completed")))
    winners = [record for record in results if record is not None]
    assert [record.status for record in winners] == ["completed"]
    assert winners[0].price == Decimal("-0.02000")
    assert winners[0].sequence == 1
    assert await store.ledger.balance(ACCOUNT) == Decimal("-0.02000")
    assert await store.outbox.depth() == {"work.callbacks": 1}


async def test_a_move_needs_the_status_it_starts_from(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    assert await store.calls.transition(call.sid, "in-progress", from_statuses=("ringing",)) is None
    ringing = await store.calls.transition(call.sid, "ringing", from_statuses=("queued",))
    assert ringing is not None
    assert ringing.status == "ringing"
    assert await store.calls.transition("CA" + "0" * 32, "ringing", from_statuses=("queued",)) is None


async def test_the_ledger_adds_up_when_many_calls_end_at_once_in_two_processes(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    accounts = [ACCOUNT, "AC" + "b" * 32]
    calls = [rows.call(account_sid=account, status="in-progress") for account in accounts for _ in range(40)]
    await asyncio.gather(*(store.calls.insert(call) for call in calls))

    async def end(at: Store, call: CallRecord) -> CallRecord | None:
        return await at.calls.transition(
            call.sid,
            "completed",
            from_statuses=LIVE,
            price=Decimal("-0.01000"),
            callbacks=[rows.callback("completed", numbered=True)],
        )

    try:
        results = await asyncio.gather(*(end(at, call) for call in calls for at in (store, other)))
    finally:
        await other.close()
    assert len([record for record in results if record is not None]) == len(calls)
    assert await store.outbox.depth() == {"work.callbacks": len(calls)}
    for account in accounts:
        entries = await store.ledger.entries(account)
        assert len(entries) == 40
        assert [entry.balance for entry in entries] == [Decimal("-0.01") * n for n in range(1, 41)]
        assert await store.ledger.balance(account) == entries[-1].balance


async def test_several_callbacks_of_a_move_are_numbered_in_order_and_may_be_without_number(
    store: Store,
) -> None:
    call = rows.call(sequence=7)
    await store.calls.insert(call)
    drafts = [rows.callback("a", numbered=True), rows.callback("b"), rows.callback("c", numbered=True)]
    moved = await store.calls.transition(call.sid, "ringing", from_statuses=("queued",), callbacks=drafts)
    assert moved is not None
    assert moved.sequence == 9
    payloads = await store.database.fetch("SELECT payload FROM outbox ORDER BY id")
    assert [row["payload"]["params"] for row in payloads] == [
        [["CallStatus", "a"], ["SequenceNumber", "7"]],
        [["CallStatus", "b"]],
        [["CallStatus", "c"], ["SequenceNumber", "8"]],
    ]


async def test_moves_of_one_call_keep_their_order_and_number_their_callbacks(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    steps = [
        ("initiated", "queued"),
        ("ringing", "initiated"),
        ("in-progress", "ringing"),
        ("completed", "in-progress"),
    ]
    results = await asyncio.gather(
        *(
            store.calls.transition(
                call.sid, status, from_statuses=(before,), callbacks=[rows.callback(status, numbered=True)]
            )
            for status, before in steps
        )
    )
    assert [record.status for record in results if record] == [status for status, _ in steps]
    sent = []
    while claimed := await store.outbox.claim_callbacks(10, "node-1"):
        assert len(claimed) == 1
        sent.append(claimed[0].payload["params"])
        await store.outbox.done(claimed[0].id)
    assert sent == [
        [["CallStatus", status], ["SequenceNumber", str(number)]] for number, (status, _) in enumerate(steps)
    ]


async def test_a_batch_of_moves_is_answered_in_its_order(store: Store) -> None:
    calls = [rows.call() for _ in range(10)]
    await asyncio.gather(*(store.calls.create_call(call) for call in calls))
    moves = [CallTransition(call.sid, "ringing", ("queued",)) for call in calls[::2]]
    moves.append(CallTransition("CA" + "0" * 32, "ringing", ("queued",)))
    results = await store.calls.transition_batch(moves)
    assert [record and record.sid for record in results] == [call.sid for call in calls[::2]] + [None]


async def test_canceling_wins_over_nobody_who_has_claimed(store: Store) -> None:
    free, taken = rows.call(), rows.call()
    await asyncio.gather(store.calls.create_call(free), store.calls.create_call(taken))
    lease = await store.leases.acquire("node-1")
    assert await store.calls.claim(taken.sid, lease.node, lease.id)
    canceled = await store.calls.cancel_queued(free.sid, utcnow(), [rows.callback("canceled")])
    assert canceled is not None
    assert canceled.status == "canceled"
    assert await store.calls.cancel_queued(taken.sid, utcnow()) is None
    assert await store.calls.claim(free.sid, lease.node, lease.id) is None


async def test_only_calls_that_are_over_can_be_deleted(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    assert await store.calls.delete(ACCOUNT, call.sid) is DeleteOutcome.LIVE
    await store.calls.cancel_queued(call.sid, utcnow())
    assert await store.calls.delete("AC" + "f" * 32, call.sid) is DeleteOutcome.NOT_FOUND
    assert await store.calls.delete(ACCOUNT, call.sid) is DeleteOutcome.DELETED
    assert await store.calls.delete(ACCOUNT, call.sid) is DeleteOutcome.NOT_FOUND


async def test_lists_page_newest_first_and_back(store: Store) -> None:
    start = utcnow()
    calls = [rows.call(date_created=start + timedelta(seconds=n // 2)) for n in range(7)]
    await asyncio.gather(*(store.calls.create_call(call) for call in calls))
    expected = [
        call.sid for call in sorted(calls, key=lambda call: (call.date_created, call.sid), reverse=True)
    ]
    first = await store.calls.list_page(ACCOUNT, CallFilters(), Page(page_size=3))
    second = await store.calls.list_page(ACCOUNT, CallFilters(), Page(1, 3, first.next_token))
    third = await store.calls.list_page(ACCOUNT, CallFilters(), Page(2, 3, second.next_token))
    assert [call.sid for page in (first, second, third) for call in page.items] == expected
    assert (first.previous_token, third.next_token) == (None, None)
    back = await store.calls.list_page(ACCOUNT, CallFilters(), Page(1, 3, third.previous_token))
    assert back.items == second.items
    assert back.next_token == second.next_token
    counted = await store.calls.list_page(ACCOUNT, CallFilters(), Page(1, 3))
    assert counted.items == second.items


async def test_a_page_is_not_shifted_by_new_calls(store: Store) -> None:
    start = utcnow()
    await asyncio.gather(
        *(store.calls.create_call(rows.call(date_created=start + timedelta(seconds=n))) for n in range(4))
    )
    first = await store.calls.list_page(ACCOUNT, CallFilters(), Page(page_size=2))
    await store.calls.create_call(rows.call(date_created=start + timedelta(seconds=9)))
    second = await store.calls.list_page(ACCOUNT, CallFilters(), Page(1, 2, first.next_token))
    assert not {call.sid for call in first.items} & {call.sid for call in second.items}
    assert len(second.items) == 2


async def test_a_token_nobody_gave_out_is_refused(store: Store) -> None:
    for token in ("", "PA", "PA00", "'; DROP TABLE calls"):
        with pytest.raises(InvalidPageTokenError):
            await store.calls.list_page(ACCOUNT, CallFilters(), Page(1, 50, token))


async def test_filters_of_the_list(store: Store) -> None:
    day = utcnow().replace(year=2020, month=5, day=4, hour=0, minute=0, second=0, microsecond=0)
    parent = rows.call(
        to="+15550000001", status="completed", start_time=day, end_time=day + timedelta(minutes=5)
    )
    child = rows.call(
        parent_call_sid=parent.sid,
        from_="+15550000002",
        direction="outbound-dial",
        start_time=day + timedelta(days=1),
    )
    await store.calls.insert(parent)
    await store.calls.insert(child)

    async def sids(**filters: object) -> set[str]:
        page = await store.calls.list_page(ACCOUNT, CallFilters(**filters), Page())  # type: ignore[arg-type]
        return {call.sid for call in page.items}

    assert await sids(to="+15550000001") == {parent.sid}
    assert await sids(from_="+15550000002") == {child.sid}
    assert await sids(parent_call_sid=parent.sid) == {child.sid}
    assert await sids(status="completed") == {parent.sid}
    assert await sids(start_time=TimeRange(day, day + timedelta(days=1))) == {parent.sid}
    assert await sids(start_time=TimeRange(since=day + timedelta(hours=1))) == {child.sid}
    assert await sids(end_time=TimeRange(until=day + timedelta(hours=1))) == {parent.sid}
    assert [call.sid for call in await store.calls.children(parent.sid)] == [child.sid]
