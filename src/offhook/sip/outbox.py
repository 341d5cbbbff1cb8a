"""What an endpoint has to say to its transports and to the application, in order, until they fetch it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from offhook.sip.events import Event, SipMessageLog
from offhook.sip.flow import Action, Close, Flow, Send
from offhook.sip.message import Request, Response


class Packet(NamedTuple):
    """A message encoded once, to be sent as often as it must."""

    data: bytes
    summary: str
    call_id: str


def packet(message: Request | Response) -> Packet:
    """Encode a message."""
    return Packet(message.encode(), message.summary, message.get("Call-ID") or "")


class Outbox:
    """Actions and events on their way out of an endpoint.

    `legs` maps Call-IDs to legs, for the message log.
    """

    __slots__ = ("_actions", "_events", "_log", "legs")

    def __init__(self, *, log: bool) -> None:
        self._actions: list[Action] = []
        self._events: list[Event] = []
        self._log = log
        self.legs: dict[str, int] = {}

    def send(self, flow: Flow, item: Packet, now: float, *, connect: bool = True) -> None:
        """Send a packet; see `Send.connect`."""
        self._actions.append(Send(flow, item.data, connect))
        self._record("sent", flow, item, now)

    def send_raw(self, flow: Flow, data: bytes) -> None:
        """Send octets that are not a message (keep-alives)."""
        self._actions.append(Send(flow, data, False))

    def close(self, flow: Flow, reason: str) -> None:
        """Close a connection."""
        self._actions.append(Close(flow, reason))

    def emit(self, event: Event) -> None:
        """Tell the application."""
        self._events.append(event)

    def received(self, flow: Flow, item: Packet, now: float) -> None:
        """Record a message that came in."""
        self._record("received", flow, item, now)

    def forget(self, leg: int, call_id: str) -> None:
        """The messages of a Call-ID no longer belong to a leg, unless another leg has taken it over."""
        if self.legs.get(call_id) == leg:
            del self.legs[call_id]

    def take_actions(self) -> list[Action]:
        """The actions since the last call."""
        taken, self._actions = self._actions, []
        return taken

    def take_events(self) -> list[Event]:
        """The events since the last call."""
        taken, self._events = self._events, []
        return taken

    def _record(self, direction: Literal["received", "sent"], flow: Flow, item: Packet, now: float) -> None:
        if self._log:
            leg = self.legs.get(item.call_id)
            self._events.append(
                SipMessageLog(leg, item.call_id, direction, item.summary, item.data, flow, now)
            )
