"""A write of a call that fails is tried again, and not in one breath."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from offhook.clock import utcnow
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import CallRecord
from offhook.store.store import Store
from offhook.voice import journal


@pytest.mark.parametrize(
    "error", [DatabaseUnavailableError("PostgreSQL's disk is full"), ValueError("a bad row")]
)
async def test_between_tries_it_waits(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    ready = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await ready(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    failures = [error] * 3

    async def work() -> None:
        if failures:
            raise failures.pop()

    now = utcnow()
    record = CallRecord("CA1", "AC1", "+15551230000", "+15551230001", "queued", "inbound", now, now)
    kept = journal.Journal(cast(Store, None), record)
    await kept.write(work)
    await kept.close()
    assert pauses == [0.5, 1.0, 2.0]
