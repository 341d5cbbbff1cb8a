"""Stands for a voice node that keeps rooms: notes what the api asks it, does it in the rows, and answers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from tests.contract.conftest import Tenant
from tests.harness.waiting import HANGS

from offhook.bus import subjects
from offhook.bus.nats import Bus
from offhook.store.conferences import ConferenceChange
from offhook.store.records import ConferenceRecord
from offhook.store.store import Store

NODE: Final = "fake-node"


@dataclass
class VoiceNode:
    """What it was asked, and what it refuses everything with, if anything."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    refuses: dict[str, Any] | None = None

    @property
    def last(self) -> dict[str, Any]:
        """The last request."""
        return self.asked[-1]


@contextlib.contextmanager
def voice_node(tenant: Tenant) -> Iterator[VoiceNode]:
    """A node that answers while the context lasts."""
    node, listening, over = VoiceNode(), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(tenant, node, listening, over)))
    thread.start()
    try:
        assert listening.wait(HANGS)
        yield node
    finally:
        over.set()
        thread.join(HANGS)


async def _serve(tenant: Tenant, node: VoiceNode, listening: threading.Event, over: threading.Event) -> None:
    bus = await Bus.connect(tenant.api.settings.nats_url, NODE)
    store = await Store.open(tenant.api.settings.database_url)

    async def answer(payload: bytes) -> bytes:
        request = msgspec.json.decode(payload)
        node.asked.append(request)
        if node.refuses is not None:
            return msgspec.json.encode(node.refuses)
        await _do(store, request)
        return msgspec.json.encode({"ok": True, "sid": request.get("recording")})

    await bus.serve(subjects.voice_calls(NODE), answer)
    listening.set()
    await asyncio.to_thread(over.wait, 60)
    await store.close()
    await bus.close()


async def _do(store: Store, request: dict[str, Any]) -> None:
    match request:
        case {"op": "hangup", "sid": sid}:
            await store.calls.transition(sid, "completed", from_statuses=["in-progress"], duration=1)
        case {"op": "conference", "action": "end"}:
            await _change(store, request, "completed", reason_conference_ended="conference-ended-via-api")
        case {"op": "participant", "kick": True, "call": call}:
            await _change(store, request, "in-progress", gone=[call])
        case {"op": "participant", "sid": sid, "call": call}:
            (one,) = [each for each in await store.conferences.participants([sid]) if each.call_sid == call]
            coached = request.get("coaches", one.call_sid_to_coach or "")
            changed = dataclasses.replace(
                one,
                muted=request.get("muted", one.muted),
                hold=request.get("hold", one.hold),
                coaching=bool(coached),
                call_sid_to_coach=coached or None,
                end_conference_on_exit=request.get("end_on_exit", one.end_conference_on_exit),
            )
            await _change(store, request, "in-progress", present=[changed])
        case {"op": "dequeue", "sid": sid, "call": call}:
            await store.queues.remove_member(sid, call)


async def _change(store: Store, request: dict[str, Any], status: str, **fields: Any) -> None:
    record = await store.conferences.fetch(request["account"], request["sid"])
    assert isinstance(record, ConferenceRecord)
    await store.conferences.change(ConferenceChange(record.sid, record.revision + 1, status, **fields))
