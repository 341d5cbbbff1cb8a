"""How many requests may wait for their response on a link that breaks under too many.

Half as many each time it breaks in a row, slowly more again while it holds.

An SMSC that drops the link beyond some number of outstanding requests never says which. Pure policy: time
comes in as an argument, in seconds.
"""

from typing import Final

IN_A_ROW: Final = 60.0
"""Seconds within which a second loss of the link is put down to what waited on it."""

GROWTH_SECONDS: Final = 60.0
GROWTH: Final = 1.5
"""What the size is multiplied by for every `GROWTH_SECONDS` without a loss."""


class Window:
    """The requests that may be outstanding.

    Args:
        limit: the most there may ever be.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = float(limit)
        self._lost_at = float("-inf")
        self._stepped_at = 0.0

    def size(self, now: float) -> int:
        """How many may be outstanding at `now`."""
        while self._size < self._limit and now - self._stepped_at >= GROWTH_SECONDS:
            self._size = min(self._size * GROWTH, float(self._limit))
            self._stepped_at += GROWTH_SECONDS
        return max(1, int(self._size))

    def lost(self, outstanding: int, answered: bool, now: float) -> None:
        """The link broke with this many requests outstanding; `answered` is whether any was, before.

        One loss of a link that worked is chance; one that answered nothing, or two in a row, are not.
        """
        if not outstanding:
            return
        if not answered or now - self._lost_at < IN_A_ROW:
            self._size = max(1.0, min(self._size, float(outstanding)) / 2)
        self._lost_at = self._stepped_at = now
