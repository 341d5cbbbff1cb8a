"""Which source to believe: symmetric RTP (RFC 4961) for peers behind NAT, without letting a stranger take a
call over.

* A packet from the address that SDP named is believed at once.
* Any other source must send `PROBATION` packets in sequence, of one SSRC, before it is believed. If it
  shares the named IP address (only the port was translated) two are enough.
* A stranger who is believed may be replaced by the named address for `LEARNING_SECONDS`; after that, and at
  once when it was the named address, the source is fixed until SDP changes the address.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

PROBATION: Final = 5
PROBATION_SAME_HOST: Final = 2
LEARNING_SECONDS: Final = 3.0
MAX_CANDIDATES: Final = 8
"""More strangers than this at one port are an attack; further ones are not considered."""

Address = tuple[str, int]


class Verdict(Enum):
    """What to do with a packet."""

    ACCEPT = "accept"
    LATCHED = "latched"
    """Accept it; its source is from now on the peer's."""
    REJECT = "reject"


class Latch:
    """The source of one leg. `source` is where the peer's packets come from, None while it is not known."""

    __slots__ = ("_candidates", "_named", "_until", "source")

    def __init__(self, named: Address) -> None:
        """named: the address in SDP, as sockets report sources."""
        self._named = named
        self._candidates: dict[Address, tuple[int, int, int]] = {}
        self._until = 0.0
        self.source: Address | None = None

    def settled(self, now: float) -> bool:
        """Whether no other source can be believed any more."""
        return self.source is not None and (self.source == self._named or now >= self._until)

    def receive(self, source: Address, ssrc: int, sequence: int, now: float) -> Verdict:
        """Judge an RTP packet."""
        if source == self.source:
            return Verdict.ACCEPT
        if self.settled(now):
            return Verdict.REJECT
        if source == self._named:
            return self._believe(source, now)
        if self.source is None and self._follows(source, ssrc, sequence):
            return self._believe(source, now)
        return Verdict.REJECT

    def _believe(self, source: Address, now: float) -> Verdict:
        self.source = source
        self._until = now + LEARNING_SECONDS
        self._candidates.clear()
        return Verdict.LATCHED

    def _follows(self, source: Address, ssrc: int, sequence: int) -> bool:
        """Count a stranger's packets in sequence; whether there are enough."""
        known = self._candidates.get(source)
        if known is None and len(self._candidates) >= MAX_CANDIDATES:
            return False
        last_ssrc, last_sequence, count = known or (ssrc, sequence, 0)
        in_order = ssrc == last_ssrc and (sequence - last_sequence) & 0xFFFF == 1
        count = count + 1 if in_order else 1
        self._candidates[source] = (ssrc, sequence, count)
        return count >= (PROBATION_SAME_HOST if source[0] == self._named[0] else PROBATION)
