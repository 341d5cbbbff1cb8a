"""Puts texts that come in several segments together again: in any order, with repeats, for a limited time.

Segments are joined as octets and decoded then: a sender may cut an escape or a surrogate pair in two. Pure:
time comes in as an argument, in seconds.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from offhook.sms.concatenation import Part

EXPIRY: Final = 600.0
"""How long the first segment of a text waits for the last."""

MAX_TEXTS: Final = 10_000
"""Incomplete texts kept; beyond that the oldest is given up, so that a flood of first segments costs
bounded memory.
"""

MAX_OCTETS: Final = 255 * 254
"""No text of 255 segments is longer."""

MAX_TOKENS: Final = 1024
"""Arrivals of one text that are remembered: repeats of a segment must not fill memory."""

Key = TypeVar("Key", bound=Hashable)
Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Whole(Generic[Key, Token]):
    """A text of which every segment came, or (`missing` > 0) one that is given up.

    Attributes:
        octets: the user data in order.
        tokens: what was given with each segment, in the order of arrival.
    """

    key: Key
    octets: bytes
    segments: int
    missing: int
    tokens: tuple[Token, ...]


@dataclass(slots=True)
class _Gathering(Generic[Key, Token]):
    key: Key
    total: int
    since: float
    parts: dict[int, bytes] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)

    def whole(self) -> Whole[Key, Token]:
        octets = b"".join(self.parts[number] for number in sorted(self.parts))[:MAX_OCTETS]
        missing = self.total - len(self.parts)
        return Whole(self.key, octets, len(self.parts), missing, tuple(self.tokens))


class Reassembler(Generic[Key, Token]):
    """The texts that are not complete yet, oldest first."""

    def __init__(self, expiry: float = EXPIRY, max_texts: int = MAX_TEXTS) -> None:
        self._expiry = expiry
        self._max_texts = max_texts
        self._gathering: dict[tuple[Key, int, int], _Gathering[Key, Token]] = {}

    def __len__(self) -> int:
        return len(self._gathering)

    def add(self, key: Key, part: Part, octets: bytes, token: Token, now: float) -> Whole[Key, Token] | None:
        """Take a segment; returns the text when this was its last missing one.

        Args:
            key: what the segments of a text share beside the reference: sender, recipient, coding.
            token: the segment's own, handed back with the text.
        """
        full_key = (key, part.reference, part.total)
        gathering = self._gathering.setdefault(full_key, _Gathering(key, part.total, now))
        gathering.parts.setdefault(part.number, octets)
        if len(gathering.tokens) < MAX_TOKENS:
            gathering.tokens.append(token)
        if len(gathering.parts) < gathering.total:
            return None
        del self._gathering[full_key]
        return gathering.whole()

    def expire(self, now: float) -> list[Whole[Key, Token]]:
        """Give up the texts that waited too long, and the oldest of those that are too many."""
        given_up: list[Whole[Key, Token]] = []
        while self._gathering:
            full_key, oldest = next(iter(self._gathering.items()))
            if oldest.since + self._expiry > now and len(self._gathering) <= self._max_texts:
                break
            del self._gathering[full_key]
            given_up.append(oldest.whole())
        return given_up
