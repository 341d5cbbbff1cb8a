"""The names of what goes over NATS, in one place.

| subject | kind | payload |
|---|---|---|
| `work.calls`, `work.messages` | JetStream work queue | JSON list of `WorkItem`: outbox row and resource |
| `wake.callbacks` | plain | empty: callbacks wait in the outbox |
| `voice.NODE.calls` | request/reply | JSON, api to the voice node that leases a call |
| `voice.NODE.peers` | request/reply | MessagePack of `voice.letters.Letter`, from another voice node |
| `health.NODE.ROLE` | request/reply | JSON of `metrics.Registry.report` |
| `events.ACCOUNT.SID` | plain | JSON of a timeline entry, told while somebody listens |
| `listens.ACCOUNT` | plain | empty: somebody hears the events of the account |
| `listeners` | plain | empty: whoever hears events is to say so again |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

STREAM: Final = "WORK"
STREAM_SUBJECTS: Final = ("work.>",)

WORK_CALLS: Final = "work.calls"
WORK_MESSAGES: Final = "work.messages"
WAKE_CALLBACKS: Final = "wake.callbacks"
ALL_LISTENS: Final = "listens.*"
LISTENERS: Final = "listeners"


_MEANINGFUL: Final = str.maketrans(dict.fromkeys(".*> \t\r\n", "_"))


class WorkItem(msgspec.Struct, frozen=True, gc=False):
    """One thing that a message of a work queue says: which outbox row asks for work on which resource.

    It is a hint; the rows are the truth. A consumer claims the resource in PostgreSQL, then acknowledges.
    """

    id: int
    sid: str


def encode_work(items: Sequence[WorkItem]) -> bytes:
    """The payload of `work.calls` and `work.messages`."""
    return msgspec.json.encode(items)


def decode_work(payload: bytes) -> list[WorkItem]:
    """Read the payload of `work.calls` and `work.messages`.

    Raises:
        msgspec.MsgspecError: it is not one.
    """
    return msgspec.json.decode(payload, type=list[WorkItem])


def voice_calls(node: str) -> str:
    """Where a voice node takes changes to its live calls."""
    return f"voice.{token(node)}.calls"


def voice_peers(node: str) -> str:
    """Where a voice node hears what other voice nodes say about calls and rooms."""
    return f"voice.{token(node)}.peers"


def health(node: str, role: str) -> str:
    """Where a role of a node tells how it is."""
    return f"health.{token(node)}.{role}"


def events(account_sid: str, sid: str) -> str:
    """Where the timeline of a resource is heard live."""
    return f"events.{token(account_sid)}.{token(sid)}"


def account_events(account_sid: str) -> str:
    """Where the timelines of all resources of an account are heard live."""
    return f"events.{token(account_sid)}.*"


def listens(account_sid: str) -> str:
    """Where it is said that the timelines of an account are heard."""
    return f"listens.{token(account_sid)}"


def token(text: str) -> str:
    """`text` as one token of a subject: what NATS gives a meaning to is replaced."""
    return text.translate(_MEANINGFUL) or "_"
