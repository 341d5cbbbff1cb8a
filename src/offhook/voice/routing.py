"""Where an outbound call goes, and whose an inbound one is.

* A number of the platform is called on the platform itself, over its own SIP port.
* Any other number goes to the trunk.
* A ``sip:`` address of this platform goes to where its phone registered; any other to its host, if the address
  guard allows it.

An INVITE is trusted for where it comes from: exactly the trunk's address, or ourselves (shown by a token that no
one else knows). Everyone else has to authenticate. Nobody can call through the platform to a number it does not own.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

from offhook.clock import monotonic
from offhook.config import Settings
from offhook.delivery.guard import Guard
from offhook.errors import RemoteProtocolError
from offhook.signalling.transports import SipTransports
from offhook.sip.digest import Credentials
from offhook.sip.flow import DEFAULT_PORT, Address, Flow
from offhook.sip.headers import NameAddr
from offhook.sip.message import Request
from offhook.sip.uri import Uri, parse_uri
from offhook.store.records import NumberRecord
from offhook.twiml.effects import DialSip, DialTarget
from offhook.voice.leg import Destination

#: Says that an INVITE is the platform's own, on its way to one of its numbers.
LOOP_HEADER = "X-Offhook-Loop"

_NOT_REGISTERED = 32009
_BAD_SIP_URI = 13243
_ADDRESS_REFUSED = 13254
_BAD_NUMBER = 13223


class UnroutableError(Exception):
    """There is no way to call this address: a notification code and what is wrong."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Routing:
    """The one place that knows where calls go."""

    def __init__(
        self,
        settings: Settings,
        transports: SipTransports,
        guard: Guard,
        find_number: Callable[[str], Awaitable[NumberRecord | None]],
    ) -> None:
        """`find_number` looks an E.164 number up among those the platform owns."""
        self._settings = settings
        self._transports = transports
        self._guard = guard
        self._find_number = find_number
        self._token = secrets.token_hex(16)
        self._trunk: Address | None = None

    async def start(self) -> None:
        """Resolve the trunk's address once: INVITEs are compared with it. Raises OSError."""
        trunk = self._settings.trunk
        self._trunk = Address(await _resolve(trunk.host, trunk.port), trunk.port)

    def is_trunk(self, flow: Flow) -> bool:
        """Whether a message came from exactly the trunk's address and port."""
        return flow.remote == self._trunk

    def is_our_own(self, request: Request) -> bool:
        """Whether an INVITE is one of ours that comes back."""
        token = request.get(LOOP_HEADER)
        return token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    async def destination(
        self, called: str, caller: str, account_sid: str, *, sip: DialTarget | None = None
    ) -> Destination:
        """Where to send the INVITE to `called` (E.164 or a ``sip:`` address). Raises UnroutableError."""
        if called.lower().startswith(("sip:", "sips:")):
            return await self._to_address(called, caller, sip if isinstance(sip, DialSip) else None)
        if not called.removeprefix("+").isdigit():
            raise UnroutableError(_BAD_NUMBER, "The number to call is not valid.")
        if await self._find_number(called) is not None:
            own = Address(_reachable(self._settings.sip_host), self._settings.sip_port)
            loop = self._to_number(own, "UDP", called, caller)
            return replace(loop, headers=((LOOP_HEADER, self._token),))
        assert self._trunk is not None
        trunk = self._settings.trunk
        credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
        to_trunk = self._to_number(self._trunk, trunk.transport.upper(), called, caller)
        return replace(to_trunk, credentials=credentials)

    def _to_number(self, peer: Address, transport: str, called: str, caller: str) -> Destination:
        flow = self._transports.flow(transport, peer)
        parameters = () if transport == "UDP" else (("transport", transport.lower()),)
        uri = Uri(user=called, host=_host(peer), port=peer.port, parameters=parameters)
        return Destination(flow, str(uri), self._caller(caller), NameAddr(uri=uri))

    async def _to_address(self, called: str, caller: str, noun: DialSip | None) -> Destination:
        try:
            uri = parse_uri(called)
        except RemoteProtocolError:
            raise UnroutableError(_BAD_SIP_URI, "The SIP address is not valid.") from None
        if not uri.is_sip or not uri.host:
            raise UnroutableError(_BAD_SIP_URI, "The SIP address is not valid.")
        headers = noun.headers if noun is not None else ()
        credentials = None
        if noun is not None and noun.username is not None:
            credentials = Credentials(noun.username, noun.password or "")
        if self._is_ours(uri):
            flow, request_uri = self._registered(uri.user_text)
        else:
            flow, request_uri = await self._outside(uri), called
        to = NameAddr(uri=uri)
        return Destination(flow, request_uri, self._caller(caller), to, tuple(headers), credentials)

    def _is_ours(self, uri: Uri) -> bool:
        """Whether a SIP address is one of this platform's phones."""
        own = {self._settings.sip_host, _reachable(self._settings.sip_host), "localhost"}
        return uri.host.strip("[]") in own and (uri.port or DEFAULT_PORT) == self._settings.sip_port

    def _registered(self, user: str) -> tuple[Flow, str]:
        bindings = self._transports.endpoint.bindings(user, monotonic())
        if not bindings:
            raise UnroutableError(_NOT_REGISTERED, "The phone called is not registered.")
        return bindings[0].flow, str(bindings[0].contact)

    async def _outside(self, uri: Uri) -> Flow:
        """The flow to a SIP address elsewhere."""
        port = uri.port or DEFAULT_PORT
        try:
            host = await _resolve(uri.host.strip("[]"), port)
        except OSError:
            raise UnroutableError(_ADDRESS_REFUSED, "The SIP address does not resolve.") from None
        if not self._guard.allows(host):
            raise UnroutableError(_ADDRESS_REFUSED, "Calls to this SIP address are not allowed.")
        transport: Literal["TCP", "UDP"] = "TCP" if uri.parameter("transport") == "tcp" else "UDP"
        return self._transports.flow(transport, Address(host, port))

    def _caller(self, caller: str) -> NameAddr:
        """The From of an outbound INVITE."""
        if caller.lower().startswith(("sip:", "sips:")):
            return NameAddr(uri=parse_uri(caller))
        host = _host(Address(_reachable(self._settings.sip_host), 0))
        return NameAddr(uri=Uri(user=caller, host=host, port=self._settings.sip_port))


async def _resolve(host: str, port: int) -> str:
    """The first IP address of `host`. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    return str(found[0][4][0])


def _reachable(host: str) -> str:
    """An address by which this machine reaches a listener on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _host(address: Address) -> str:
    return f"[{address.host}]" if ":" in address.host else address.host
