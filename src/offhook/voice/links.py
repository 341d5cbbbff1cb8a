"""Links: what joins legs that are at different media workers, of one node or of two.

A link is a plain leg at each of the two workers, which are each other's peer. A member's leg is bridged with the end
at its own worker; the other end takes its place where it cannot be. Keys pass as RTP events (RFC 4733) and are told of
by the member's leg alone, since no call hears of the legs of a link. A node keeps both ends of a link between its own
workers (`Link`), and one `End` of a link to another node.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from offhook.media.client import MediaClient, MediaError, Opening

logger = logging.getLogger(__name__)

_LOOPBACK: Final = "127.0.0.1"
_PCMU: Final = 0
_EVENTS: Final = 101


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: a leg at a worker."""

    media: MediaClient
    opening: Opening

    @property
    def number(self) -> int:
        """The leg's number at its worker."""
        return self.opening.number

    def set_remote(self, host: str, port: int) -> None:
        """Name the other end."""
        self.media.set_remote(self.number, host, port, "PCMU", _PCMU, _EVENTS)

    def close(self) -> None:
        """Part from the other end; nothing when it is closed already."""
        self.media.drop_leg(self.number)


class Link:
    """A link between two workers. Its ends can be bridged and mixed at once; they are connected a moment later.

    Each of `failed` is told why they cannot be.
    """

    def __init__(
        self, near: MediaClient, far: MediaClient, failed: Sequence[Callable[[str], None]] = ()
    ) -> None:
        self.near, self.far = open_end(near, _LOOPBACK), open_end(far, _LOOPBACK)
        self._failed = failed
        self._connecting = asyncio.create_task(self._connect(), name="link")

    async def _connect(self) -> None:
        near, far = self.near, self.far
        try:
            here, there = await asyncio.gather(
                near.media.leg_opened(near.opening), far.media.leg_opened(far.opening)
            )
        except MediaError as error:
            logger.error(
                "media workers %d and %d cannot be joined, a call hears nothing: %s",
                near.media.worker,
                far.media.worker,
                error,
            )
            for told in self._failed:
                told(str(error))
            return
        near.set_remote(there.host, there.port)
        far.set_remote(here.host, here.port)

    def close(self) -> None:
        """Part the two workers; nothing when they are parted already."""
        self._connecting.cancel()
        for end in (self.near, self.far):
            end.close()


def open_end(media: MediaClient, host: str) -> End:
    """An end at a worker, at this address of its machine. It can be bridged and mixed at once."""
    return End(media, media.start_leg(host, rtp_timeout=0.0))
