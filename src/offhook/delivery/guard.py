"""Which addresses a customer's URL may lead to: the guard against server-side request forgery.

The check is made on the ADDRESS a socket is about to be connected to (aiohttp's ``socket_factory``), after
every name has been resolved and on every redirect, so neither an odd spelling of an address
(``http://2130706433/``, ``0x7f.1``, ``[::ffff:10.0.0.1]``) nor a name that resolves differently the second
time gets around it.

Public unicast addresses are allowed. The special-purpose registries (RFC 6890 and its updates: private,
loopback, link-local with the clouds' metadata addresses, carrier-grade NAT, ULA, multicast, documentation,
reserved) are not, except for what the operator allowed (``--allow-net``), loopback while the platform itself
listens on loopback only, and the platform's own public address. IPv6 addresses that carry an IPv4 one
(mapped, compatible, NAT64, 6to4, Teredo) are judged by the IPv4 address inside.

Leaves to others: fetching (`offhook.delivery.client`).
"""

import errno
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 6052 §2.1 and RFC 8215: the IPv4 address is the last 32 bits.
_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))
# RFC 4291 §2.5.5.1, deprecated "IPv4-compatible" addresses; some stacks still route them.
_COMPATIBLE = ipaddress.IPv6Network("::/96")
# What `ipaddress.is_global` counts as global in some Python versions but no customer's server can be:
# shared address space (RFC 6598), benchmarking (RFC 2544), 6to4 relay anycast (RFC 7526), ORCHID (RFC 7343),
# deprecated site-local (RFC 3879), and the discard prefix (RFC 6666).
_NEVER = tuple(
    ipaddress.ip_network(net)
    for net in (
        "0.0.0.0/8",
        "100.64.0.0/10",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "240.0.0.0/4",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",
    )
)


class AddressRefusedError(OSError):
    """A connection to an address that customers' URLs may not lead to was stopped before it was made."""

    def __init__(self, address: str) -> None:
        super().__init__(errno.EACCES, f"address {address} is not allowed")
        self.address = address


class Guard:
    """Decides about addresses; thread-safe and without I/O but for `open_socket`."""

    def __init__(
        self,
        *,
        allow_nets: Iterable[str] = (),
        allow_loopback: bool = False,
        own_urls: Iterable[str] = (),
    ) -> None:
        """Args:
            allow_nets: CIDR blocks (or single addresses) the operator allows besides public ones.
            allow_loopback: true while all of the platform's own listeners are on loopback.
            own_urls: the platform's own HTTP servers. Where one names an IP literal, that address and port
                are allowed.

        Raises:
            ValueError: a block is not a network.
        """
        self._allowed: tuple[IPNetwork, ...] = tuple(
            ipaddress.ip_network(net, strict=False) for net in allow_nets
        )
        self._allow_loopback = allow_loopback
        self._own = frozenset(address for url in own_urls if (address := _address_of(url)) is not None)

    def allows(self, host: str, port: int = 0) -> bool:
        """Whether a connection to this IP literal may be made; anything but an IP literal is refused."""
        address = _literal(host)
        if address is None:
            return False
        if (address, port) in self._own:
            return True
        inner = _embedded(address)
        if any(candidate in net for candidate in (address, inner) for net in self._allowed):
            return True
        if inner.is_loopback:
            return self._allow_loopback
        return _is_public(address) and _is_public(inner)

    def open_socket(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """aiohttp's `socket_factory`: a non-blocking socket for one resolved address.

        Raises:
            AddressRefusedError: the address is not allowed.
        """
        family, kind, proto, _, address = info
        if not self.allows(str(address[0]), int(address[1])):
            raise AddressRefusedError(str(address[0]))
        return socket.socket(family=family, type=kind, proto=proto)


def _address_of(url: str) -> tuple[IPAddress, int] | None:
    """Address and port of a URL whose host is an IP literal."""
    parts = urlsplit(url)
    address = _literal(parts.hostname or "")
    if address is None:
        return None
    return address, parts.port or (443 if parts.scheme == "https" else 80)


def _literal(host: str) -> IPAddress | None:
    """The address of an IP literal as `getaddrinfo` returns it (a scope id is dropped), or None."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def _embedded(address: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 address carries, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    carries = any(address in net for net in _NAT64) or (address in _COMPATIBLE and int(address) > 1)
    return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if carries else address


def _is_public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return _is_public(address.ipv4_mapped)
    if address.is_multicast or address.is_unspecified or address.is_reserved or not address.is_global:
        # NAT64's prefix is not "global" by the registry, yet a public IPv4 host behind it is.
        return any(address in net for net in _NAT64[:1])
    return not any(address in net for net in _NEVER)
