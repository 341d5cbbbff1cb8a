"""Messages in a real PostgreSQL: creation, claims, moves, segments and receipts, redaction, lists."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.harness import rows
from tests.harness.services import ACCOUNT

from offhook.clock import new_sid, utcnow
from offhook.janitor.janitor import Janitor
from offhook.store.erasure import ORIGIN
from offhook.store.message_transitions import MessageTransition
from offhook.store.messages import Match, MessageFilters, Receipt
from offhook.store.paging import Page, TimeRange
from offhook.store.records import (
    DeleteOutcome,
    NotificationRecord,
    TimelineEntry,
    TimelineKind,
    Topic,
)
from offhook.store.store import Store

HELD = timedelta(0)
CENT = Decimal("-0.01000")


async def test_a_created_message_reads_back_and_waits_in_the_outbox(store: Store) -> None:
    message = rows.message(body="Zoë \U0001f4de\n", request={"media_url": []})
    await store.messages.create_message(message)
    assert await store.messages.fetch(ACCOUNT, message.sid) == message
    assert await store.messages.fetch("AC" + "f" * 32, message.sid) is None
    assert await store.outbox.depth() == {"work.messages": 1}


async def test_a_claim_makes_messages_sending_and_excludes_others(store: Store) -> None:
    messages = [rows.message() for _ in range(20)]
    await asyncio.gather(*(store.messages.create_message(message) for message in messages))
    sids = [message.sid for message in messages]
    claims = await asyncio.gather(*(store.messages.claim_batch(sids) for _ in range(4)))
    claimed = [message for claim in claims for message in claim]
    assert sorted(message.sid for message in claimed) == sorted(sids)
    assert {message.status for message in claimed} == {"sending"}


async def announced_job(store: Store) -> tuple[str, int]:
    """A message that was just made, and the id of its job."""
    message = rows.message()
    await store.messages.create_message(message)
    return message.sid, await store.database.fetchval(
        "SELECT id FROM outbox WHERE resource_sid = $1", message.sid
    )


async def test_a_young_job_belongs_to_whom_the_bus_tells_of_it(store: Store) -> None:
    sid, job = await announced_job(store)
    assert [(found.sid, found.status) for found in await store.messages.announced([job])] == [(sid, "queued")]
    await store.database.execute("UPDATE outbox SET announce_at = now()")
    assert await store.outbox.sweep(Topic.MESSAGES) == []
    await store.database.execute("UPDATE outbox SET created_at = now() - interval '3 seconds'")
    assert await store.messages.announced([job]) == []


@pytest.mark.parametrize("taken", ["claimed", "kept", "sent"])
async def test_a_job_that_somebody_has_is_nobody_elses(store: Store, taken: str) -> None:
    sid, job = await announced_job(store)
    if taken == "claimed":
        assert await store.messages.claim_batch([sid])
    elif taken == "kept":
        await store.messages.keep([sid])
    else:
        await store.messages.transition_batch([MessageTransition(sid, "sent", ("queued",))])
    assert await store.messages.announced([job]) == []
    assert await store.messages.claim_batch([sid]) == []
    found = await store.messages.fetch(ACCOUNT, sid)
    assert found is not None
    assert found.status == ("sent" if taken == "sent" else "sending")


async def test_what_is_kept_is_due_again_when_nobody_keeps_it_any_more(store: Store) -> None:
    sid, _ = await announced_job(store)
    await store.messages.keep([sid], HELD)
    await store.database.execute("UPDATE outbox SET announce_at = now()")
    assert await store.outbox.sweep(Topic.MESSAGES) == [sid]
    assert [found.sid for found in await store.messages.claim_batch([sid])] == [sid]


async def test_a_claim_that_ends_without_a_move_is_given_out_again(store: Store) -> None:
    message = rows.message()
    await store.messages.create_message(message)
    assert await store.messages.claim_batch([message.sid], HELD)
    again = await store.messages.claim_batch([message.sid])
    assert [found.status for found in again] == ["sending"]
    assert await store.messages.claim_batch([message.sid]) == []


async def test_sending_ends_the_job_books_the_price_and_keeps_the_centres_ids(store: Store) -> None:
    message = rows.message(num_segments=2)
    await store.messages.create_message(message)
    await store.messages.claim_batch([message.sid])
    at = utcnow()
    sending = MessageTransition(
        message.sid,
        "sent",
        ("sending",),
        date_sent=at,
        price=CENT * 2,
        callbacks=[rows.callback("sent")],
        smsc="main",
        smsc_ids=["a1", "a2"],
    )
    assert await store.messages.transition_batch([sending]) == {message.sid}
    sent = await store.messages.fetch(ACCOUNT, message.sid)
    assert sent is not None
    assert (sent.status, sent.date_sent, sent.price) == ("sent", at, CENT * 2)
    assert await store.ledger.balance(ACCOUNT) == CENT * 2
    assert await store.outbox.depth() == {"work.callbacks": 1}
    taken = await store.messages.segments_of([message.sid, "SM" + "0" * 32])
    assert {sid: [(each.smsc, each.smsc_id) for each in segments] for sid, segments in taken.items()} == {
        message.sid: [("main", "a1"), ("main", "a2")]
    }


async def test_statuses_follow_the_graph_whatever_order_they_come_in(store: Store) -> None:
    message = rows.message()
    await store.messages.create_message(message)
    await store.messages.claim_batch([message.sid])

    async def moves(status: str, *before: str, error_code: int | None = None) -> bool:
        wanted = MessageTransition(message.sid, status, before, error_code=error_code, price=CENT)
        return await store.messages.transition_batch([wanted]) == {message.sid}

    assert await moves("delivered", "sending", "sent")
    assert not await moves("sent", "sending")
    assert not await moves("undelivered", "sent", "delivered", error_code=30005)
    assert await store.ledger.balance(ACCOUNT) == CENT
    found = await store.messages.fetch(ACCOUNT, message.sid)
    assert found is not None
    assert (found.status, found.error_code) == ("delivered", None)


async def test_moves_of_many_messages_are_one_transaction_and_one_running_balance(store: Store) -> None:
    messages = [rows.message() for _ in range(30)]
    await asyncio.gather(*(store.messages.create_message(message) for message in messages))
    await store.messages.claim_batch([message.sid for message in messages])
    sids = {message.sid for message in messages}
    moves = [MessageTransition(sid, "sent", ("sending",), price=CENT) for sid in sids]
    assert await store.messages.transition_batch(moves) == sids
    entries = await store.ledger.entries(ACCOUNT)
    assert [entry.balance for entry in entries] == [CENT * count for count in range(1, 31)]


async def test_a_failure_keeps_its_code_and_its_words(store: Store) -> None:
    message = rows.message()
    await store.messages.create_message(message)
    await store.messages.transition_batch(
        [MessageTransition(message.sid, "failed", ("queued",), error_code=30008, error_message="Unknown")]
    )
    failed = await store.messages.fetch(ACCOUNT, message.sid)
    assert failed is not None
    assert (failed.error_code, failed.error_message, failed.price) == (30008, "Unknown", None)
    assert await store.outbox.depth() == {}


async def test_an_inbound_message_is_a_webhook_job_until_it_is_done(store: Store) -> None:
    message = rows.message(status="received", direction="inbound")
    await store.messages.insert_inbound(message)
    claimed = await store.messages.claim_batch([message.sid])
    assert [(found.sid, found.status) for found in claimed] == [(message.sid, "received")]
    await store.outbox.done_for(Topic.MESSAGES, [message.sid])
    assert await store.outbox.depth() == {}


async def test_receipts_tell_the_state_of_the_whole_message(store: Store) -> None:
    message = rows.message(num_segments=3)
    await store.messages.create_message(message)
    await store.messages.record_segments([(message.sid, "main", ["x1", None, "x3"])])
    await store.messages.record_segments([(message.sid, "main", [None, "x2", None])])
    matches, first = await store.messages.record_receipts(
        [Receipt("main", ["x2"], "DELIVRD"), Receipt("main", ["?"], "DELIVRD"), Receipt("main", ["x3"], None)]
    )
    assert matches == [Match(message.sid, 1, 0, True), None, Match(message.sid, 2, 0, True)]
    assert [segment.receipt for segment in first[message.sid]] == [None, "DELIVRD", None]
    _, second = await store.messages.record_receipts(
        [
            Receipt("main", ["x1"], "ENROUTE"),
            Receipt("main", ["x1"], "DELIVRD"),
            Receipt("main", ["x3"], "UNDELIV"),
            Receipt("main", ["x3"], None),
        ]
    )
    assert [segment.receipt for segment in second[message.sid]] == ["DELIVRD", "DELIVRD", "UNDELIV"]
    assert list(second) == [message.sid]


async def test_a_receipt_is_about_the_newest_message_of_the_likeliest_id(store: Store) -> None:
    older, newer, other = (rows.message(sid=f"SM{number:032x}") for number in range(3))
    for message in (older, newer, other):
        await store.messages.create_message(message)
    await store.messages.record_segments(
        [(older.sid, "main", ["10"]), (newer.sid, "main", ["10"]), (other.sid, "main", ["a"])]
    )
    matches, segments = await store.messages.record_receipts(
        [Receipt("main", ["10", "a"], "DELIVRD"), Receipt("main", ["16", "a"], "DELIVRD")]
    )
    assert matches == [Match(newer.sid, 0, 0, False), Match(other.sid, 0, 1, True)]
    assert set(segments) == {newer.sid, other.sid}
    assert await store.messages.record_receipts([Receipt("elsewhere", ["10"], "DELIVRD")]) == ([None], {})


async def test_redaction_empties_the_body_and_what_the_timeline_quotes(store: Store) -> None:
    message = rows.message(body="secret")
    await store.messages.create_message(message)
    store.timelines.add(
        TimelineEntry(message.sid, ACCOUNT, utcnow(), TimelineKind.SMS, "queued", {"body": "secret"})
    )
    await store.timelines.flush()
    redacted = await store.messages.redact(ACCOUNT, message.sid)
    assert redacted is not None
    assert redacted.body == ""
    assert [entry.detail for entry in await store.timeline.list(message.sid)] == [{}]
    assert await store.messages.redact(ACCOUNT, "SM" + "0" * 32) is None


async def written(store: Store, *entries: TimelineEntry) -> None:
    for entry in entries:
        store.timelines.add(entry)
    await store.timelines.flush()


def quote(sid: str, name: str = "delivered") -> TimelineEntry:
    detail = {"request": {"params": {"Body": "secret"}}, "response": {"body": "secret"}}
    return TimelineEntry(sid, ACCOUNT, utcnow(), TimelineKind.WEBHOOK, name, detail)


def complaint(sid: str) -> NotificationRecord:
    about_call = sid.startswith("CA")
    return NotificationRecord(
        sid=new_sid("NO"),
        account_sid=ACCOUNT,
        call_sid=sid if about_call else None,
        message_sid=None if about_call else sid,
        log=0,
        error_code=11200,
        message_date=utcnow(),
        message_text="HTTP retrieval failure",
        request_variables="Body=secret",
        response_headers="a=secret",
        response_body="secret",
    )


async def everything_about(store: Store, sid: str) -> str:
    return repr([*await store.timeline.list(sid), *await store.notifications.about(sid)])


async def test_what_is_written_about_a_redacted_text_later_quotes_nothing(store: Store) -> None:
    message, other = rows.message(body="secret"), rows.message()
    await store.messages.create_message(message)
    await store.notifications.create(complaint(message.sid))
    await written(store, quote(message.sid))
    await store.messages.redact(ACCOUNT, message.sid)
    assert "secret" not in await everything_about(store, message.sid)
    await written(store, quote(message.sid), quote(other.sid))
    await store.notifications.create(complaint(message.sid))
    assert "secret" not in await everything_about(store, message.sid)
    assert "secret" in await everything_about(store, other.sid)
    assert [entry.name for entry in await store.timeline.list(message.sid)] == ["delivered", "delivered"]
    assert [found.error_code for found in await store.notifications.about(message.sid)] == [11200, 11200]


async def test_nothing_is_written_into_the_timeline_of_what_was_deleted(store: Store) -> None:
    message, call = rows.message(status="sent", body="secret"), rows.call(status="completed")
    await store.messages.create_message(message)
    await store.calls.insert(call)
    assert await store.messages.delete(ACCOUNT, message.sid) is DeleteOutcome.DELETED
    assert await store.calls.delete(ACCOUNT, call.sid) is DeleteOutcome.DELETED
    await written(store, quote(message.sid), quote(call.sid))
    for sid in (message.sid, call.sid):
        await store.notifications.create(complaint(sid))
        assert await store.timeline.list(sid) == []
        assert "secret" not in await everything_about(store, sid)


async def test_a_deleted_text_is_not_made_again_and_leaves_no_job(store: Store) -> None:
    message = rows.message(status="received", direction="inbound")
    await store.messages.insert_inbound(message)
    assert await store.messages.delete(ACCOUNT, message.sid) is DeleteOutcome.DELETED
    await store.messages.create_message(message)
    assert await store.messages.fetch(ACCOUNT, message.sid) is None
    assert await store.outbox.depth() == {}


async def test_a_redacted_reply_is_not_quoted_by_the_text_it_answers(store: Store) -> None:
    text = rows.message(direction="inbound", status="received", body="question")
    reply = rows.message(status="sent", body="secret", request={ORIGIN: text.sid})
    for message in (text, reply):
        await store.messages.create_message(message)
    said = TimelineEntry(
        text.sid, ACCOUNT, utcnow(), TimelineKind.TWIML, "Message", {"line": 1, "text": "secret"}
    )
    asked = TimelineEntry(
        text.sid,
        ACCOUNT,
        utcnow(),
        TimelineKind.WEBHOOK,
        "fetched",
        {"url": "http://x/", "response": {"content_type": "text/xml", "body": "<Message>secret</Message>"}},
    )
    await written(store, said, asked)
    await store.notifications.create(complaint(text.sid))
    await store.messages.redact(ACCOUNT, reply.sid)
    [about] = await store.notifications.about(text.sid)
    assert (about.response_body, about.request_variables) == (None, "Body=secret")
    assert [entry.detail for entry in await store.timeline.list(text.sid)] == [
        {"line": 1},
        {"url": "http://x/", "response": {"content_type": "text/xml"}},
    ]


async def test_the_janitor_erases_what_was_being_written_at_the_moment_of_an_erasure(store: Store) -> None:
    """A batch whose statement began before the mark was committed does not see it."""
    message, gone = rows.message(status="sent"), rows.message(status="sent")
    for record in (message, gone):
        await store.messages.create_message(record)
    await written(store, quote(message.sid), quote(gone.sid))
    await store.notifications.create(complaint(message.sid))
    await store.database.execute(
        "INSERT INTO erased (sid, deleted) VALUES ($1, false), ($2, true)", message.sid, gone.sid
    )
    await Janitor(store).round()
    assert [entry.detail for entry in await store.timeline.list(message.sid)] == [{}]
    assert "secret" not in await everything_about(store, message.sid)
    assert await store.timeline.list(gone.sid) == []


async def test_marks_of_erasure_are_forgotten_when_nobody_can_write_any_more(store: Store) -> None:
    message = rows.message(status="sent")
    await store.messages.create_message(message)
    await store.messages.redact(ACCOUNT, message.sid)
    assert await store.erasure.forget() == 0
    await store.database.execute("UPDATE erased SET erased_at = now() - interval '61 days'")
    assert await store.erasure.forget() == 1


async def test_only_messages_that_have_left_can_be_deleted(store: Store) -> None:
    message = rows.message()
    await store.messages.create_message(message)
    assert await store.messages.delete(ACCOUNT, message.sid) is DeleteOutcome.LIVE
    await store.messages.transition_batch([MessageTransition(message.sid, "sent", ("queued",))])
    assert await store.messages.delete(ACCOUNT, message.sid) is DeleteOutcome.DELETED
    assert await store.messages.delete(ACCOUNT, message.sid) is DeleteOutcome.NOT_FOUND


async def test_filters_of_the_list(store: Store) -> None:
    day = utcnow().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    old = rows.message(
        to="+15550000001", date_created=day, date_sent=day + timedelta(minutes=1), status="sent"
    )
    late = rows.message(
        from_="+15550000002", date_created=day, date_sent=day + timedelta(days=2), status="sent"
    )
    unsent = rows.message()
    for message in (old, late, unsent):
        await store.messages.create_message(message)

    async def sids(**filters: object) -> set[str]:
        page = await store.messages.list_page(ACCOUNT, MessageFilters(**filters), Page())  # type: ignore[arg-type]
        return {message.sid for message in page.items}

    assert await sids() == {old.sid, late.sid, unsent.sid}
    assert await sids(to="+15550000001") == {old.sid}
    assert await sids(from_="+15550000002") == {late.sid}
    assert await sids(date_sent=TimeRange(day, day + timedelta(days=1))) == {old.sid}
    assert await sids(date_sent=TimeRange(since=day + timedelta(days=1))) == {late.sid}
    assert await sids(date_sent=TimeRange(until=day + timedelta(days=1))) == {old.sid}
