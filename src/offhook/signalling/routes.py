"""Which local address a peer is given, and how addresses are written."""

from __future__ import annotations

import socket

from offhook.sip.flow import TCP, UDP, Address

MAPPED = "::ffff:"
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The addresses of listeners on all addresses, and by which this machine reaches them."""


class Routes:
    """Which local address a peer is given. A wildcard socket's is found by asking the kernel for the route."""

    _MAX_CACHED = 4_096

    def __init__(self, udp: socket.socket | None, tcp: socket.socket | None) -> None:
        self._bound = {
            transport: Address(*bound.getsockname()[:2])
            for transport, bound in ((UDP, udp), (TCP, tcp))
            if bound is not None
        }
        self._cache: dict[str, str] = {}

    def local(self, transport: str, remote: Address) -> Address:
        """Our address that a peer can answer to."""
        bound = self._bound.get(transport) or next(iter(self._bound.values()))
        if bound.host not in WILDCARDS:
            return Address(plain(bound.host), bound.port)
        host = self._cache.get(remote.host)
        if host is None:
            if len(self._cache) >= self._MAX_CACHED:
                self._cache.clear()
            host = self._cache[remote.host] = route(remote)
        return Address(host, bound.port)


def reachable(host: str) -> str:
    """An address by which this machine reaches a listener on `host`."""
    return WILDCARDS.get(host, host)


def route(remote: Address) -> str:
    """The address of this machine that packets to `remote` come from; loopback when there is no way to it."""
    family = socket.AF_INET6 if ":" in remote.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote.host, remote.port or 9))
        except OSError:
            return "::1" if family is socket.AF_INET6 else "127.0.0.1"
        host: str = probe.getsockname()[0]
    return host


def plain(host: str) -> str:
    """An IPv4 address as itself where an IPv6 socket shows it mapped; a zone index is dropped."""
    if host.startswith(MAPPED):
        return host[len(MAPPED) :]
    return host.partition("%")[0]
