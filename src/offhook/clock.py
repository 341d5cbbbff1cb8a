"""The real clock and the real randomness, for parts only: cores are handed time and ids as arguments."""

from __future__ import annotations

import os
import time
import uuid
from datetime import UTC, datetime

from offhook import ids


def utcnow() -> datetime:
    """The time now, aware, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds of a clock that never goes back; its zero means nothing."""
    return time.monotonic()


def new_sid(prefix: str) -> str:
    """A fresh SID such as `CA…`, stamped with the time now."""
    return ids.new_sid(prefix, time.time_ns() // 1_000_000, os.urandom(ids.ENTROPY_BYTES))


def new_token() -> str:
    """A random UUID in text, for `I-Twilio-Idempotency-Token` and the like."""
    return str(uuid.uuid4())
