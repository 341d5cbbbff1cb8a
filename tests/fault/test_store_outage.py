"""PostgreSQL is killed under load and comes back: nothing acknowledged is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from tests.harness import rows
from tests.harness.services import ACCOUNT, AUTH_TOKEN
from tests.harness.waiting import HANGS, eventually

from offhook.clock import utcnow
from offhook.store.database import Database, DatabaseUnavailableError
from offhook.store.message_transitions import MessageTransition
from offhook.store.messages import MessageFilters
from offhook.store.migrate import migrate
from offhook.store.paging import Page
from offhook.store.records import AccountRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.supervisor.postgres import Postgres

CENT = Decimal("-0.01000")


@asynccontextmanager
async def opened(server: Postgres) -> AsyncIterator[Store]:
    await migrate(server.url)
    store = await Store.open(server.url)
    now = utcnow()
    await store.accounts.create(AccountRecord(ACCOUNT, AUTH_TOKEN, "Test", now, now))
    try:
        yield store
    finally:
        await store.close()


async def kill_and_restart(server: Postgres, away: float) -> None:
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    await server.child.wait()
    await asyncio.sleep(away)
    await server.start()


async def make_messages(store: Store, count: int, made: list[str]) -> None:
    for _ in range(count):
        message = rows.message()
        await store.messages.create_message(message)
        made.append(message.sid)


async def send(store: Store, sid: str) -> str | None:
    move = MessageTransition(sid, "sent", ("queued", "sending"), price=CENT)
    return "sent" if await store.messages.transition_batch([move]) else None


async def test_no_acknowledged_message_is_lost_and_none_is_charged_twice(
    own_postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="offhook.store.database")
    async with opened(own_postgres) as store:
        made: list[str] = []
        writers = [asyncio.create_task(make_messages(store, 150, made)) for _ in range(10)]

        async def under_way() -> bool:
            return len(made) > 200

        await eventually(under_way)
        await kill_and_restart(own_postgres, 1.0)
        async with asyncio.timeout(HANGS):
            await asyncio.gather(*writers)
        assert len(made) == 1500
        assert await store.outbox.depth() == {"work.messages": 1500}
        told = [record.getMessage().partition(",")[0] for record in caplog.records]
        assert [each for each in told if "PostgreSQL" in each] == ["PostgreSQL is away", "PostgreSQL is back"]

        senders = [asyncio.create_task(send(store, sid)) for sid in made]
        await asyncio.sleep(0.05)
        await kill_and_restart(own_postgres, 0.2)
        async with asyncio.timeout(HANGS):
            assert set(await asyncio.gather(*senders)) == {"sent"}
        assert await store.ledger.balance(ACCOUNT) == CENT * 1500
        assert await store.outbox.depth() == {}
        page = await store.messages.list_page(ACCOUNT, MessageFilters(), Page(page_size=1000))
        assert {message.status for message in page.items} == {"sent"}


async def test_timelines_and_caches_outlive_an_outage(own_postgres: Postgres) -> None:
    async with opened(own_postgres) as store:
        account = await store.accounts.cached.get(ACCOUNT)
        sid = rows.call().sid
        killing = asyncio.create_task(kill_and_restart(own_postgres, 0.5))
        for n in range(50):
            store.timelines.add(TimelineEntry(sid, ACCOUNT, utcnow(), TimelineKind.NOTE, str(n), {}))
            await asyncio.sleep(0.02)
        await killing

        async def written() -> bool:
            return len(await store.timeline.list(sid)) >= 50

        await eventually(written)
        names = [entry.name for entry in await store.timeline.list(sid)]
        assert list(dict.fromkeys(names)) == [str(n) for n in range(50)]
        assert await store.accounts.cached.get(ACCOUNT) == account

        other = await Store.open(own_postgres.url)
        try:
            await other.accounts.update(ACCOUNT, auth_token="f" * 32)

            async def heard() -> bool:
                found = await store.accounts.cached.get(ACCOUNT)
                return found is not None and found.auth_token == "f" * 32

            await eventually(heard)
        finally:
            await other.close()


async def test_an_operation_waits_only_so_long(own_postgres: Postgres) -> None:
    database = await Database.connect(own_postgres.url, patience=0.3)
    try:
        assert own_postgres.child is not None
        os.kill(own_postgres.child.pid, signal.SIGKILL)
        await own_postgres.child.wait()
        with pytest.raises(DatabaseUnavailableError):
            await database.fetchval("SELECT 1")
        await own_postgres.start()
        assert await database.fetchval("SELECT 1") == 1
    finally:
        await database.close()
