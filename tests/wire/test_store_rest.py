"""Accounts, numbers, recordings, notifications, timelines, leases, bindings and migrations in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import msgspec
import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable
from tests.harness import rows
from tests.harness.services import ACCOUNT, AUTH_TOKEN, with_database
from tests.harness.waiting import eventually

from offhook.clock import new_sid, utcnow
from offhook.store import records, schema, timeline
from offhook.store.accounts import AccountFilters
from offhook.store.database import DatabaseUnavailableError
from offhook.store.ledger import Posting
from offhook.store.migrate import migrate
from offhook.store.notifications import NotificationFilters
from offhook.store.numbers import NumberFilters, NumberTakenError
from offhook.store.paging import Page, TimeRange
from offhook.store.recordings import RecordingFilters
from offhook.store.records import (
    AccountRecord,
    DeleteOutcome,
    NotificationRecord,
    RecordingRecord,
    RegistrationRecord,
    SipCredentialRecord,
    TimelineEntry,
    TimelineKind,
)
from offhook.store.sql import column_names
from offhook.store.store import Store
from offhook.store.timeline import TimelineWriter
from offhook.supervisor.postgres import Postgres

PAIRS = [
    (records.AccountRecord, schema.accounts),
    (records.NumberRecord, schema.numbers),
    (records.CallRecord, schema.calls),
    (records.MessageRecord, schema.messages),
    (records.RecordingRecord, schema.recordings),
    (records.NotificationRecord, schema.notifications),
    (records.LedgerEntry, schema.ledger),
    (records.RegistrationRecord, schema.registrations),
    (records.SipCredentialRecord, schema.sip_credentials),
    (records.ConferenceRecord, schema.conferences),
    (records.ParticipantRecord, schema.conference_participants),
    (records.QueueRecord, schema.queues),
    (records.QueueMemberRecord, schema.queue_members),
    (records.ApplicationRecord, schema.applications),
]

_CATALOGUE = """
    SELECT 'column', table_name, column_name, ordinal_position::text, data_type, is_nullable,
        coalesce(column_default, '') || is_identity
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef, '', '', '' FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'options', relname, coalesce(reloptions::text, ''), '', '', '', ''
    FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


@pytest.mark.parametrize(("record", "table"), PAIRS)
def test_a_record_has_the_columns_of_its_table(record: Any, table: Any) -> None:
    assert column_names(record) == tuple(column.name for column in table.columns)


async def test_the_migrations_make_what_the_schema_says(postgres: Postgres, database_url: str) -> None:
    admin = await asyncpg.connect(postgres.url)
    await admin.execute("CREATE DATABASE from_metadata")
    by_metadata = await asyncpg.connect(with_database(postgres.url, "from_metadata"))
    migrated = await asyncpg.connect(database_url)
    try:
        dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
        for table in schema.metadata.sorted_tables:
            await by_metadata.execute(str(CreateTable(table).compile(dialect=dialect)))
            for index in table.indexes:
                await by_metadata.execute(str(CreateIndex(index).compile(dialect=dialect)))
        expected = {tuple(row) for row in await by_metadata.fetch(_CATALOGUE)}
        made = {tuple(row) for row in await migrated.fetch(_CATALOGUE)}
        assert {row for row in made if "alembic_version" not in row} == expected
    finally:
        await by_metadata.close()
        await migrated.close()
        await admin.execute("DROP DATABASE from_metadata WITH (FORCE)")
        await admin.close()


async def test_migrating_again_and_at_the_same_time_changes_nothing(database_url: str) -> None:
    assert set(await asyncio.gather(*(migrate(database_url) for _ in range(3)))) == {"0005"}


async def test_the_cache_hears_of_changes_by_other_processes(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    try:
        account = await store.accounts.cached.get(ACCOUNT)
        assert account is not None
        assert account.auth_token == AUTH_TOKEN
        await other.accounts.update(ACCOUNT, auth_token="f" * 32)

        async def changed() -> bool:
            account = await store.accounts.cached.get(ACCOUNT)
            return account is not None and account.auth_token != AUTH_TOKEN

        await eventually(changed)
    finally:
        await other.close()


async def test_many_who_ask_the_cache_make_one_query(store: Store) -> None:
    queries = 0
    fetch = store.database.fetchrow

    async def counted(sql: str, *arguments: Any) -> Any:
        nonlocal queries
        queries += 1
        return await fetch(sql, *arguments)

    store.database.fetchrow = counted  # type: ignore[method-assign]
    found = await asyncio.gather(*(store.numbers.cached.get("+15559999999") for _ in range(100)))
    assert set(found) == {None}
    assert queries == 1


async def test_accounts_list_owner_and_subaccounts(store: Store) -> None:
    now = utcnow()
    child = AccountRecord(new_sid("AC"), "t", "Sub", now, now, owner_account_sid=ACCOUNT)
    stranger = AccountRecord(new_sid("AC"), "t", "Other", now, now)
    await store.accounts.create(child)
    await store.accounts.create(stranger)
    page = await store.accounts.list_page(ACCOUNT, AccountFilters(), Page())
    assert {account.sid for account in page.items} == {ACCOUNT, child.sid}
    named = await store.accounts.list_page(ACCOUNT, AccountFilters(friendly_name="Sub"), Page())
    assert [account.sid for account in named.items] == [child.sid]


async def test_a_number_has_one_owner(store: Store) -> None:
    number = rows.number("+15550100100", voice_url="http://x/voice")
    await store.numbers.create(number)
    assert await store.numbers.find_by_number("+15550100100") == number
    await store.numbers.create(number)
    with pytest.raises(NumberTakenError):
        await store.numbers.create(rows.number("+15550100100"))
    assert await store.numbers.delete(ACCOUNT, number.sid)
    assert not await store.numbers.delete(ACCOUNT, number.sid)
    assert await store.numbers.cached.get("+15550100100") is None


async def test_a_changed_number_is_seen_at_once(store: Store) -> None:
    number = rows.number()
    await store.numbers.create(number)
    assert await store.numbers.cached.get(number.phone_number) == number
    changed = await store.numbers.update(
        ACCOUNT, number.sid, {"sms_url": "http://x", "voice_caller_id_lookup": True}
    )
    assert changed is not None
    assert (changed.sms_url, changed.voice_caller_id_lookup) == ("http://x", True)
    assert await store.numbers.cached.get(number.phone_number) == changed
    assert await store.numbers.update("AC" + "f" * 32, number.sid, {"sms_url": None}) is None
    with pytest.raises(ValueError, match="not writable"):
        await store.numbers.update(ACCOUNT, number.sid, {"sid": "PN"})


async def test_numbers_are_found_by_a_part(store: Store) -> None:
    for phone in ("+15550100100", "+15550100101", "+442071234567"):
        await store.numbers.create(rows.number(phone, friendly_name="F" + phone))

    async def found(**filters: Any) -> list[str]:
        page = await store.numbers.list_page(ACCOUNT, NumberFilters(**filters), Page())
        return sorted(number.phone_number for number in page.items)

    assert await found(phone_number="55501001") == ["+15550100100", "+15550100101"]
    assert await found(phone_number="010*100") == ["+15550100100"]
    assert await found(phone_number="%") == []
    assert await found(friendly_name="F+442071234567") == ["+442071234567"]


async def test_seeding_twice_keeps_what_was_changed(store: Store) -> None:
    account = "AC" + "a" * 32
    credential = SipCredentialRecord("phone", "secret", account)
    numbers = [(new_sid("PN"), "+15550100100"), (new_sid("PN"), "+15550100101")]
    await store.ensure_default(account, "token", "Me", numbers, credential)
    number = await store.numbers.find_by_number("+15550100100")
    assert number is not None
    await store.numbers.update(account, number.sid, {"voice_url": "http://mine"})
    again = [(new_sid("PN"), phone) for _, phone in numbers]
    await store.ensure_default(account, "token2", "Me", again, credential)
    number = await store.numbers.find_by_number("+15550100100")
    assert number is not None
    assert number.voice_url == "http://mine"
    assert await store.numbers.delete(account, number.sid)
    await store.ensure_default(account, "token2", "Me", again, credential)
    assert await store.numbers.find_by_number("+15550100100") is None
    found = await store.accounts.fetch(account)
    assert found is not None
    assert found.auth_token == "token2"
    assert await store.sip_credentials.find("phone") == credential
    assert await store.sip_credentials.delete("phone")
    assert await store.sip_credentials.find("phone") is None


async def test_recordings_live_and_die(store: Store) -> None:
    now = utcnow()
    recording = RecordingRecord(new_sid("RE"), ACCOUNT, new_sid("CA"), "RecordVerb", "in-progress", now, now)
    await store.recordings.create(recording)
    assert await store.recordings.fetch(ACCOUNT, recording.sid) == recording
    assert await store.recordings.delete(ACCOUNT, recording.sid) is DeleteOutcome.LIVE
    done = await store.recordings.update(recording.sid, "completed", duration=3, path="a.wav")
    assert done is not None
    assert (done.duration, done.path) == (3, "a.wav")
    assert await store.recordings.update(recording.sid, "failed") is None
    page = await store.recordings.list_page(ACCOUNT, RecordingFilters(call_sid=recording.call_sid), Page())
    assert page.items == [done]
    assert await store.recordings.delete(ACCOUNT, recording.sid) is DeleteOutcome.DELETED
    assert await store.recordings.fetch(ACCOUNT, recording.sid) is None
    kept = await store.recordings.fetch(ACCOUNT, recording.sid, include_deleted=True)
    assert kept is not None
    assert (kept.status, kept.path) == ("deleted", None)
    assert (await store.recordings.list_page(ACCOUNT, RecordingFilters(), Page())).items == []


async def test_notifications_are_filtered_by_level_and_day(store: Store) -> None:
    now = utcnow()
    call = new_sid("CA")
    error = NotificationRecord(new_sid("NO"), ACCOUNT, call, None, 0, 11200, now, "text")
    warning = dataclasses.replace(error, sid=new_sid("NO"), log=1, message_date=now - timedelta(days=2))
    await asyncio.gather(store.notifications.create(error), store.notifications.create(warning))
    assert await store.notifications.fetch(ACCOUNT, error.sid) == error

    async def found(**filters: Any) -> list[str]:
        page = await store.notifications.list_page(ACCOUNT, NotificationFilters(**filters), Page())
        return [notification.sid for notification in page.items]

    assert await found() == [error.sid, warning.sid]
    assert await found(log=1) == [warning.sid]
    assert await found(message_date=TimeRange(since=now - timedelta(days=1))) == [error.sid]
    assert await found(call_sid=new_sid("CA")) == []
    assert [notification.sid for notification in await store.notifications.about(call)] == [
        warning.sid,
        error.sid,
    ]


async def test_timelines_are_written_behind_and_told_live(store: Store) -> None:
    told: list[tuple[str, str, bytes]] = []
    store.timelines._emit = lambda account, sid, encode: told.append((account, sid, encode()))
    call, at = new_sid("CA"), utcnow()
    entries = [
        TimelineEntry(call, ACCOUNT, at + timedelta(milliseconds=n), TimelineKind.SIP, f"step {n}", {"n": n})
        for n in range(5000)
    ]
    for entry in reversed(entries):
        store.timelines.add(entry)
    store.timelines.add(TimelineEntry(call, ACCOUNT, at, TimelineKind.NOTE, "bad\ud800", {}))

    async def all_written() -> bool:
        return len(await store.timeline.list(call)) >= len(entries)

    await eventually(all_written)
    assert await store.timeline.list(call) == entries
    assert msgspec.json.decode(told[0][2])["name"] == "step 4999"
    assert told[0][:2] == (ACCOUNT, call)


async def test_the_ledger_books_once_and_adds_up(store: Store) -> None:
    other = new_sid("AC")
    postings = [
        Posting(account, f"{account}-{n}", "call", Decimal("-0.01"))
        for n in range(20)
        for account in (ACCOUNT, other)
    ]
    await asyncio.gather(*(store.ledger.post(postings[n : n + 4]) for n in range(0, 40, 2)))
    await store.ledger.post([Posting(other, "grant", "credit", Decimal(5))])
    assert await store.ledger.balance(ACCOUNT) == Decimal("-0.20000")
    assert await store.ledger.balance(other) == Decimal("4.80000")
    balance = Decimal(0)
    for entry in await store.ledger.entries(ACCOUNT):
        balance += entry.amount
        assert entry.balance == balance


async def test_a_new_lease_of_a_node_makes_the_calls_of_its_old_life_orphans(store: Store) -> None:
    call = rows.call()
    await store.calls.create_call(call)
    old = await store.leases.acquire("node-1")
    await store.calls.claim(call.sid, old.node, old.id)
    assert await store.calls.orphans() == []
    assert await store.leases.renew(old)
    assert await store.leases.is_alive(old)
    await store.leases.acquire("node-1")
    assert not await store.leases.renew(old)
    assert not await store.leases.is_alive(old)
    assert [orphan.sid for orphan in await store.calls.orphans()] == [call.sid]


async def test_the_lease_clock_stands_still_while_nobody_ticks(store: Store) -> None:
    lease = await store.leases.acquire("node-1", ttl=0.3)
    first = await store.leases.tick()
    await store.database.execute("UPDATE lease_clock SET ticked_at = ticked_at - interval '1 hour'")
    second = await store.leases.tick()
    assert 5 <= second - first < 6
    assert not await store.leases.renew(lease)
    assert await store.leases.expire() == 1


async def test_bindings_are_those_of_a_node_until_they_expire(store: Store) -> None:
    soon = utcnow() + timedelta(minutes=5)
    flow = {"transport": "UDP", "host": "192.0.2.1", "port": 5060}
    first = RegistrationRecord("a", "sip:a@1.2.3.4", ACCOUNT, flow, soon, "call-1", 5, node="n1")
    second = dataclasses.replace(first, contact="sip:a@5.6.7.8", expires_at=soon + timedelta(minutes=1))
    expired = dataclasses.replace(first, aor="b", expires_at=utcnow() - timedelta(seconds=1))
    await store.registrations.replace("a", "n1", [first])
    await store.registrations.replace("a", "n1", [dataclasses.replace(first, cseq=6), second])
    await store.registrations.replace("b", "n1", [expired])
    found = await store.registrations.of_node("n1")
    assert [(item.contact, item.cseq) for item in found] == [("sip:a@1.2.3.4", 6), ("sip:a@5.6.7.8", 5)]
    assert found[0].flow == flow
    assert await store.registrations.of_node("n2") == []
    assert await store.registrations.expire() == 1
    await store.registrations.replace("a", "n1", [])
    assert await store.registrations.of_node("n1") == []


async def test_entries_that_wait_are_bounded_in_octets(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline, "MAX_OCTETS", 100_000)
    writer, call, at = TimelineWriter(store.database), new_sid("CA"), utcnow()

    def add(number: int) -> None:
        detail = {"message": "m" * 8_000, "response": {"body": "b" * 1_000, "params": ["p" * 500] * 2}}
        moment = at + timedelta(seconds=number)
        writer.add(TimelineEntry(call, ACCOUNT, moment, TimelineKind.SIP, f"step {number}", detail))

    async def away(batch: object) -> None:
        raise DatabaseUnavailableError("away")

    with monkeypatch.context() as failing:
        failing.setattr(writer, "_write", away)
        for number in range(30):
            add(number)
        with pytest.raises(DatabaseUnavailableError):
            await writer.flush()
    add(30)
    await writer.flush()
    # The oldest are given up.
    names = [told.name for told in await store.timeline.list(call)]
    assert names == [f"step {number}" for number in range(22, 31)]


async def test_a_batch_that_is_written_again_stands_once(store: Store) -> None:
    timelines, call, at = store.timelines, new_sid("CA"), utcnow()
    entry = TimelineEntry(call, ACCOUNT, at, TimelineKind.STATUS, "queued")
    timelines.add(entry)
    await timelines.flush()
    # As after a commit that was not heard of.
    timelines._again = True
    timelines.add(entry)
    timelines.add(TimelineEntry(call, ACCOUNT, at + timedelta(seconds=1), TimelineKind.STATUS, "sent"))
    await timelines.flush()
    assert [told.name for told in await store.timeline.list(call)] == ["queued", "sent"]
