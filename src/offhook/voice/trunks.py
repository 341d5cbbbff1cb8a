"""The trunks: to whom calls to other people's numbers go, and whose INVITEs are taken without a password.

A trunk calls in from its own host or from the sources that its setting names, over UDP or TCP, from any port unless one
is named: a peer opens its TCP connections from ephemeral ports, and a carrier has more than one gateway. Over loopback
the host says nothing, since every program of the machine is there: such a trunk is known by its own port alone, until
``from=127.0.0.1`` says that any program may speak for it.

Names are resolved again and again, because carriers move; what one meant before counts until it means something else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from offhook import metrics
from offhook.config import TrunkSettings, TrunkSource, is_loopback
from offhook.sip.flow import Address, Flow

logger = logging.getLogger(__name__)

_RESOLVED_SECONDS = 60.0
_UNRESOLVED_SECONDS = 5.0
"""How long a resolved name is used, and how soon one that did not resolve is asked for again (seconds)."""
_ADDRESSES_CALLED = 3
"""Of a name with more addresses the first are called; a caller does not wait for all of a big list."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a trunk's."""

    trunk: TrunkSettings
    address: Address


class Trunks:
    """All trunks of the instance, in the order in which they are called."""

    def __init__(self, trunks: Sequence[TrunkSettings], resolve: Resolve | None = None) -> None:
        """`resolve` gives the addresses of a host name or raises OSError."""
        self._trunks = tuple(trunks)
        self._resolve = resolve or addresses_of
        self._addresses: dict[str, tuple[str, ...]] = {}
        metrics.registry.fact("trunks", self._report)

    async def refresh(self) -> bool:
        """Resolve every name; False when one of them has no address."""
        names = dict.fromkeys(
            host for trunk in self._trunks for host in _hosts(trunk) if not _is_network(host)
        )
        for name in names:
            try:
                self._addresses[name] = tuple(map(_plain, await self._resolve(name)))
            except OSError as error:
                known = self._addresses.setdefault(name, ())
                logger.warning("the trunk's host %s does not resolve (%s)", name, error)
                if known:
                    logger.info("calls go on to %s as %s", name, ", ".join(known))
        return all(self._addresses[name] for name in names)

    async def keep_fresh(self) -> None:
        """Resolve again and again."""
        complete = all(self._addresses.values())
        while True:
            await asyncio.sleep(_RESOLVED_SECONDS if complete else _UNRESOLVED_SECONDS)
            complete = await self.refresh()

    def routes(self) -> list[Route]:
        """Where a call goes: to the first, and to the next when that one cannot take it."""
        return [
            Route(trunk, Address(host, trunk.port))
            for trunk in self._trunks
            for host in self._addresses.get(trunk.host, ())[:_ADDRESSES_CALLED]
        ]

    def recognise(self, flow: Flow) -> TrunkSettings | None:
        """The trunk that a message came from, None when it came from somebody else."""
        return next((trunk for trunk in self._trunks if self._is_from(trunk, flow.remote)), None)

    def explain(self, flow: Flow) -> str:
        """Why a message that came from no trunk did not, for the operator."""
        host = flow.remote.host
        for trunk in self._trunks:
            if any(self._covers(TrunkSource(source.host), flow.remote) for source in _sources(trunk)):
                hint = f"; from={host} would take any port" if is_loopback(host) else ""
                return f"{host} is the trunk {trunk.label}'s, port {flow.remote.port} is not{hint}"
        return "not from a trunk, and no password was given"

    def _report(self) -> dict[str, metrics.Value]:
        """The addresses of each trunk, for whoever asks how this node is."""
        return {trunk.label: self._addresses.get(trunk.host, ()) for trunk in self._trunks}

    def _is_from(self, trunk: TrunkSettings, remote: Address) -> bool:
        if any(self._covers(source, remote) for source in trunk.sources):
            return True
        if any(source.host == trunk.host for source in trunk.sources):
            return False
        own = TrunkSource(trunk.host, trunk.port if is_loopback(remote.host) else 0)
        return self._covers(own, remote)

    def _covers(self, source: TrunkSource, remote: Address) -> bool:
        if source.port not in (0, remote.port):
            return False
        if (network := _network(source.host)) is not None:
            address = ipaddress.ip_address(remote.host)
            return address.version == network.version and address in network
        return remote.host in self._addresses.get(source.host, ())


def _hosts(trunk: TrunkSettings) -> list[str]:
    return [trunk.host, *(source.host for source in trunk.sources)]


def _sources(trunk: TrunkSettings) -> tuple[TrunkSource, ...]:
    return (TrunkSource(trunk.host), *trunk.sources)


def _network(host: str) -> Network | None:
    return ipaddress.ip_network(host) if "/" in host else None


def _is_network(host: str) -> bool:
    return "/" in host


def _plain(host: str) -> str:
    """An address as flows have it."""
    return str(ipaddress.ip_address(host.partition("%")[0]))


async def addresses_of(host: str) -> list[str]:
    """The IP addresses of a host, each once, in the order to try them. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))
