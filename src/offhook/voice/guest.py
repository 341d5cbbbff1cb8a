"""A call of another node that is in rooms here, or counts on a call here, as this node sees it.

What it is told goes to its node. Its place in a room of a media worker, or beside a leg, is taken by the near end of a
link; its node is told where that is, and has the far end at the worker that carries the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import count

from offhook.calls.events import CallEvent
from offhook.media.client import MediaClient, MediaError
from offhook.media.protocol import LONGEST_BUFFER_MS
from offhook.voice.leg import InRoom, mix
from offhook.voice.links import End, open_end

logger = logging.getLogger(__name__)

_numbers = count(1)


class Guest:
    """A call of another node.

    host: this machine's address, as the media of the other node reaches it. tell: gives the call an event.
    offer: has its leg joined with what is at an address; `answered` follows. Ends have numbers, since an answer may
    be to one that is closed.
    """

    connected = True
    """Whether the worker that carries it is there is for its own node to know."""

    def __init__(
        self,
        call_sid: str,
        host: str,
        tell: Callable[[CallEvent], None],
        offer: Callable[[int, str, int], None],
    ) -> None:
        self.tell = tell
        self._call_sid = call_sid
        self._host = host
        self._offer = offer
        self._end: End | None = None
        self._link = 0
        self._room: tuple[MediaClient, int] | None = None
        self._opening: asyncio.Task[None] | None = None

    def mix(
        self,
        media: MediaClient,
        room: int,
        *,
        heard: bool,
        hears: bool,
        coaches: InRoom | None = None,
        buffer_ms: int = LONGEST_BUFFER_MS,
    ) -> int:
        """Take it into a room of a media worker, or change its part there; `coaches` alone hears it.

        Returns the number under which it is in the room.
        """
        if not (number := self.number_in(media, room)):
            number = self.end_at(media).number
            self._room = media, room
        mix(media, room, number, heard=heard, hears=hears, coaches=coaches, buffer_ms=buffer_ms)
        return number

    def number_in(self, media: MediaClient, room: int) -> int:
        """The number under which it is in a room, 0 when it is not there."""
        return self._end.number if self._end is not None and self._room == (media, room) else 0

    def end_at(self, media: MediaClient) -> End:
        """A new end of a link to it, at this worker; the one before is closed."""
        self.unmix()
        self._end, self._link = open_end(media, self._host), next(_numbers)
        self._opening = asyncio.create_task(self._open(self._end, self._link), name=f"{self._call_sid}-link")
        return self._end

    async def _open(self, end: End, link: int) -> None:
        try:
            opened = await end.media.leg_opened(end.opening)
        except MediaError as error:
            logger.error("%s is at another node, and hears nothing: %s", self._call_sid, error)
            return
        self._offer(link, opened.host, opened.port)

    def answered(self, link: int, host: str, port: int) -> None:
        """Its node has opened the other end of a link."""
        if self._end is not None and link == self._link:
            self._end.set_remote(host, port)

    def unmix(self) -> None:
        """Let it hear nobody, and be heard by nobody, here."""
        self._room = None
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._end is not None:
            self._end.close()
            self._end = None

    unbridge = unmix
