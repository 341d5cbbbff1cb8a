"""What the sockets of an endpoint need of the one who drives it."""

from __future__ import annotations

from typing import Protocol

from offhook.sip.flow import Address, Flow


class Receiver(Protocol):
    """Takes what comes in."""

    def flow(self, transport: str, remote: Address) -> Flow:
        """The way to a peer."""

    def take(self, data: bytes, flow: Flow) -> None:
        """Octets came; `flush` follows when the batch is through."""

    def lost(self, flow: Flow) -> None:
        """A flow is closed or cannot be opened; `flush` follows."""

    def flush(self) -> None:
        """Send and tell what came of it."""
