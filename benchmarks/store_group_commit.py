"""Writing one by one and in groups, on the embedded PostgreSQL with every commit on disk.

Both ways write the same rows from the same number of concurrent writers; one by one, each row is a transaction
of its own. Messages: the message, and the outbox row that has it sent. Calls: their moves (ringing, answered,
completed), each with its callback, the last with its money. Prints what is written in a second and the ratio; of
the moves also the processor time of this process, which is what a voice node pays.

    python -m benchmarks.store_group_commit [--rows 20000] [--writers 500]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

from offhook.clock import new_sid, utcnow
from offhook.store.call_transitions import CallTransition
from offhook.store.message_transitions import MessageTransition
from offhook.store.messages import Messages
from offhook.store.migrate import migrate
from offhook.store.records import CallbackDraft, CallRecord, MessageRecord
from offhook.store.store import Store
from offhook.supervisor.postgres import Postgres

CENT = Decimal("-0.01000")
LIFE = ("queued", "ringing", "in-progress", "completed")


def message(account: str) -> MessageRecord:
    """A message as the API makes it."""
    now = utcnow()
    return MessageRecord(
        new_sid("SM"), account, "+15551230000", "+15550100100", "Hello", "queued", "outbound-api", now, now
    )


async def rate(write: Callable[[MessageRecord], Awaitable[None]], rows: int, writers: int) -> float:
    """Rows a second that `writers` tasks write together."""
    account = new_sid("AC")
    left = rows

    async def work() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await write(message(account))

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(writers)))
    return rows / (time.perf_counter() - began)


async def rate_of_sending(store: Store, rows: int) -> float:
    """Rows a second through the whole life in the store: create, claim in batches of 200, sent, with the money."""
    account = new_sid("AC")
    messages = [message(account) for _ in range(rows)]
    began = time.perf_counter()
    for start in range(0, rows, 200):
        batch = messages[start : start + 200]
        await asyncio.gather(*(store.messages.create_message(record) for record in batch))
        claimed = await store.messages.claim_batch([record.sid for record in batch])
        await store.messages.transition_batch(
            [
                MessageTransition(
                    record.sid, "sent", ("sending",), price=CENT, smsc="a", smsc_ids=[record.sid]
                )
                for record in claimed
            ]
        )
    return rows / (time.perf_counter() - began)


Move = Callable[[CallTransition], Awaitable[CallRecord | None]]


async def moves(store: Store, move: Move, calls: int, per_second: float) -> tuple[float, float]:
    """Moves a second of calls that begin `per_second`, and microseconds of processor time a move."""
    account, now = new_sid("AC"), utcnow()
    made = [
        CallRecord(new_sid("CA"), account, "+15551230000", "+15550100100", "queued", "outbound-api", now, now)
        for _ in range(calls)
    ]
    await asyncio.gather(*(store.calls.insert(call) for call in made))

    async def lead(call: CallRecord, after: float) -> None:
        await asyncio.sleep(after)
        for before, status in pairwise(LIFE):
            over = status == "completed"
            params = (("CallSid", call.sid), ("CallStatus", status))
            callback = CallbackDraft(account, "http://127.0.0.1:1/", "POST", params, status, numbered=True)
            await move(
                CallTransition(
                    call.sid,
                    status,
                    (before,),
                    end_time=now if over else None,
                    duration=1 if over else None,
                    price=CENT if over else None,
                    callbacks=(callback,),
                )
            )

    began, spent = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lead(call, place / per_second) for place, call in enumerate(made)))
    count = calls * (len(LIFE) - 1)
    return count / (time.perf_counter() - began), (time.process_time() - spent) / count * 1e6


def in_groups(store: Store) -> Move:
    """Moves as a voice node makes them."""

    async def move(wanted: CallTransition) -> CallRecord | None:
        return await store.calls.transition(
            wanted.sid,
            wanted.status,
            from_statuses=wanted.from_statuses,
            end_time=wanted.end_time,
            duration=wanted.duration,
            price=wanted.price,
            callbacks=wanted.callbacks,
        )

    return move


def each_alone(store: Store) -> Move:
    """The same moves, a transaction for each."""

    async def move(wanted: CallTransition) -> CallRecord | None:
        return (await store.calls.transition_batch([wanted]))[0]

    return move


async def measure(server: Postgres, rows: int, writers: int) -> None:
    """Start the server, measure, print the figures."""
    await server.start()
    try:
        await migrate(server.url)
        store = await Store.open(server.url)
        single = await rate(one_by_one(store), rows // 10, writers)
        grouped = await rate(store.messages.create_message, rows, writers)
        sending = await rate_of_sending(store, rows // 4)
        costs = [
            (name, *await moves(store, move, calls, per_second))
            for name, move, calls, per_second in (
                ("100 calls/s, alone", each_alone(store), 400, 100),
                ("100 calls/s, grouped", in_groups(store), 400, 100),
                ("all at once, alone", each_alone(store), rows // 80, 1e9),
                ("all at once, grouped", in_groups(store), rows // 10, 1e9),
            )
        ]
        await store.close()
    finally:
        await server.stop()
    print(f"one by one       {single:8.0f} rows/s")
    print(f"group commit     {grouped:8.0f} rows/s")
    print(f"ratio            {grouped / single:8.1f}")
    print(f"create+claim+sent{sending:8.0f} messages/s")
    for name, achieved, cost in costs:
        print(f"{name:<21}{achieved:8.0f} moves/s, {cost:5.0f} µs of processor time each")
    print(
        f"ratios: cost at 100 calls/s {costs[0][2] / costs[1][2]:.1f}, moves/s {costs[3][1] / costs[2][1]:.1f}"
    )


def one_by_one(store: Store) -> Callable[[MessageRecord], Awaitable[None]]:
    """The same insert, a transaction for each row, on as many connections as the pool has."""

    async def write(record: MessageRecord) -> None:
        await Messages(store.database).create_message(record)

    return write


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--writers", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="oh-", dir="/tmp") as name:
        top = Path(name)
        top.chmod(0o711)
        server = Postgres(top / "data", top / "run", top / "postgres.log")
        asyncio.run(measure(server, options.rows, options.writers))


if __name__ == "__main__":
    main()
