"""Rows for tests of the store, with what a test does not care about filled in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.harness.services import ACCOUNT

from offhook.clock import new_sid, utcnow
from offhook.store.records import CallbackDraft, CallRecord, MessageRecord, NumberRecord


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


def callback(event: str, url: str = "http://127.0.0.1:1/status", *, numbered: bool = False) -> CallbackDraft:
    """A status callback that says `event`."""
    return CallbackDraft(ACCOUNT, url, "POST", (("CallStatus", event),), event, numbered)
