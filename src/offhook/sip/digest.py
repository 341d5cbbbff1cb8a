"""Digest authentication of SIP, both roles: RFC 3261 section 22, RFC 2617, 7616 (SHA-256) and 8760.

Nonces are stateless: the second they were made, a random part and an HMAC over both. What a stateless nonce
cannot know, the highest nc seen with it, is remembered for a bounded number of nonces; one forgotten counts
as stale, never as fresh. Only `qop=auth` and, from peers that offer nothing else, no qop are spoken; -sess
variants are not.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from offhook.errors import RemoteProtocolError
from offhook.sip.grammar import QUOTED, TOKEN, quote, unquote

MAX_REMEMBERED_NONCES = 65_536
"""Nonces whose nc is remembered: at 100 bytes each some 6 MB, and 200 new users a second for the default lifetime."""
_MAX_AUTH_PARAMETERS = 32
"""More parameters than any scheme has."""

# credentials = auth-scheme LWS auth-param *(COMMA auth-param); auth-param = token EQUAL ( token /
# quoted-string )
_SCHEME = re.compile(rf"\s*({TOKEN})\s+")
_AUTH_PARAMETER = re.compile(rf"\s*({TOKEN})\s*=\s*({QUOTED}|[^\s,\"]+)\s*(,|$)", re.DOTALL)

# A quoted pair may hold any octet: no name or password of ours does.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

_HASHES: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What this side answers a challenge with."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Password:
    """What a user's digest is checked against: the password, or HA1 by algorithm ("MD5", "SHA-256")."""

    password: str | None = None
    ha1: tuple[tuple[str, str], ...] = ()


def digest(algorithm: str, *parts: str) -> str:
    """H of the parts joined by colons, in lower hex; `algorithm` is "MD5" or "SHA-256"."""
    return _HASHES[algorithm](":".join(parts).encode())


def parse_digest(value: str) -> dict[str, str] | None:
    """The parameters of a Digest challenge or credentials, names in lower case, values unquoted.

    Returns None for another scheme.

    Raises:
        RemoteProtocolError: 400, it is malformed, or gives a parameter twice.
    """
    match = _SCHEME.match(value)
    if match is None or match[1].lower() != "digest":
        return None
    found: dict[str, str] = {}
    position = match.end()
    while position < len(value):
        item = _AUTH_PARAMETER.match(value, position)
        if item is None or item[1].lower() in found or len(found) >= _MAX_AUTH_PARAMETERS:
            raise RemoteProtocolError("malformed digest", 400)
        text = unquote(item[2])
        if _CONTROL.search(text):
            raise RemoteProtocolError("control character in a digest", 400)
        found[item[1].lower()] = text
        position = item.end()
    return found


def choose_challenge(values: list[str]) -> dict[str, str] | None:
    """The first challenge that can be answered: the order is the server's preference (RFC 8760, 2.3)."""
    for value in values:
        try:
            challenge = parse_digest(value)
        except RemoteProtocolError:
            continue
        if challenge is None or "nonce" not in challenge or "realm" not in challenge:
            continue
        qops = [item.strip().lower() for item in challenge.get("qop", "auth").split(",")]
        if challenge.get("algorithm", "MD5").upper() in _HASHES and "auth" in qops:
            return challenge
    return None


def authorization(
    challenge: dict[str, str], credentials: Credentials, method: str, uri: str, cnonce: str, count: int
) -> str:
    """The value of Authorization or Proxy-Authorization that answers `challenge`; `count` is nc."""
    algorithm = challenge.get("algorithm", "MD5").upper()
    realm, nonce = challenge["realm"], challenge["nonce"]
    ha1 = digest(algorithm, credentials.username, realm, credentials.password)
    ha2 = digest(algorithm, method, uri)
    rows = [("username", credentials.username), ("realm", realm), ("nonce", nonce), ("uri", uri)]
    extra = ""
    if "qop" in challenge:
        nc = f"{count:08x}"
        response = digest(algorithm, ha1, nonce, nc, cnonce, "auth", ha2)
        rows.append(("cnonce", cnonce))
        extra = f", qop=auth, nc={nc}"
    else:
        response = digest(algorithm, ha1, nonce, ha2)
    rows.append(("response", response))
    if "opaque" in challenge:
        rows.append(("opaque", challenge["opaque"]))
    if "algorithm" in challenge:
        extra += f", algorithm={challenge['algorithm']}"
    return "Digest " + ", ".join(f"{name}={quote(value)}" for name, value in rows) + extra


class Verifier:
    """The server's side: makes challenges and judges the answers."""

    def __init__(self, secret: bytes, algorithms: tuple[str, ...], lifetime: float) -> None:
        self._secret = secret
        self._algorithms = algorithms
        self._lifetime = lifetime
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._forgotten = -1

    def challenges(self, realm: str, entropy: str, now: float, *, stale: bool) -> list[str]:
        """The values of WWW-Authenticate rows, one for each algorithm, with a nonce made of `entropy`."""
        nonce = self._nonce(f"{int(now * 1000):x}", entropy)
        tail = ", stale=true" if stale else ""
        return [
            f'Digest realm={quote(realm)}, nonce="{nonce}", qop="auth", algorithm={algorithm}{tail}'
            for algorithm in self._algorithms
        ]

    def verify(self, given: dict[str, str], method: str, realm: str, password: Password, now: float) -> bool:
        """Whether credentials prove the password, with one of our live nonces and an nc not used before.

        Their uri is covered by the hash but not compared with the Request-URI: proxies rewrite that (RFC 7616
        section 3.4.6), test tools name the host alone, and the rising nc keeps a captured answer from being
        used again.
        """
        if (
            given.get("realm") != realm
            or not self._proves(given, method, password)
            or self.is_stale(given, now)
        ):
            return False
        self._remember(given["nonce"], _count(given) or 0)
        return True

    def is_stale(self, given: dict[str, str], now: float) -> bool:
        """Whether credentials fail for their nonce alone: too old, used up, or of before a restart.

        A new challenge says stale=true then, and a phone answers it without asking its user.
        """
        nonce = given.get("nonce", "")
        stamp, _, rest = nonce.partition(".")
        entropy = rest.rpartition(".")[0]
        if not hmac.compare_digest(self._nonce(stamp, entropy).encode(), nonce.encode()):
            return True
        made = int(stamp, 16)
        if now - made / 1000 > self._lifetime:
            return True
        seen = self._counts.get(nonce)
        if seen is None:
            return made <= self._forgotten
        count = _count(given)
        return count is not None and count <= seen

    def _nonce(self, stamp: str, entropy: str) -> str:
        mac = hmac.new(self._secret, f"{stamp}.{entropy}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"{stamp}.{entropy}.{mac}"

    def _proves(self, given: dict[str, str], method: str, password: Password) -> bool:
        algorithm = given.get("algorithm", "MD5").upper()
        uri = given.get("uri")
        if (
            algorithm not in self._algorithms
            or given.get("qop", "auth").lower() != "auth"
            or _count(given) is None
            or uri is None
        ):
            return False
        ha1 = dict(password.ha1).get(algorithm)
        if ha1 is None:
            if password.password is None:
                return False
            ha1 = digest(algorithm, given.get("username", ""), given.get("realm", ""), password.password)
        ha2 = digest(algorithm, method, uri)
        middle = (given.get("nc", ""), given.get("cnonce", ""), "auth") if "qop" in given else ()
        wanted = digest(algorithm, ha1, given.get("nonce", ""), *middle, ha2)
        return hmac.compare_digest(wanted.encode(), given.get("response", "").lower().encode())

    def _remember(self, nonce: str, count: int) -> None:
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        if len(self._counts) > MAX_REMEMBERED_NONCES:
            oldest, _ = self._counts.popitem(last=False)
            self._forgotten = max(self._forgotten, int(oldest.partition(".")[0], 16))


def _count(given: dict[str, str]) -> int | None:
    """nc as a number, None when malformed. Without qop there is none, and a nonce is good for one request."""
    text = given.get("nc", "") if "qop" in given else "1"
    return int(text, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,8}", text) else None
