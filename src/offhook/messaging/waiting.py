"""Texts that no carrier takes at present, oldest first, with when their validity ends. Pure."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

MOST_WAITING: Final = 100_000
"""Texts remembered; more are left to the outbox's sweeper."""


class Waiting:
    """See the module."""

    def __init__(self) -> None:
        self._expires: dict[str, float] = {}
        self._told: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._expires)

    def __contains__(self, sid: str) -> bool:
        return sid in self._expires

    def add(self, sid: str, expires: float) -> None:
        """Remember a text until it is taken, or `expires`."""
        if len(self._expires) < MOST_WAITING:
            self._expires[sid] = expires

    def first_told(self, sid: str) -> bool:
        """Whether this is the first time since it was claimed that its timeline is told what it waits for."""
        if sid in self._told or len(self._told) >= MOST_WAITING:
            return False
        self._told[sid] = None
        return True

    def claimed(self, sids: Iterable[str]) -> None:
        """These do not wait any more."""
        for sid in sids:
            self._told.pop(sid, None)

    def take(self, count: int) -> list[str]:
        """The `count` that wait longest, to be tried again."""
        sids = list(islice(self._expires, count))
        for sid in sids:
            del self._expires[sid]
        return sids

    def take_expired(self, now: float) -> list[str]:
        """Those whose validity is over."""
        sids = [sid for sid, expires in self._expires.items() if expires <= now]
        for sid in sids:
            del self._expires[sid]
        return sids
