"""HTTP digest authentication of SIP, both roles: RFC 2617, 7616, 8760."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Credentials:
    """What this side answers a challenge with."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Password:
    """What a user's digest is checked against: the password, or HA1 per algorithm ("MD5", "SHA-256") in lower hex."""

    password: str | None = None
    ha1: tuple[tuple[str, str], ...] = ()
