"""Stops two numbers that answer each other by themselves (notification 14107).

Pure; time is an argument, in seconds.
"""

from typing import Final

MOST_IN_A_ROW: Final = 30
"""Replies between two numbers, each less than `QUIET_SECONDS` after the one before, beyond which none is sent."""

QUIET_SECONDS: Final = 30.0

MOST_PAIRS: Final = 10_000
"""Pairs remembered; of more, those that were quiet for longest are forgotten."""


class Loops:
    """The replies of late between each two numbers, whichever of them sent."""

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], tuple[int, float]] = {}

    def allows(self, sender: str, recipient: str, now: float) -> bool:
        """Count a reply, and tell whether it may be sent."""
        pair = (min(sender, recipient), max(sender, recipient))
        count, last = self._pairs.pop(pair, (0, 0.0))
        count = count + 1 if count and now - last < QUIET_SECONDS else 1
        self._pairs[pair] = (count, now)
        if len(self._pairs) > MOST_PAIRS:
            del self._pairs[next(iter(self._pairs))]
        return count <= MOST_IN_A_ROW
