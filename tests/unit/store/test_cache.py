"""The cache in front of accounts and numbers."""

from __future__ import annotations

import asyncio

import pytest

from offhook.store import cache
from offhook.store.cache import Cache


class Rows:
    """What is fetched, and how often."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.values: dict[str, str] = {"a": "A"}
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def fetch(self, key: str) -> str | None:
        self.fetched.append(key)
        value = self.values.get(key)
        self.asked.set()
        await self.gate.wait()
        if value == "broken":
            raise OSError
        return value


async def test_a_value_is_fetched_once_for_all() -> None:
    rows = Rows()
    values: Cache[str] = Cache(rows.fetch)
    assert await asyncio.gather(*(values.get("a") for _ in range(5))) == ["A"] * 5
    assert await values.get("none") is None
    assert await values.get("none") is None
    assert rows.fetched == ["a", "none"]


async def test_a_value_is_believed_for_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(cache, "monotonic", lambda: now)
    rows = Rows()
    values: Cache[str] = Cache(rows.fetch, ttl=5.0)
    await values.get("a")
    now = 4.9
    await values.get("a")
    now = 5.0
    await values.get("a")
    assert rows.fetched == ["a", "a"]


async def test_what_is_dropped_while_it_is_fetched_is_not_kept() -> None:
    rows = Rows()
    values: Cache[str] = Cache(rows.fetch)
    rows.gate.clear()
    asked = asyncio.create_task(values.get("a"))
    await rows.asked.wait()
    rows.values["a"] = "B"
    values.drop("a")
    rows.asked.clear()
    again = asyncio.create_task(values.get("a"))
    await rows.asked.wait()
    rows.gate.set()
    assert (await asked, await again) == ("A", "B")
    assert await values.get("a") == "B"
    assert rows.fetched == ["a", "a"]


async def test_a_failure_is_everybodys_and_not_kept() -> None:
    rows = Rows()
    rows.values["a"] = "broken"
    values: Cache[str] = Cache(rows.fetch)
    for _ in range(2):
        with pytest.raises(OSError):
            await values.get("a")
    assert rows.fetched == ["a", "a"]


async def test_the_room_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_ENTRIES", 3)
    rows = Rows()
    values: Cache[str] = Cache(rows.fetch)
    for key in ("1", "2", "3", "4", "4", "x" * 65, "x" * 65):
        await values.get(key)
    assert rows.fetched == ["1", "2", "3", "4", "x" * 65, "x" * 65]
    await values.get("1")
    assert rows.fetched[-1] == "1"


async def test_what_nobody_asks_for_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(cache, "monotonic", lambda: now)
    values: Cache[str] = Cache(Rows().fetch, ttl=5.0)
    for number in range(10_000):
        now += 0.01
        await values.get(f"+1555{number}")
    # Those of the last five seconds, and as many again at most.
    assert len(values._values) <= 1_500
