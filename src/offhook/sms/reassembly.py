"""Puts texts that come in several segments together again: in any order, with repeats, for a limited time.

Segments are joined as octets and decoded then: a sender may cut an escape or a surrogate pair in two. A
segment that comes again after its text was whole is told from the first of a new text by its octets. Pure:
time comes in as an argument, in seconds.
"""

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from offhook.sms.concatenation import Part

EXPIRY: Final = 600.0
"""How long the first segment of a text waits for the last, and a whole text is remembered."""

MAX_TEXTS: Final = 10_000
"""Texts kept, incomplete and remembered ones each: beyond that the oldest is given up, or forgotten."""

MAX_OCTETS: Final = 8_000_000
"""Octets of incomplete texts kept, so that a flood of first segments costs bounded memory."""

MAX_TOKENS: Final = 1024
"""Arrivals of one text that are remembered: repeats of a segment must not fill memory."""

DIGEST_SIZE: Final = 8

SEGMENT_COST: Final = 200
"""What a segment costs beside its octets."""

Key = TypeVar("Key", bound=Hashable)
Token = TypeVar("Token")


@dataclass(frozen=True, slots=True)
class Whole(Generic[Key, Token]):
    """A text of which every segment came, or (`missing` > 0) one that is given up.

    Attributes:
        runs: the user data in order; a new run begins where segments are missing, so that a whole text is
            one run, and one whose first segment is missing begins with an empty one.
        tokens: what was given with each segment, in the order of arrival.
    """

    key: Key
    runs: tuple[bytes, ...]
    segments: int
    missing: int
    tokens: tuple[Token, ...]


class Repeated:
    """A segment of a text that was whole before came again."""


REPEATED: Final = Repeated()


@dataclass(slots=True)
class _Gathering(Generic[Key, Token]):
    key: Key
    total: int
    since: float
    parts: dict[int, bytes] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)

    def whole(self) -> Whole[Key, Token]:
        runs: list[list[bytes]] = [[]]
        for number in range(1, self.total + 1):
            if number in self.parts:
                runs[-1].append(self.parts[number])
            elif runs[-1] or number == 1:
                runs.append([])
        joined = tuple(b"".join(run) for run in runs)
        return Whole(self.key, joined, len(self.parts), self.total - len(self.parts), tuple(self.tokens))


@dataclass(frozen=True, slots=True)
class _Remembered:
    since: float
    digests: bytes
    """Those of the segments, in order, in one."""


class Reassembler(Generic[Key, Token]):
    """The texts that are not complete yet, oldest first."""

    def __init__(
        self, expiry: float = EXPIRY, max_texts: int = MAX_TEXTS, max_octets: int = MAX_OCTETS
    ) -> None:
        self._expiry = expiry
        self._max_texts = max_texts
        self._max_octets = max_octets
        self._octets = 0
        self._gathering: dict[tuple[Key, int, int], _Gathering[Key, Token]] = {}
        self._remembered: dict[tuple[Key, int, int], _Remembered] = {}

    def __len__(self) -> int:
        return len(self._gathering)

    def add(
        self, key: Key, part: Part, octets: bytes, token: Token, now: float
    ) -> Whole[Key, Token] | Repeated | None:
        """Take a segment; returns the text when this was its last missing one.

        Args:
            key: what the segments of a text share beside the reference: sender, recipient, coding.
            token: the segment's own, handed back with the text.
        """
        full_key = (key, part.reference, part.total)
        if full_key not in self._gathering and self._is_repeated(full_key, part, octets, now):
            return REPEATED
        gathering = self._gathering.setdefault(full_key, _Gathering(key, part.total, now))
        if part.number not in gathering.parts:
            gathering.parts[part.number] = octets
            self._octets += len(octets) + SEGMENT_COST
        if len(gathering.tokens) < MAX_TOKENS:
            gathering.tokens.append(token)
        if len(gathering.parts) < gathering.total:
            return None
        self._drop(full_key)
        self._remember(full_key, gathering, now)
        return gathering.whole()

    def expire(self, now: float) -> list[Whole[Key, Token]]:
        """Give up the texts that waited too long, and the oldest of those that are too many or too large."""
        given_up: list[Whole[Key, Token]] = []
        while self._gathering:
            full_key, oldest = next(iter(self._gathering.items()))
            fits = len(self._gathering) <= self._max_texts and self._octets <= self._max_octets
            if oldest.since + self._expiry > now and fits:
                break
            self._drop(full_key)
            given_up.append(oldest.whole())
        return given_up

    def _drop(self, full_key: tuple[Key, int, int]) -> None:
        parts = self._gathering.pop(full_key).parts.values()
        self._octets -= sum(map(len, parts)) + len(parts) * SEGMENT_COST

    def _remember(
        self, full_key: tuple[Key, int, int], gathering: _Gathering[Key, Token], now: float
    ) -> None:
        digests = b"".join(_digest(octets) for _, octets in sorted(gathering.parts.items()))
        self._remembered.pop(full_key, None)
        self._remembered[full_key] = _Remembered(now, digests)
        while self._remembered:
            oldest = next(iter(self._remembered))
            if len(self._remembered) <= self._max_texts and (
                self._remembered[oldest].since + self._expiry > now
            ):
                break
            del self._remembered[oldest]

    def _is_repeated(self, full_key: tuple[Key, int, int], part: Part, octets: bytes, now: float) -> bool:
        known = self._remembered.get(full_key)
        if known is None or known.since + self._expiry <= now:
            return False
        at = (part.number - 1) * DIGEST_SIZE
        return known.digests[at : at + DIGEST_SIZE] == _digest(octets)


def _digest(octets: bytes) -> bytes:
    return hashlib.blake2b(octets, digest_size=DIGEST_SIZE).digest()
