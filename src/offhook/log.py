"""Logging of a role: one line for each record on standard error, as text or as JSON.

Modules log with the standard library (`logging.getLogger(__name__)`). At INFO and above no line holds a
secret, a phone number, a body or digits; SIDs name what a line is about.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Final

import msgspec

_NOISY: Final = {
    "alembic": logging.WARNING,
    "nats": logging.ERROR,
    "asyncio": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "uvicorn.error": logging.WARNING,
}
_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: str = "info", format: str = "text") -> None:
    """Log to standard error from now on.

    Args:
        level: debug, info, warning or error.
        format: `text` or `json`.

    Raises:
        ValueError: a word is none of these.
    """
    if format not in ("text", "json"):
        raise ValueError(f"not a log format: {format!r}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _NOISY.items():
        logging.getLogger(name).setLevel(least)


class RateLimit:
    """Lets a frequent log line through once in `seconds`, and counts what was left out.

    if (left_out := limit.admit(monotonic())) is not None:
        _log.warning("refused (%d more like this)", left_out)
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = float("-inf")
        self._left_out = 0

    def admit(self, now: float) -> int | None:
        """How many lines were left out since the last one, when it is time for one; else None."""
        if now < self._next:
            self._left_out += 1
            return None
        left_out, self._left_out, self._next = self._left_out, 0, now + self._seconds
        return left_out


class TextLines(logging.Formatter):
    """`2026-01-02T03:04:05.678Z WARNING offhook.store.database: …`, one line but for a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        line = f"{_time(record)} {record.levelname} {record.name}: {_one_line(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, what `extra` gave, and a traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON."""
        fields: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(fields, enc_hook=str).decode()


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _one_line(text: str) -> str:
    """Keep what a peer sent from beginning lines of its own."""
    return text.replace("\r", "\\r").replace("\n", "\\n")
