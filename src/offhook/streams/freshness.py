"""How long a downloaded file may be reused, and how to ask whether it has changed: RFC 9111 for a private cache.

Without an explicit lifetime a file is asked about before each use: a 304 is cheap, and someone who is trying
out a new recording wants to hear it. Pure.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import msgspec

_MAX_SECONDS = 30 * 86400


class Stored(msgspec.Struct, frozen=True):
    """What is remembered of a response: its validators, and until when (seconds since 1970) it is fresh."""

    etag: str | None
    last_modified: str | None
    fresh_until: float

    def conditions(self) -> list[tuple[str, str]]:
        """Request headers that let the server answer 304 (RFC 9110 §13.1)."""
        asked = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return [(name, value) for name, value in asked if value is not None]


def remember(headers: Mapping[str, str], now: float, before: Stored | None = None) -> Stored:
    """What to remember of a response with these headers (names in lower case) that was received at `now`.

    `before` is what was remembered when a 304 confirms it: validators that the 304 does not repeat stay.
    """
    directives = _directives(headers.get("cache-control", ""))
    etag = headers.get("etag") or (before.etag if before else None)
    last_modified = headers.get("last-modified") or (before.last_modified if before else None)
    if "no-store" in directives or headers.get("vary", "").strip() == "*":
        return Stored(None, None, 0.0)
    lifetime = 0.0 if "no-cache" in directives else _lifetime(headers, directives)
    return Stored(etag, last_modified, now + min(lifetime, _MAX_SECONDS))


def _directives(text: str) -> dict[str, str]:
    pairs = (part.strip().partition("=") for part in text.lower().split(",") if part.strip())
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}


def _lifetime(headers: Mapping[str, str], directives: Mapping[str, str]) -> float:
    """Seconds of freshness left (§4.2.1, §4.2.3)."""
    age = _seconds(headers.get("age", ""))
    if "max-age" in directives:
        return max(0.0, _seconds(directives["max-age"]) - age)
    expires, date = _date(headers.get("expires")), _date(headers.get("date"))
    if expires is None or date is None:
        return 0.0
    return max(0.0, expires - date - age)


def _seconds(text: str) -> float:
    text = text.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0.0


def _date(text: str | None) -> float | None:
    """An HTTP date; an unreadable one (``Expires: 0``) is in the past."""
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return 0.0
