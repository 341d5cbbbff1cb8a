"""Where legs come from: the media worker, which may be gone for a while, and the SIP sockets."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from offhook.media.client import MediaClient, MediaError
from offhook.signalling.transports import SipTransports
from offhook.sip.flow import Flow
from offhook.voice.leg import Leg

_PATIENCE = 5.0
"""How long a new call waits for a media worker that is being started again."""


class Legs:
    """Opens legs at the media worker that is there."""

    def __init__(self, transports: SipTransports) -> None:
        self._transports = transports
        self._media: MediaClient | None = None
        self._back = asyncio.Event()
        self._last_session = 0

    def use(self, media: MediaClient | None) -> None:
        """A media worker was connected, or is gone and its legs with it."""
        self._media = media
        if media is not None:
            self._back.set()
        else:
            self._back.clear()

    @property
    def media(self) -> MediaClient | None:
        """The media worker that is there."""
        return self._media

    def carries(self, leg: Leg) -> bool:
        """Whether a leg's worker is still there."""
        return leg.media is self._media

    async def open(self, flow: Flow) -> Leg:
        """A leg with its RTP ports bound, for a peer of `flow`; waits a while for a media worker. Raises MediaError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._back.wait()
        if self._media is None:
            raise MediaError("no media worker")
        self._last_session += 1
        leg = Leg(self._transports, self._media, self._last_session)
        await leg.open(flow)
        return leg
