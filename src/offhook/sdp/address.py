"""Where a stream is received: which addresses of a c= line RTP can be sent to (RFC 4566 section 5.7).

One rule for negotiation, for names that were resolved, and for the media worker, which gets addresses only.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

Family = Literal["IP4", "IP6"]


def is_name(host: str) -> bool:
    """Whether a host is a name, which has to be resolved before anything can be sent to it."""
    try:
        ip_address(host)
    except ValueError:
        return True
    return False


def family_of(host: str) -> Family:
    """The family of an address. Raises ValueError for a name."""
    return "IP4" if ip_address(host).version == 4 else "IP6"


def is_unspecified(host: str) -> bool:
    """Whether this is 0.0.0.0 or ::, by which a peer that follows RFC 2543 says that it is on hold."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def unusable(host: str, local: str) -> str | None:
    """Why a socket at the address `local` cannot send a call's audio to `host`; None when it can.

    A name is unusable: what it resolves to may not be.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return "not an IP address"
    if address.version != ip_address(local).version:
        return f"an {family_of(host)} address, and this leg's is {family_of(local)}"
    if address.is_multicast:
        return "a multicast address"
    if address.version == 4 and address.is_reserved:
        return "an address that nobody has"
    return None
