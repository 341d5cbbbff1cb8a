"""What was redacted or deleted stays so, whoever writes about it later.

Entries of timelines and notifications are written behind by other roles, some minutes after the fact: a
callback that is tried again, a webhook that was on its way. So a redaction or deletion leaves a mark, and every
batch of such rows is joined with the marks (`timeline.TimelineWriter`, `notifications.Notifications`): of a
redacted text an entry keeps its kind and name but no detail, of a deleted resource there are no entries.

A batch whose statement had begun before the mark was committed does not see it. What such a batch has written is
erased by `Erasure.repeat`, in the janitor's next round.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from offhook.store.database import Connection, Database

ORIGIN: Final = "origin"
"""The key in a message's `request` that names the call or text whose TwiML sent it: its timeline quotes the body."""

KEEP: Final = timedelta(days=60)
"""How long a mark is kept: no job of a text lives longer."""

_RECENT: Final = timedelta(minutes=2)
"""Longer than a statement may take."""

_MARK: Final = """
    INSERT INTO erased (sid, deleted) VALUES ($1, $2)
    ON CONFLICT (sid) DO UPDATE SET deleted = erased.deleted OR excluded.deleted, erased_at = now()
"""

_EMPTY_ENTRIES: Final = """
    UPDATE timeline SET detail = '{}' FROM erased
    WHERE resource_sid = erased.sid AND NOT erased.deleted AND detail <> '{}' AND
"""

_DELETE_ENTRIES: Final = (
    "DELETE FROM timeline USING erased WHERE resource_sid = erased.sid AND erased.deleted AND"
)

_EMPTY_NOTIFICATIONS: Final = """
    UPDATE notifications SET request_variables = NULL, response_headers = NULL, response_body = NULL FROM erased
    WHERE {subject} = erased.sid AND num_nonnulls(request_variables, response_headers, response_body) > 0 AND
"""

_EMPTY_QUOTES: Final = """
    UPDATE timeline SET detail = (detail #- '{response,body}') - 'text'
    WHERE resource_sid = $1 AND (kind = 'webhook' OR kind = 'twiml' AND name IN ('Message', 'Body', 'Sms'))
"""

_EMPTY_QUOTED_DOCUMENTS: Final = """
    UPDATE notifications SET response_body = NULL
    WHERE (call_sid = $1 OR message_sid = $1) AND response_body IS NOT NULL
"""

_ERASE: Final = (
    _EMPTY_ENTRIES,
    _DELETE_ENTRIES,
    _EMPTY_NOTIFICATIONS.format(subject="call_sid"),
    _EMPTY_NOTIFICATIONS.format(subject="message_sid"),
)


class Erasure:
    """What keeps erased things erased."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def repeat(self) -> None:
        """Erase what was being written at the moment of an erasure."""

        async def repeat(connection: Connection) -> None:
            if await connection.fetchval(
                "SELECT EXISTS (SELECT FROM erased WHERE erased_at > now() - $1::interval)", _RECENT
            ):
                for statement in _ERASE:
                    await connection.execute(f"{statement} erased.erased_at > now() - $1::interval", _RECENT)

        await self._database.transact(repeat)

    async def forget(self) -> int:
        """Remove marks that nobody needs any more; returns how many."""
        return await self._database.execute("DELETE FROM erased WHERE erased_at < now() - $1::interval", KEEP)


async def erase(connection: Connection, sid: str, *, deleted: bool, origin: str | None = None) -> None:
    """Mark a call or text as redacted or deleted, and erase what is written about it.

    `origin` is the call or text whose TwiML sent it: what its timeline and notifications show of that TwiML is
    emptied too.
    """
    await connection.execute(_MARK, sid, deleted)
    for statement in _ERASE:
        await connection.execute(f"{statement} erased.sid = $1", sid)
    if origin:
        await connection.execute(_EMPTY_QUOTES, origin)
        await connection.execute(_EMPTY_QUOTED_DOCUMENTS, origin)
