"""Where legs come from: the media workers and the SIP sockets."""

from __future__ import annotations

from offhook.media.client import MediaClient
from offhook.signalling.transports import SipTransports
from offhook.sip.flow import Flow
from offhook.voice.leg import Leg
from offhook.voice.workers import Workers


class Legs:
    """Opens legs."""

    def __init__(self, transports: SipTransports, workers: Workers) -> None:
        self._transports = transports
        self._workers = workers
        self._last_session = 0

    async def open(self, flow: Flow, beside: MediaClient | None = None) -> Leg:
        """A leg with its RTP ports bound, for a peer of `flow`, at the worker `beside` if that is there.

        Waits a while for a media worker. Raises MediaError.
        """
        media = await self._workers.find(beside)
        self._last_session += 1
        leg = Leg(self._transports, media, self._last_session)
        await leg.open(flow)
        return leg
