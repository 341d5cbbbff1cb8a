"""Timelines: everything that happened to a call, a message, a conference or a queue, and why.

``GET /offhook/v1/timelines/{sid}`` with the account's credentials answers

    {"sid": "CA…", "entries": [{"at", "kind", "name", "detail"}, …], "cursor": "…"}

oldest first. With ``?after=CURSOR`` it answers only what came after, so that a terminal can follow a live
call by asking again with the cursor of the last answer. Live, for all of an account: `offhook.api.offhook_v1.live`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import falcon.asgi
import msgspec

from offhook import errors, ids
from offhook.api.authentication import account_of_path, authenticate
from offhook.api.operations import not_found
from offhook.api.rendering import JSON_TYPE
from offhook.api.services import Services
from offhook.store.records import AccountRecord, TimelineEntry
from offhook.store.timeline import to_dict

RESOURCES: Final = (ids.CALL, ids.MESSAGE, ids.MMS_MESSAGE, ids.CONFERENCE, ids.QUEUE)


class Timelines:
    """The timeline of a call, a message, a conference or a queue."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, sid: str) -> None:
        """Answer the entries, after the cursor if one is given: 5,000 at most, the rest is after the new cursor."""
        caller = await authenticate(self._services, req.get_header("Authorization"))
        skip = _cursor(req.get_param("after"))
        entries = await self._entries(sid, skip)
        known = entries or (await self._entries(sid, 0) if skip else ())
        owner = known[0].account_sid if known else await self._owner(sid, caller.sid)
        if owner is None or not await self._may_see(caller, owner):
            raise not_found(req.path)
        resp.content_type = JSON_TYPE
        resp.data = msgspec.json.encode(
            {
                "sid": sid,
                "entries": [_shown(entry) for entry in entries],
                "cursor": str(skip + len(entries)),
            }
        )

    on_head = on_get

    async def _may_see(self, caller: AccountRecord, owner: str) -> bool:
        """Whether the resource is the caller's or a subaccount's; to others it does not exist."""
        try:
            await account_of_path(self._services, caller, owner)
        except errors.RestError:
            return False
        return True

    async def _entries(self, sid: str, skip: int) -> Sequence[TimelineEntry]:
        if not ids.is_sid(sid, *RESOURCES):
            return ()
        return await self._services.store.timeline.list(sid, skip=skip)

    async def _owner(self, sid: str, caller: str) -> str | None:
        """Whose a resource is that nothing has happened to yet."""
        if ids.is_sid(sid, ids.CALL):
            call = await self._services.store.calls.fetch(caller, sid)
            return call.account_sid if call else None
        if ids.is_sid(sid, ids.MESSAGE, ids.MMS_MESSAGE):
            message = await self._services.store.messages.fetch(caller, sid)
            return message.account_sid if message else None
        if ids.is_sid(sid, ids.CONFERENCE):
            conference = await self._services.store.conferences.fetch(caller, sid)
            return conference.account_sid if conference else None
        if ids.is_sid(sid, ids.QUEUE):
            queue = await self._services.store.queues.fetch(caller, sid)
            return queue.account_sid if queue else None
        return None


def _cursor(text: str | None) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise errors.rest(20001, "after must be the cursor of an earlier answer", parameter="after")
    return int(text)


def _shown(entry: TimelineEntry) -> dict[str, Any]:
    shown = to_dict(entry)
    return {key: shown[key] for key in ("at", "kind", "name", "detail")}
