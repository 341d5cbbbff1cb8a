"""SIP messages of INVITEs that are not calls yet, kept until they are: they begin the call's timeline.

Strangers send INVITEs too, as many, as big and as often as they like, so what is kept is bounded in octets, for one
leg and for all, and given back as soon as a leg is refused.
"""

from __future__ import annotations

from offhook.sip.events import SipMessageLog

LEG_OCTETS = 128 * 1024
"""Of one leg: an INVITE of the greatest size, its answers and a retransmission."""
ALL_OCTETS = 8 * 1024 * 1024
_MESSAGE_OCTETS = 512
"""What a message weighs besides its octets."""


class EarlyMessages:
    """Messages by SIP leg."""

    def __init__(self) -> None:
        self._kept: dict[int, list[SipMessageLog]] = {}
        self._octets: dict[int, int] = {}
        self.octets = 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, leg: int, message: SipMessageLog) -> None:
        """Keep a message, unless its leg has enough; the oldest legs lose theirs when all have too much."""
        size = len(message.data) + _MESSAGE_OCTETS
        if self._octets.get(leg, 0) + size > LEG_OCTETS:
            return
        self._kept.setdefault(leg, []).append(message)
        self._octets[leg] = self._octets.get(leg, 0) + size
        self.octets += size
        while self.octets > ALL_OCTETS:
            self.take(next(iter(self._kept)))

    def take(self, leg: int) -> list[SipMessageLog]:
        """The messages of a leg, oldest first, which are not kept any longer."""
        self.octets -= self._octets.pop(leg, 0)
        return self._kept.pop(leg, [])
