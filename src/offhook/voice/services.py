"""What every call of a node works with. A value: what changes is inside of what it names."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.config import Settings
from offhook.delivery.client import WebhookClient
from offhook.signalling.transports import SipTransports
from offhook.store.store import Store
from offhook.streams.client import StreamsClient
from offhook.voice.legs import Legs
from offhook.voice.neighbours import Neighbours
from offhook.voice.refusals import Refusals
from offhook.voice.rooms import Rooms
from offhook.voice.routing import Routing
from offhook.voice.switchboard import Switchboard
from offhook.voice.tenure import Tenure
from offhook.voice.workers import Workers


@dataclass(frozen=True, slots=True)
class Services:
    """The connections and the tables of a node."""

    settings: Settings
    store: Store
    http: WebhookClient
    transports: SipTransports
    routing: Routing
    streams: StreamsClient
    workers: Workers
    legs: Legs
    switchboard: Switchboard
    rooms: Rooms
    tenure: Tenure
    refusals: Refusals
    neighbours: Neighbours

    async def owns(self, account_sid: str, number: str) -> bool:
        """Whether a number is one of an account's."""
        found = await self.store.numbers.cached.get(number)
        return found is not None and found.account_sid == account_sid
