"""Where a message came from or goes to, and what an endpoint asks its transports to do.

A flow is RFC 5626's word for "the pair of ends a message travels between". For UDP it is an address pair; for
stream transports it names one connection, which the transports open when a message has to go there and none
is up.
"""

from __future__ import annotations

from typing import NamedTuple

UDP = "UDP"
TCP = "TCP"

STREAMS = frozenset({TCP, "TLS", "WS", "WSS"})
"""Transports whose bytes arrive as a stream and which retransmit by themselves."""

DEFAULT_PORT = 5060
"""RFC 3261 section 19.1.2."""


class Address(NamedTuple):
    """An IP address literal (no brackets) and a port."""

    host: str
    port: int


class Flow(NamedTuple):
    """One way to reach a peer.

    `local` is the address this side writes in Via and Contact: a real local address that the peer can reach
    (for an outbound TCP connection the listener's, not the ephemeral port). `remote` is the peer's address as
    seen here.
    """

    transport: str
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        """True when the transport retransmits by itself."""
        return self.transport in STREAMS


class Send(NamedTuple):
    """Write `data`, a whole SIP message, to `flow`.

    `connect` is false for responses: when the connection the request came by is gone, they are dropped.
    """

    flow: Flow
    data: bytes
    connect: bool


class Close(NamedTuple):
    """Close the connection of `flow` after what was sent before: its peer broke the framing or stalled."""

    flow: Flow
    reason: str


Action = Send | Close


def bracketed(host: str) -> str:
    """`host` as it is written in a URI, Via or Contact: IPv6 literals in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def host_port(address: Address) -> str:
    """`host:port` as written in SIP headers."""
    return f"{bracketed(address.host)}:{address.port}"
