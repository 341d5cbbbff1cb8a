"""Pacing per sender: carriers limit how many segments a second one number may send. Pure; time is an argument."""

from typing import Final

_MAX_SENDERS: Final = 10_000


class SenderPacing:
    """Gives each sender's segments their moments, evenly.

    Args:
        rate: segments a second of one sender, or None for no limit.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._next: dict[str, float] = {}

    def moment(self, sender: str, now: float) -> float:
        """When the sender's next segment may go: `now`, or later."""
        if not self._interval:
            return now
        if len(self._next) > _MAX_SENDERS:
            self._next = {known: at for known, at in self._next.items() if at > now}
        moment = max(now, self._next.get(sender, now))
        self._next[sender] = moment + self._interval
        return moment
