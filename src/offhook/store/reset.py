"""Emptying an account between two tests: calls, texts, rooms, recordings and what is known of them, money, numbers.

What was still being written has no effect: statuses find no row, and the entries of timelines are joined with
the marks of `offhook.store.erasure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from offhook.clock import new_sid, utcnow
from offhook.ids import PHONE_NUMBER
from offhook.store.applications import Applications
from offhook.store.cache import notify
from offhook.store.database import Connection
from offhook.store.numbers import Numbers, release_all
from offhook.store.records import LIVE_CALL, NumberRecord
from offhook.store.sql import columns, values

_RESOURCES: Final = """
    SELECT sid FROM calls WHERE account_sid = $1 UNION ALL SELECT sid FROM messages WHERE account_sid = $1
    UNION ALL SELECT sid FROM conferences WHERE account_sid = $1
"""

_COUNT_UNDER_WAY: Final = f"""
    SELECT (SELECT count(*) FROM calls WHERE account_sid = $1 AND {LIVE_CALL})
        + (SELECT count(*) FROM outbox WHERE topic <> 'work.callbacks' AND resource_sid IN ({_RESOURCES}))
"""

_MARK: Final = f"""
    INSERT INTO erased (sid, deleted) SELECT sid, true FROM ({_RESOURCES}) AS resources
    ON CONFLICT (sid) DO UPDATE SET deleted = true, erased_at = now()
"""

_DELETE: Final = (
    f"DELETE FROM outbox WHERE resource_sid IN ({_RESOURCES})",
    "DELETE FROM message_segments WHERE message_sid IN (SELECT sid FROM messages WHERE account_sid = $1)",
    *(
        f"DELETE FROM {table} WHERE account_sid = $1"
        for table in (
            *("calls", "messages", "conference_participants", "conferences", "queue_members", "queues"),
            *("notifications", "timeline", "ledger", "balances"),
        )
    ),
)


async def count_under_way(connection: Connection, account_sid: str) -> int:
    """How many calls of an account are not over, and texts not sent: others hold locks on their rows."""
    return int(await connection.fetchval(_COUNT_UNDER_WAY, account_sid))


async def reset_account(connection: Connection, account_sid: str, numbers: Sequence[str]) -> list[str]:
    """Delete everything of an account, in the transaction of `connection`, but for `numbers`, which it then owns as
    if they were new; return the paths of its recordings.
    """
    await connection.execute(_MARK, account_sid)
    for statement in _DELETE:
        await connection.execute(statement, account_sid)
    for (sid,) in await connection.fetch(
        "DELETE FROM applications WHERE account_sid = $1 RETURNING sid", account_sid
    ):
        await notify(connection, Applications.KIND, sid)
    deleted = await connection.fetch(
        "DELETE FROM recordings WHERE account_sid = $1 RETURNING path", account_sid
    )
    if not await _pristine(connection, account_sid, numbers):
        await _renew(connection, account_sid, numbers)
    return [path for (path,) in deleted if path]


async def _pristine(connection: Connection, account_sid: str, numbers: Sequence[str]) -> bool:
    """Whether these are the account's numbers, and none was ever changed."""
    owned = await connection.fetch(
        "SELECT phone_number FROM numbers WHERE account_sid = $1 AND date_updated = date_created", account_sid
    )
    count = await connection.fetchval("SELECT count(*) FROM numbers WHERE account_sid = $1", account_sid)
    return count == len(owned) and {number for (number,) in owned} == set(numbers)


async def _renew(connection: Connection, account_sid: str, numbers: Sequence[str]) -> None:
    """Give the account exactly these numbers, each under the SID that it had."""
    known = dict(
        await connection.fetch("SELECT phone_number, sid FROM numbers WHERE account_sid = $1", account_sid)
    )
    await release_all(connection, account_sid)
    now = utcnow()
    for number in numbers:
        row = values(
            NumberRecord(known.get(number) or new_sid(PHONE_NUMBER), account_sid, number, number, now, now)
        )
        marks = ", ".join(f"${at}" for at in range(1, len(row) + 1))
        await connection.execute(f"INSERT INTO numbers ({columns(NumberRecord)}) VALUES ({marks})", *row)
        await notify(connection, Numbers.KIND, number)
