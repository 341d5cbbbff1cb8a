"""Endpoints joined by an in-memory network on a fake clock: packets take time, and some are lost."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import Event, SipMessageLog
from offhook.sip.flow import Address, Close, Flow, Send
from offhook.sip.headers import NameAddr, parse_name_addr

E = TypeVar("E")

OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
ANSWER = (
    b"v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\nm=audio 5000 RTP/AVP 0\r\n"
)


def tokens(prefix: str) -> Callable[[], str]:
    """A source of unique tokens that is the same in every run."""
    numbers = count()
    return lambda: f"{prefix}{next(numbers):012d}"


class Host:
    """One endpoint at one address, the events it told and the packets it sent."""

    def __init__(self, network: Network, address: str, **settings: object) -> None:
        config = EndpointConfig(nonce_secret=b"secret of the tests", **settings)  # type: ignore[arg-type]
        self.network = network
        self.address = Address(address, 5060)
        self.endpoint = Endpoint(config, tokens(address.replace(".", "").replace(":", "-")))
        self.events: list[Event] = []
        self.log: list[SipMessageLog] = []
        self.closed: list[Flow] = []
        network.hosts[self.address] = self

    def flow_to(self, other: Host, transport: str = "UDP") -> Flow:
        """The flow from here to another host."""
        return Flow(transport, self.address, other.address)

    def call(self, other: Host, *, transport: str = "UDP", **arguments: object) -> int:
        """Place a call with the usual names."""
        leg = self.endpoint.invite(
            self.network.now,
            request_uri="sip:bob@biloxi.example",
            from_=address("Alice <sip:alice@atlanta.example>"),
            to=address("<sip:bob@biloxi.example>"),
            destination=self.flow_to(other, transport),
            body=OFFER,
            **arguments,  # type: ignore[arg-type]
        )
        self.network.settle()
        return leg

    def told(self, kind: type[E]) -> list[E]:
        """The events of one kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def sent(self) -> list[str]:
        """First lines sent, retransmissions included."""
        return [entry.summary for entry in self.log if entry.direction == "sent"]


class Network:
    """Carries packets between hosts after `latency`; `drops(packet number, data)` says which are lost."""

    def __init__(self, latency: float = 0.01, drops: Callable[[int, bytes], bool] | None = None) -> None:
        self.now = 1000.0
        self.hosts: dict[Address, Host] = {}
        self.drops = drops or (lambda number, data: False)
        self.sent: list[bytes] = []
        self._latency = latency
        self._flying: list[tuple[float, int, Flow, bytes]] = []

    def settle(self) -> None:
        """Put on the wire what the endpoints want to send, and collect what they tell."""
        for host in self.hosts.values():
            for action in host.endpoint.actions():
                if isinstance(action, Close):
                    host.closed.append(action.flow)
                else:
                    self._carry(action)
            for event in host.endpoint.events():
                if isinstance(event, SipMessageLog):
                    host.log.append(event)
                else:
                    host.events.append(event)

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        self.settle()
        while (moment := self._next()) is not None and moment <= end:
            self.now = max(self.now, moment)
            for host in self.hosts.values():
                host.endpoint.tick(self.now)
            while self._flying and self._flying[0][0] <= self.now:
                _, _, flow, data = heapq.heappop(self._flying)
                target = self.hosts.get(flow.remote)
                if target is not None:
                    back = Flow(flow.transport, flow.remote, flow.local)
                    target.endpoint.receive(data, back, self.now)
            self.settle()
        self.now = end

    def _carry(self, action: Send) -> None:
        self.sent.append(action.data)
        if not self.drops(len(self.sent) - 1, action.data):
            heapq.heappush(self._flying, (self.now + self._latency, len(self.sent), action.flow, action.data))

    def _next(self) -> float | None:
        moments = [
            moment for host in self.hosts.values() if (moment := host.endpoint.next_timer()) is not None
        ]
        if self._flying:
            moments.append(self._flying[0][0])
        return min(moments, default=None)


def address(text: str) -> NameAddr:
    """A From or To of a test."""
    return parse_name_addr(text)
