"""How fast requests may follow one another: a fixed rate, and backing off from a peer that says it is busy.

A refusal with ESME_RTHROTTLED or ESME_RMSGQFUL stops sending for a moment, twice as long each time in a
row, and halves the rate measured until then; every second without a refusal raises the rate again, until it
is unlimited as before. Pure policy: time comes in as an argument, in seconds.
"""

from typing import Final

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 5.0
RECOVERY: Final = 1.25
"""What the rate is multiplied by after a second without a refusal."""

_ROUNDING: Final = 1e-9
"""Tokens that sums of floats may lack of a whole one."""


class Pace:
    """A token bucket whose rate gives way to the peer.

    Args:
        rate: the most requests a second, or None for no limit of our own.
    """

    __slots__ = (
        "_limit",
        "_pause",
        "_rate",
        "_resume_at",
        "_second",
        "_sent",
        "_tokens",
        "_tried",
        "_updated",
        "rate_before",
    )

    def __init__(self, rate: float | None = None) -> None:
        self._limit = rate
        self._rate = rate
        self._tokens = self._burst()
        self._updated = 0.0
        self._pause = FIRST_PAUSE
        self._resume_at = 0.0
        self._second = 0.0
        self._sent = 0
        self._tried = False
        self.rate_before = 0.0

    def allowance(self, now: float) -> int:
        """How many requests may be sent at `now`; a great number when nothing limits."""
        if now < self._resume_at:
            return 0
        if self._rate is None:
            return 1_000_000
        self._refill(now)
        return int(self._tokens + _ROUNDING)

    def spend(self, count: int, now: float) -> None:
        """`count` requests were sent at `now`."""
        if now - self._second >= 1.0:
            self.rate_before = self._sent / (now - self._second) if self._second else float(self._sent)
            self._second, self._sent = now, 0
        self._sent += count
        self._tried = True
        if self._rate is not None:
            self._tokens -= count

    def refused(self, now: float) -> None:
        """The peer was too busy at `now`. Refusals during a pause count once."""
        if now < self._resume_at:
            return
        self._tried = False
        self._resume_at = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self._rate = max((self._rate or max(self.rate_before, float(self._sent), 2.0)) / 2, 1.0)
        self._tokens, self._updated = min(self._tokens, self._burst()), self._resume_at

    def opens_at(self, now: float) -> float:
        """When the next request may be sent: `now`, or later."""
        if now < self._resume_at:
            return self._resume_at
        if self._rate is None or self.allowance(now) >= 1:
            return now
        return now + (1 - self._tokens) / self._rate

    def _burst(self) -> float:
        """A tenth of a second's worth, and at least one: what may go at once."""
        return max(1.0, (self._rate or 0.0) / 10)

    def _refill(self, now: float) -> None:
        rate, elapsed = self._rate, now - self._updated
        if rate is None or elapsed <= 0:
            return
        self._tokens = min(self._tokens + elapsed * rate, self._burst())
        self._updated = now
        self._recover(now)

    def _recover(self, now: float) -> None:
        """A second after the last refusal or step, in which the peer took something, one step back up."""
        if not self._tried or self._rate == self._limit or now - self._resume_at < 1.0:
            return
        self._pause = FIRST_PAUSE
        self._resume_at = now
        raised = (self._rate or 0.0) * RECOVERY
        if self._limit is not None:
            self._rate = min(raised, self._limit)
        else:
            self._rate = raised if raised < 2 * max(self.rate_before, 1.0) else None
