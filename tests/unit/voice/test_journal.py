"""A write of a call that fails is tried again, and not in one breath; a timeline is not filled by what repeats."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest

from offhook.clock import utcnow
from offhook.store.database import DatabaseUnavailableError
from offhook.store.records import CallRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.voice import journal


def call() -> CallRecord:
    now = utcnow()
    return CallRecord("CA1", "AC1", "+15551230000", "+15551230001", "queued", "inbound", now, now)


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

    kept = journal.Journal(cast(Store, None), call())
    await kept.write(work)
    await kept.close()
    assert pauses == [0.5, 1.0, 2.0]


async def test_of_what_repeats_the_first_are_kept_and_then_one_in_a_hundred() -> None:
    kept: list[TimelineEntry] = []
    store = cast(Store, SimpleNamespace(timelines=SimpleNamespace(add=kept.append)))
    notes = journal.Journal(store, call())
    for number in range(360):
        notes.note_repeated(TimelineKind.TWIML, "Play", {"line": 1}, "1")
        if number % 60 == 0:
            notes.note_repeated(TimelineKind.TWIML, "Say", {"line": 2}, "2")
    await notes.close()
    plays = [entry.detail for entry in kept if entry.name == "Play"]
    assert plays == [{"line": 1}] * 5 + [{"line": 1, "times": times} for times in (100, 200, 300)]
    assert len(kept) - len(plays) == 5


async def test_what_is_always_different_does_not_grow_without_end() -> None:
    store = cast(Store, SimpleNamespace(timelines=SimpleNamespace(add=lambda entry: None)))
    notes = journal.Journal(store, call())
    for number in range(10_000):
        notes.note_repeated(TimelineKind.WEBHOOK, "fetched", {}, str(number))
    await notes.close()
    assert len(notes._repeats) <= 200
