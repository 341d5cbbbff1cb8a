"""Requests that were refused before there was a call: counted, and logged without filling the log.

The counter is `sip_refused` in the role's report.

One line for a source, a method and a status a minute, and few lines in all: whoever sends a flood of requests
must not decide how big the log gets. A line says how many others there were since the last one.
"""

from __future__ import annotations

import logging

from offhook import metrics
from offhook.sip.admission import KNOWN_METHODS
from offhook.sip.flow import Flow, host_port

logger = logging.getLogger(__name__)

_REPEAT_SECONDS = 60.0
_LINES = 20
_REMEMBERED = 2_000


class Refusals:
    """All refusals of this node since it started, by method and status."""

    def __init__(self) -> None:
        self.counter = metrics.registry.counter("sip_refused", labels=2)
        self._told: dict[tuple[str, str, int], float] = {}
        self._minute = 0.0
        self._lines = 0
        self._unsaid = 0

    def note(self, flow: Flow, method: str, status: int, reason: str, now: float) -> None:
        """Count a refusal, and say so if that is news. `now` is seconds of a monotonic clock."""
        shown = method if method in KNOWN_METHODS else "unknown method"
        self.counter.add(1, shown, str(status))
        if not self._is_news((flow.remote.host, shown, status), now):
            self._unsaid += 1
            return
        more = f" ({self._unsaid} more since the last such line)" if self._unsaid else ""
        self._unsaid = 0
        logger.warning(
            "%s from %s over %s refused with %d: %s%s",
            shown, host_port(flow.remote), flow.transport, status, reason, more,
        )  # fmt: skip

    def _is_news(self, what: tuple[str, str, int], now: float) -> bool:
        if now - self._minute >= _REPEAT_SECONDS:
            self._minute, self._lines = now, 0
        told = self._told.get(what)
        if (told is not None and now - told < _REPEAT_SECONDS) or self._lines >= _LINES:
            return False
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[what] = now
        self._lines += 1
        return True
