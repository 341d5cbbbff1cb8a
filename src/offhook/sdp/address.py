"""Where a stream is received: which addresses of a c= line RTP can be sent to (RFC 4566 section 5.7).

One rule for negotiation, for names that were resolved, and for the media worker, which gets addresses only.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

Family = Literal["IP4", "IP6"]

_LONGEST = 64
"""No address is longer, with the zone of an IPv6 one; what is remembered is bounded."""


def is_name(host: str) -> bool:
    """Whether a host is a name, which has to be resolved before anything can be sent to it."""
    return _address(host) is None


def family_of(host: str) -> Family:
    """The family of an address. Raises ValueError for a name."""
    address = _address(host)
    if address is None:
        raise ValueError("not an IP address")
    return "IP4" if address.version == 4 else "IP6"


def is_unspecified(host: str) -> bool:
    """Whether this is 0.0.0.0 or ::, by which a peer that follows RFC 2543 says that it is on hold."""
    address = _address(host)
    return address is not None and address.is_unspecified


def unusable(host: str, local: str) -> str | None:
    """Why a socket at the address `local` cannot send a call's audio to `host`; None when it can.

    A name is unusable: what it resolves to may not be.
    """
    address = _address(host)
    if address is None:
        return "not an IP address"
    if family_of(host) != family_of(local):
        return f"an {family_of(host)} address, and this leg's is {family_of(local)}"
    if address.is_multicast:
        return "a multicast address"
    if address.version == 4 and address.is_reserved:
        return "an address that nobody has"
    return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a host is, None when it is a name."""
    return _read(host) if len(host) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _read(host: str) -> IPv4Address | IPv6Address | None:
    """The same hosts come back in each description of a call, and in those of a trunk's other calls."""
    try:
        return ip_address(host)
    except ValueError:
        return None
