"""Which accounts' timelines somebody hears live, so that entries nobody hears are neither encoded nor sent.

Who listens says so when it begins and every `RENEW_SECONDS`; who tells believes it for `LAPSE_SECONDS`. Until a
process has been connected for as long, it cannot know, and tells everything. Pure; time is an argument.
"""

from __future__ import annotations

from typing import Final

RENEW_SECONDS: Final = 5.0
LAPSE_SECONDS: Final = 16.0
"""Three renewals, of which two may be lost."""


class Audience:
    """See the module."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._unknown_until = 0.0

    def connected(self, now: float) -> None:
        """The connection is new: who listened before will have said so again when the lapse is over."""
        self._unknown_until = now + LAPSE_SECONDS

    def listens(self, account: str, now: float) -> None:
        """Somebody hears the timelines of `account`."""
        if account not in self._until:
            self._until = {known: until for known, until in self._until.items() if until > now}
        self._until[account] = now + LAPSE_SECONDS

    def hears(self, account: str, now: float) -> bool:
        """Whether an entry of `account` may be heard by anybody."""
        return self._until.get(account, self._unknown_until) > now or self._unknown_until > now
