"""Which accounts' timelines somebody hears live, so that entries nobody hears are neither encoded nor sent.

Who listens says so when it begins, when it is asked and every `RENEW_SECONDS`; who tells believes it for
`LAPSE_SECONDS`. A process that connects asks, and tells everything for `ANSWER_SECONDS`. Pure; time is an argument.
"""

from __future__ import annotations

from typing import Final

RENEW_SECONDS: Final = 5.0
LAPSE_SECONDS: Final = 16.0
"""Three renewals, of which two may be lost."""

ANSWER_SECONDS: Final = 1.0
"""How long it may take until everybody who listens has said so."""


class Audience:
    """See the module."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._unknown_until = 0.0

    def connected(self, now: float) -> None:
        """The connection is new, and who listens is asked."""
        self._unknown_until = now + ANSWER_SECONDS

    def listens(self, account: str, now: float) -> None:
        """Somebody hears the timelines of `account`."""
        if account not in self._until:
            self._until = {known: until for known, until in self._until.items() if until > now}
        self._until[account] = now + LAPSE_SECONDS

    def hears(self, account: str, now: float) -> bool:
        """Whether an entry of `account` may be heard by anybody."""
        return self._until.get(account, self._unknown_until) > now or self._unknown_until > now
