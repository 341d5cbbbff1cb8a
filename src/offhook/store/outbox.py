"""The outbox: what must still be told to someone, committed together with the fact itself.

A row is inserted in the transaction that makes its fact, announced on the bus after the commit, claimed by a
consumer for a while (`due_at` moves into the future), and deleted when its work is done. A consumer that dies
leaves the row, which becomes due again; a dispatcher that starts gives back what its name had claimed, so that a
restart keeps no callback waiting. What nobody claims a consumer's sweeper takes from the table itself, ever
more rarely (`announce_at`), so that neither a lost announcement nor a lost NATS loses work.

Callbacks are not announced one by one: those of one resource to one URL are a lane, in which they go out one
after the other, so the dispatcher asks the table itself what comes next. A callback that failed holds up its
lane for `HOLD` only. In a lane with such a failure, a callback waits for the others before it for as long at
most: the news that a call is over is never kept back by the tries to tell that it rang.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from offhook.clock import new_token
from offhook.store.batcher import Batcher
from offhook.store.database import Connection, Database
from offhook.store.records import CallbackDraft, OutboxRow, Topic, WorkNotice
from offhook.store.sql import columns, loads, transpose, unnest

CLAIM: Final = timedelta(seconds=60)
"""How long a claim holds; a consumer that needs longer calls `extend`."""

HOLD: Final = timedelta(seconds=2)
"""How long a callback that failed keeps back the later ones of its lane."""

_INSERT = (
    "INSERT INTO outbox (resource_sid, topic, payload) "
    f"SELECT resource_sid, topic, payload FROM {unnest(OutboxRow, ('resource_sid', 'topic', 'payload'))} "
    "RETURNING topic, id, resource_sid"
)

_OLDER = """
    SELECT FROM outbox AS older
    WHERE older.resource_sid = head.resource_sid AND older.topic = head.topic AND older.lane = head.lane
      AND older.id < head.id
"""

_CLAIM_CALLBACKS = f"""
    UPDATE outbox SET due_at = now() + $2, attempts = attempts + 1, claimed_by = $4
    WHERE id IN (
        SELECT id FROM outbox AS head
        WHERE topic = 'work.callbacks' AND due_at <= now() AND (
            NOT EXISTS ({_OLDER} AND (older.failed_at IS NULL OR older.failed_at > now() - $3::interval))
            OR head.created_at <= now() - $3 AND EXISTS ({_OLDER} AND older.failed_at <= now() - $3))
        ORDER BY due_at, id LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING {columns(OutboxRow)}
"""

_NEXT_CALLBACK = f"""
    SELECT extract(epoch FROM due_at - now())::float8 FROM outbox AS head
    WHERE topic = 'work.callbacks' AND NOT EXISTS ({_OLDER}) ORDER BY due_at LIMIT 1
"""

_SWEEP = """
    UPDATE outbox SET attempts = attempts + 1,
        announce_at = now() + least(interval '5 seconds' * power(2, attempts), interval '10 minutes')
    WHERE id IN (
        SELECT id FROM outbox
        WHERE topic = $1 AND topic <> 'work.callbacks' AND announce_at <= now() AND due_at <= now()
        ORDER BY announce_at LIMIT $2 FOR UPDATE SKIP LOCKED)
    RETURNING resource_sid
"""


class Outbox:
    """Rows that wait to be told. Made by the repositories of calls and messages; see the module."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._done: Batcher[int, None] = Batcher(self._delete, size=1000)

    async def claim_callbacks(
        self, limit: int, claimant: str, hold: timedelta = CLAIM, *, behind_failed: timedelta = HOLD
    ) -> list[OutboxRow]:
        """Claim up to `limit` callbacks that are due and need not wait for an older one of their lane.

        `claimant` names who may give them back after it died, `behind_failed` is how long they wait for one that
        failed. `payload` is {account_sid, url, method, params: [[name, value]…], event, token}.
        """
        rows = await self._database.fetch(_CLAIM_CALLBACKS, limit, hold, behind_failed, claimant)
        return sorted(loads(OutboxRow, rows), key=lambda row: row.id)

    async def give_back(self, claimant: str) -> int:
        """Have the callbacks that an earlier life of `claimant` has claimed due at once; returns how many."""
        return await self._database.execute(
            "UPDATE outbox SET due_at = now(), claimed_by = NULL "
            "WHERE topic = 'work.callbacks' AND claimed_by = $1",
            claimant,
        )

    async def callback_due_in(self) -> float | None:
        """Seconds until the oldest callback of a lane may be claimed: 0 or less when one may, None when there is none.

        What waits behind a failed one is not counted: look for it when `HOLD` is over.
        """
        seconds = await self._database.fetchval(_NEXT_CALLBACK)
        return None if seconds is None else float(seconds)

    async def retry(self, row_id: int, after: timedelta) -> None:
        """Give back a claimed row whose telling failed; it is due again `after` from now."""
        await self._database.execute(
            "UPDATE outbox SET due_at = now() + $2, claimed_by = NULL, failed_at = coalesce(failed_at, now()) "
            "WHERE id = $1",
            row_id,
            after,
        )

    async def postpone(self, row_id: int, after: timedelta) -> None:
        """Give a claimed row back as if it had not been claimed; it is due again `after` from now."""
        await self._database.execute(
            "UPDATE outbox SET due_at = now() + $2, claimed_by = NULL, attempts = attempts - 1 WHERE id = $1",
            row_id,
            after,
        )

    async def done(self, row_id: int) -> None:
        """Delete a row whose work is done. Calls made together become one statement."""
        await self._done.add(row_id)

    async def done_for(self, topic: Topic, sids: Sequence[str]) -> None:
        """Delete the rows of `topic` of these resources, such as the webhook jobs of inbound messages."""
        await self._database.execute(
            "DELETE FROM outbox WHERE resource_sid = ANY($1) AND topic = $2", list(sids), topic
        )

    async def extend(self, topic: Topic, sids: Sequence[str], hold: timedelta = CLAIM) -> None:
        """Hold claimed rows for longer, such as messages that wait for their turn to be sent."""
        await self._database.execute(
            "UPDATE outbox SET due_at = now() + $3, announce_at = now() + $3 "
            "WHERE resource_sid = ANY($1) AND topic = $2",
            list(sids),
            topic,
            hold,
        )

    async def enqueue_callbacks(self, resource_sid: str, drafts: Sequence[CallbackDraft]) -> None:
        """Send callbacks about a resource, after those it has in the outbox already, in this order.

        For callbacks that no change of a call's or message's status carries (recordings, for one).
        Repeated when the connection is lost after the commit: such a callback may then be sent twice.
        """
        rows = [(resource_sid, draft) for draft in drafts]
        await self._database.transact(lambda connection: insert_callbacks(connection, rows))
        self._database.announce([WorkNotice(Topic.CALLBACKS, 0, resource_sid)])

    async def sweep(self, topic: Topic, limit: int = 500) -> list[str]:
        """The resources whose work was announced a while ago and is neither done nor claimed."""
        rows = await self._database.fetch(_SWEEP, topic.value, limit)
        return [row["resource_sid"] for row in rows]

    async def depth(self) -> dict[str, int]:
        """How many rows wait, by topic."""
        rows = await self._database.fetch("SELECT topic, count(*) FROM outbox GROUP BY topic")
        return {row["topic"]: row["count"] for row in rows}

    async def flush(self) -> None:
        """Wait for the deletions that are on their way."""
        await self._done.join()

    async def _delete(self, ids: Sequence[int]) -> Sequence[None]:
        await self._database.execute("DELETE FROM outbox WHERE id = ANY($1)", list(ids))
        return [None] * len(ids)


async def insert_callbacks(
    connection: Connection, rows: Sequence[tuple[str, CallbackDraft]]
) -> list[WorkNotice]:
    """Insert callbacks `(resource, draft)` in the transaction of `connection`."""
    if not rows:
        return []
    values = [(sid, Topic.CALLBACKS.value, payload(draft)) for sid, draft in rows]
    return [WorkNotice(*row) for row in await connection.fetch(_INSERT, *transpose(values, 3))]


def payload(draft: CallbackDraft) -> dict[str, Any]:
    """What a callback's row says, without a number.

    It gets its idempotency token here, so every attempt to send it carries the same one.
    """
    return {
        "account_sid": draft.account_sid,
        "url": draft.url,
        "method": draft.method,
        "params": list(draft.params),
        "event": draft.event,
        "token": new_token(),
    }
