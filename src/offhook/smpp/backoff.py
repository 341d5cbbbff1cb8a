"""When to connect again after a bind was lost or refused: twice as late each time, never at once, and spread out.

Pure policy: randomness comes in as an argument.
"""

from dataclasses import dataclass, replace

STABLE_AFTER = 10.0
"""Seconds that a bind must have lasted for the next wait to start from the first again."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """The waits between attempts, in seconds."""

    first: float = 0.25
    longest: float = 30.0
    failures: int = 0

    def failed(self, lasted: float = 0.0) -> "Backoff":
        """The state after an attempt that failed, or a bind that was lost after `lasted` seconds."""
        return replace(self, failures=1 if lasted >= STABLE_AFTER else self.failures + 1)

    def wait(self, fraction: float) -> float:
        """Seconds to wait now; `fraction`, 0 to 1, picks a moment in the upper half of the interval."""
        longest = min(self.first * 2.0 ** min(max(self.failures - 1, 0), 16), self.longest)
        return longest * (0.5 + fraction / 2)
