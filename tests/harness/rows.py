"""Rows for tests of the store, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.harness.services import ACCOUNT

from offhook.clock import new_sid, utcnow
from offhook.store.records import (
    ApplicationRecord,
    CallbackDraft,
    CallRecord,
    ConferenceRecord,
    MessageRecord,
    NumberRecord,
    ParticipantRecord,
    QueueMemberRecord,
    QueueRecord,
)


def call(**fields: Any) -> CallRecord:
    """A queued outbound call."""
    now: datetime = fields.pop("date_created", None) or utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("CA"),
        "account_sid": ACCOUNT,
        "to": "+15551230000",
        "from_": "+15550100100",
        "status": "queued",
        "direction": "outbound-api",
        "date_created": now,
        "date_updated": now,
        "request": {"url": "http://example.com/voice", "timeout": 30},
    }
    return CallRecord(**{**values, **fields})


def message(**fields: Any) -> MessageRecord:
    """A queued outbound message."""
    now: datetime = fields.pop("date_created", None) or utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("SM"),
        "account_sid": ACCOUNT,
        "to": "+15551230000",
        "from_": "+15550100100",
        "body": "Hello",
        "status": "queued",
        "direction": "outbound-api",
        "date_created": now,
        "date_updated": now,
    }
    return MessageRecord(**{**values, **fields})


def number(phone_number: str = "+15550100100", **fields: Any) -> NumberRecord:
    """A number without URLs."""
    now = utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("PN"),
        "account_sid": ACCOUNT,
        "phone_number": phone_number,
        "friendly_name": phone_number,
        "date_created": now,
        "date_updated": now,
    }
    return NumberRecord(**{**values, **fields})


def conference(friendly_name: str = "Standup", **fields: Any) -> ConferenceRecord:
    """A conference that nobody has come to."""
    now = fields.pop("date_created", None) or utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("CF"),
        "account_sid": ACCOUNT,
        "friendly_name": friendly_name,
        "status": "init",
        "date_created": now,
        "date_updated": now,
    }
    return ConferenceRecord(**{**values, **fields})


def participant(conference_sid: str, call_sid: str, **fields: Any) -> ParticipantRecord:
    """A call in a conference."""
    now = fields.pop("date_created", None) or utcnow()
    values: dict[str, Any] = {
        "conference_sid": conference_sid,
        "call_sid": call_sid,
        "account_sid": ACCOUNT,
        "status": "connected",
        "date_created": now,
        "date_updated": now,
    }
    return ParticipantRecord(**{**values, **fields})


def queue(friendly_name: str = "Support", **fields: Any) -> QueueRecord:
    """A queue that no node keeps."""
    now = utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("QU"),
        "account_sid": ACCOUNT,
        "friendly_name": friendly_name,
        "max_size": 1000,
        "date_created": now,
        "date_updated": now,
    }
    return QueueRecord(**{**values, **fields})


def member(queue_sid: str, call_sid: str, **fields: Any) -> QueueMemberRecord:
    """A call that waits in a queue."""
    values: dict[str, Any] = {
        "queue_sid": queue_sid,
        "call_sid": call_sid,
        "account_sid": ACCOUNT,
        "date_enqueued": utcnow(),
    }
    return QueueMemberRecord(**{**values, **fields})


def application(**fields: Any) -> ApplicationRecord:
    """An application without URLs."""
    now = utcnow()
    values: dict[str, Any] = {
        "sid": new_sid("AP"),
        "account_sid": ACCOUNT,
        "friendly_name": "Desk",
        "date_created": now,
        "date_updated": now,
    }
    return ApplicationRecord(**{**values, **fields})


def callback(event: str, url: str = "http://127.0.0.1:1/status", *, numbered: bool = False) -> CallbackDraft:
    """A status callback that says `event`."""
    return CallbackDraft(ACCOUNT, url, "POST", (("CallStatus", event),), event, numbered)
