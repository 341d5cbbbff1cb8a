"""Coalescing of concurrent writes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.harness.fake_clock import on_fake_clock
from tests.harness.waiting import HANGS

from offhook.store.batcher import Batcher


class Table:
    """Remembers batches; a row `bad` cannot be written, `down` fails the whole batch."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def write(self, rows: Sequence[str]) -> Sequence[str]:
        await asyncio.sleep(0)
        if "down" in rows:
            raise ConnectionError
        if any(row.startswith("bad") for row in rows):
            raise ValueError(rows)
        self.batches.append(list(rows))
        return [row.upper() for row in rows]


async def test_a_lone_write_does_not_wait() -> None:
    table = Table()
    assert await Batcher(table.write).add("a") == "A"
    assert table.batches == [["a"]]


async def test_what_comes_while_a_batch_is_written_is_the_next() -> None:
    table = Table()
    batcher = Batcher(table.write)
    first = asyncio.create_task(batcher.add("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    rest = [asyncio.create_task(batcher.add(row)) for row in "bcd"]
    assert await asyncio.gather(first, *rest) == ["A", "B", "C", "D"]
    assert table.batches == [["a"], ["b", "c", "d"]]


def test_at_a_pace_a_lone_write_does_not_wait_and_the_next_ones_share_a_batch() -> None:
    table = Table()

    async def scene() -> None:
        batcher = Batcher(table.write, pace=0.25)
        loop = asyncio.get_running_loop()
        assert await batcher.add("a") == "A"
        assert loop.time() == 0
        rest = [asyncio.create_task(batcher.add("b"))]
        await asyncio.sleep(0.125)
        rest += [asyncio.create_task(batcher.add(row)) for row in "cd"]
        assert await asyncio.gather(*rest) == ["B", "C", "D"]
        assert loop.time() == 0.25

    on_fake_clock(scene())
    assert table.batches == [["a"], ["b", "c", "d"]]


async def test_a_batch_is_no_larger_than_its_size() -> None:
    table = Table()
    batcher = Batcher(table.write, size=4)
    await asyncio.gather(*(batcher.add(str(n)) for n in range(10)))
    assert [len(batch) for batch in table.batches] == [4, 4, 2]


async def test_a_write_right_after_the_last_one_is_not_forgotten() -> None:
    batcher = Batcher(Table().write)
    for n in range(100):
        async with asyncio.timeout(HANGS):
            assert await batcher.add(str(n)) == str(n)


async def test_bad_rows_fail_alone() -> None:
    table = Table()
    batcher = Batcher(table.write, poison=(ValueError,))
    rows = [f"row{n}" for n in range(20)]
    rows[3:3] = ["bad1"]
    rows[15:15] = ["bad2"]
    results = await asyncio.gather(*map(batcher.add, rows), return_exceptions=True)
    for row, result in zip(rows, results, strict=True):
        assert isinstance(result, ValueError) if row.startswith("bad") else result == row.upper()


async def test_a_failure_that_blames_no_row_fails_the_batch_and_not_the_next() -> None:
    batcher = Batcher(Table().write, poison=(ValueError,))
    results = await asyncio.gather(*map(batcher.add, ["a", "down"]), return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError, ConnectionError]
    assert await batcher.add("b") == "B"


async def test_items_of_one_key_are_written_one_after_the_other() -> None:
    table = Table()
    batcher = Batcher(table.write, key=lambda row: row[0])
    rows = ["a1", "a2", "b1", "a3", "b2", "c1"]
    await asyncio.gather(*map(batcher.add, rows))
    assert table.batches == [["a1", "b1", "c1"], ["a2", "b2"], ["a3"]]


async def test_a_caller_that_gives_up_changes_nothing_for_the_others() -> None:
    table = Table()
    batcher = Batcher(table.write)
    tasks = [asyncio.create_task(batcher.add(row)) for row in "abc"]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert results[0] == "A"
    assert isinstance(results[1], asyncio.CancelledError)
    assert results[2] == "C"
    await batcher.join()
    assert table.batches == [["a", "b", "c"]]


def test_order_within_a_key_needs_a_single_worker() -> None:
    with pytest.raises(ValueError, match="single worker"):
        Batcher(Table().write, key=str, workers=2)
