"""Which source to trust: symmetric RTP (RFC 4961) for peers behind NAT, without letting a stranger take a call over.

* A packet from the address that SDP named is trusted at once, whoever was trusted before.
* Any other source must send `PROBATION` packets in sequence, of one SSRC, before it is trusted; two are enough
  if it shares the named IP address (only the port was translated), and such a one may replace a source that does
  not.
* A source that has fallen silent may go on from another port of its host (its NAT has bound it again): the same
  SSRC, and a sequence number that follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from offhook.rtp.stats import MAX_DROPOUT

PROBATION: Final = 5
PROBATION_SAME_HOST: Final = 2
SILENT_SECONDS: Final = 0.2
"""A source that sends is not silent for this long."""
MAX_CANDIDATES: Final = 8
"""More strangers than this at one port are an attack; further ones are not considered."""

Address = tuple[str, int]


class Verdict(Enum):
    """What to do with a packet."""

    ACCEPT = "accept"
    LATCHED = "latched"
    """Accept it; its source is from now on the peer's."""
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Stream:
    """What was last heard of the trusted source: its SSRC, its highest sequence number, and when."""

    ssrc: int
    sequence: int
    heard_at: float


class Latch:
    """The source of one leg. `source` is where the peer's packets come from, None while it is not known."""

    __slots__ = ("_candidates", "named", "source")

    def __init__(self, named: Address) -> None:
        """named: the address in SDP, as sockets report sources."""
        self.named = named
        self._candidates: dict[Address, tuple[int, int, int]] = {}
        self.source: Address | None = None

    def receive(
        self, source: Address, ssrc: int, sequence: int, now: float, stream: Stream | None = None
    ) -> Verdict:
        """Judge an RTP packet; `stream` is what was heard of the source so far."""
        if source == self.source:
            return Verdict.ACCEPT
        if source == self.named:
            return self._believe(source)
        if stream is not None and self._is_moved(source, ssrc, sequence, now, stream):
            return self._believe(source)
        is_better = self.source is None or (
            self._is_of_named_host(source) > self._is_of_named_host(self.source)
        )
        if is_better and self._follows(source, ssrc, sequence):
            return self._believe(source)
        return Verdict.REJECT

    def _believe(self, source: Address) -> Verdict:
        self.source = source
        self._candidates.clear()
        return Verdict.LATCHED

    def _is_of_named_host(self, source: Address) -> bool:
        return source[0] == self.named[0]

    def _is_moved(self, source: Address, ssrc: int, sequence: int, now: float, stream: Stream) -> bool:
        """Whether this is the silent source, at another port."""
        return (
            self.source is not None
            and source[0] == self.source[0]
            and ssrc == stream.ssrc
            and 0 < (sequence - stream.sequence) & 0xFFFF < MAX_DROPOUT
            and now - stream.heard_at >= SILENT_SECONDS
        )

    def _follows(self, source: Address, ssrc: int, sequence: int) -> bool:
        """Count a stranger's packets in sequence; whether there are enough."""
        known = self._candidates.get(source)
        if known is None and len(self._candidates) >= MAX_CANDIDATES:
            if not self._is_of_named_host(source):
                return False
            del self._candidates[next(iter(self._candidates))]
        last_ssrc, last_sequence, count = known or (ssrc, sequence, 0)
        in_order = ssrc == last_ssrc and (sequence - last_sequence) & 0xFFFF == 1
        count = count + 1 if in_order else 1
        self._candidates[source] = (ssrc, sequence, count)
        return count >= (PROBATION_SAME_HOST if self._is_of_named_host(source) else PROBATION)
