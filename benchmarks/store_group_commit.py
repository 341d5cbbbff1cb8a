"""Creating messages one by one and in groups, on the embedded PostgreSQL with every commit on disk.

Both ways write the same rows (the message, and the outbox row that has it sent) from the same number of
concurrent writers; one by one, each row is a transaction of its own. Prints rows a second of both, and
the ratio.

    python -m benchmarks.store_group_commit [--rows 20000] [--writers 500]
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

from offhook.clock import new_sid, utcnow
from offhook.store.messages import Messages, MessageTransition
from offhook.store.migrate import migrate
from offhook.store.records import MessageRecord
from offhook.store.store import Store
from offhook.supervisor.postgres import Postgres

CENT = Decimal("-0.01000")


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
    """Rows a second through the whole life in the store: create, claim in batches of 200, sent, with the
    money."""
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


async def measure(server: Postgres, rows: int, writers: int) -> None:
    """Start the server, measure, print the figures."""
    await server.start()
    try:
        await migrate(server.url)
        store = await Store.open(server.url)
        single = await rate(one_by_one(store), rows // 10, writers)
        grouped = await rate(store.messages.create_message, rows, writers)
        sending = await rate_of_sending(store, rows // 4)
        await store.close()
    finally:
        await server.stop()
    print(f"one by one       {single:8.0f} rows/s")
    print(f"group commit     {grouped:8.0f} rows/s")
    print(f"ratio            {grouped / single:8.1f}")
    print(f"create+claim+sent{sending:8.0f} messages/s")


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
