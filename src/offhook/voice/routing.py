"""Where an outbound call goes, and whose an inbound one is.

* A number of the platform is called on the platform itself, over its own SIP port.
* Any other number goes to a trunk, the first by priority that can take it.
* An application is called on the platform itself too; in a header the INVITE says what its webhooks will.
* A ``sip:`` address of this platform goes to where its phone registered, to all places at once; any other to its host,
  if the address guard allows it.

An INVITE is trusted for where it comes from: a trunk (`offhook.voice.trunks`), or ourselves (shown by a token that no
one else knows). Everyone else has to authenticate. Nobody can call through the platform to a number it does not own.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from urllib.parse import urlencode

from offhook.clock import monotonic
from offhook.config import Settings
from offhook.delivery.guard import Guard
from offhook.errors import RemoteProtocolError
from offhook.signalling.routes import WILDCARDS, reachable
from offhook.signalling.transports import SipTransports
from offhook.sip.attempt import Target
from offhook.sip.dialog import is_address
from offhook.sip.digest import Credentials
from offhook.sip.flow import DEFAULT_PORT, TCP, UDP, Address, Flow
from offhook.sip.headers import NameAddr
from offhook.sip.message import Field, Request
from offhook.sip.uri import Uri, parse_uri, sip_uri
from offhook.store.records import ApplicationRecord, NumberRecord, SipCredentialRecord
from offhook.twiml.effects import DialApplication, DialClient, DialSip, DialTarget
from offhook.voice.leg import Destination
from offhook.voice.trunks import Route, Trunks, addresses_of

LOOP_HEADER = "X-Offhook-Loop"
"""Says that an INVITE is the platform's own, on its way to one of its numbers."""

APPLICATION_HEADER = "X-Offhook-Application"
"""What the call to an application is: ``From``, ``To``, and what else its webhooks say, as a form has it."""

_NOT_REGISTERED = 32009
_NO_APPLICATION = 21218
_NO_VOICE_URL = 11100
_NO_TRUNK = 32011
_BAD_SIP_URI = 13243
_ADDRESS_REFUSED = 13254
_BAD_NUMBER = 13223

_PASSED_HEADER = re.compile(r"X-[\w.!%*+`'~-]{1,100}|User-to-User", re.IGNORECASE | re.ASCII)
"""Headers that a called address may bring along (``sip:…?X-Account=7``), as Twilio has it; all others are dropped."""


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
        find_phone: Callable[[str], Awaitable[SipCredentialRecord | None]],
        find_application: Callable[[str], Awaitable[ApplicationRecord | None]],
    ) -> None:
        """Look up: an E.164 number among those the platform owns, a phone by its user, an application by its SID."""
        self._settings = settings
        self._transports = transports
        self._guard = guard
        self._find_number = find_number
        self._find_phone = find_phone
        self._find_application = find_application
        self._token = secrets.token_hex(16)
        self.trunks = Trunks(settings.trunks)

    def is_our_own(self, request: Request) -> bool:
        """Whether an INVITE is our own, come back."""
        token = request.get(LOOP_HEADER)
        return token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    async def destination(
        self, called: str, caller: str, account_sid: str, *, sip: DialTarget | None = None
    ) -> Destination:
        """Where to send the INVITE to `called` (E.164 or a ``sip:`` address). Raises UnroutableError."""
        if isinstance(sip, DialApplication):
            return await self._to_application(sip, caller, account_sid)
        if called.lower().startswith(("sip:", "sips:")):
            return await self._to_address(called, caller, sip if isinstance(sip, DialSip) else None)
        if called.startswith("client:"):
            headers = sip.headers if isinstance(sip, DialClient) else ()
            return await self._to_client(called.removeprefix("client:"), caller, account_sid, headers)
        if not called.removeprefix("+").isdigit():
            raise UnroutableError(_BAD_NUMBER, "The number to call is not valid.")
        if await self._find_number(called) is not None:
            return self._to_ourselves(called, caller)
        return self._to_trunks(called, caller)

    async def _to_application(self, target: DialApplication, caller: str, account_sid: str) -> Destination:
        """An application is the account's own, or lets others dial it (PublicApplicationConnectEnabled)."""
        found = await self._find_application(target.sid)
        if found is None or (
            found.account_sid != account_sid and not found.public_application_connect_enabled
        ):
            raise UnroutableError(_NO_APPLICATION, "There is no such application.")
        if not found.voice_url:
            raise UnroutableError(_NO_VOICE_URL, "The application has no voice URL.")
        told = (("From", caller), ("To", target.to), ("CustomerId", target.customer_id or account_sid))
        own = self._to_ourselves(target.sid, caller)
        header = (APPLICATION_HEADER, urlencode((*told, *target.parameters)))
        return replace(own, headers=(*own.headers, header))

    def _to_ourselves(self, called: str, caller: str) -> Destination:
        own = Address(reachable(self._settings.sip_host), self._settings.sip_port)
        flow = self._transports.flow(UDP, own)
        to = sip_uri(called, own.host, own.port)
        headers = ((LOOP_HEADER, self._token),)
        return Destination(flow, str(to), self._caller(caller, flow), NameAddr(uri=to), headers)

    def _to_trunks(self, called: str, caller: str) -> Destination:
        routes = self.trunks.routes()
        if not routes:
            raise UnroutableError(_NO_TRUNK, "The name of no trunk resolves to an address.")
        first, *others = (self._to_trunk(route, called) for route in routes)
        return Destination(
            first.destination,
            first.request_uri,
            self._caller(caller, first.destination),
            NameAddr(uri=parse_uri(first.request_uri)),
            credentials=first.credentials,
            otherwise=tuple(others),
        )

    def _to_trunk(self, route: Route, called: str) -> Target:
        trunk = route.trunk
        flow = self._transports.flow(trunk.transport.upper(), route.address)
        uri = sip_uri(called, route.address.host, route.address.port, transport=trunk.transport)
        credentials = Credentials(trunk.username, trunk.password) if trunk.username else None
        return Target(str(uri), str(NameAddr(uri=uri)), flow, credentials=credentials)

    async def _to_address(self, called: str, caller: str, noun: DialSip | None) -> Destination:
        try:
            uri = parse_uri(called)
        except RemoteProtocolError:
            raise UnroutableError(_BAD_SIP_URI, "The SIP address is not valid.") from None
        if (reason := _refusal(uri)) is not None:
            raise UnroutableError(_BAD_SIP_URI, reason)
        headers = _passed_headers(uri, noun)
        uri = uri.without_headers()
        to = NameAddr(uri=uri)
        credentials = None
        if noun is not None and noun.username is not None:
            credentials = Credentials(noun.username, noun.password or "")
        address = await self._resolve(uri)
        if self._is_ours(address):
            return self._to_phone(uri.user_text, caller, to, headers, credentials)
        if not self._guard.allows(address.host):
            raise UnroutableError(_ADDRESS_REFUSED, "Calls to this SIP address are not allowed.")
        flow = self._transports.flow(TCP if uri.transport == TCP else UDP, address)
        return Destination(flow, str(uri), self._caller(caller, flow), to, headers, credentials)

    async def _to_client(
        self, identity: str, caller: str, account_sid: str, headers: tuple[Field, ...]
    ) -> Destination:
        """A client is a phone that is registered under its identity, which has to be the account's."""
        owner = await self._find_phone(identity)
        if owner is None or owner.account_sid != account_sid:
            raise UnroutableError(_NOT_REGISTERED, "There is no such client.")
        to = sip_uri(identity, reachable(self._settings.sip_host), self._settings.sip_port)
        return self._to_phone(identity, caller, NameAddr(uri=to), headers, None)

    def _to_phone(
        self,
        user: str,
        caller: str,
        to: NameAddr,
        headers: tuple[Field, ...],
        credentials: Credentials | None,
    ) -> Destination:
        """All places where one of our phones is registered ring; the newest one counts as the call's."""
        bindings = self._transports.endpoint.bindings(user, monotonic())
        if not bindings:
            raise UnroutableError(_NOT_REGISTERED, "The phone called is not registered.")
        first, *others = (
            Target(str(binding.contact), str(to), binding.flow, credentials=credentials)
            for binding in bindings
        )
        flow = first.destination
        return Destination(
            flow,
            first.request_uri,
            self._caller(caller, flow),
            to,
            headers,
            credentials,
            beside=tuple(others),
        )

    async def _resolve(self, uri: Uri) -> Address:
        """The address of a SIP URI's host."""
        port = uri.port or DEFAULT_PORT
        if uri.host == "localhost":
            return Address(reachable(self._settings.sip_host), port)
        if is_address(uri.address):
            return Address(uri.address, port)
        try:
            found = await addresses_of(uri.address)
        except OSError:
            raise UnroutableError(_ADDRESS_REFUSED, "The SIP address does not resolve.") from None
        return Address(found[0], port)

    def _is_ours(self, address: Address) -> bool:
        """Whether an address is this platform's own, by any of the names it has."""
        if address.port != self._settings.sip_port:
            return False
        settings = self._settings
        known = (settings.sip_host, reachable(settings.sip_host), settings.public_address)
        return address.host in known or (
            settings.sip_host in WILDCARDS and self._transports.is_local(address.host)
        )

    def _caller(self, caller: str, flow: Flow) -> NameAddr:
        """The From of an outbound INVITE: what the peer of `flow` can call back."""
        if caller.lower().startswith(("sip:", "sips:")):
            try:
                return NameAddr(uri=parse_uri(caller).without_headers())
            except RemoteProtocolError:
                caller = caller.partition(":")[2].partition("@")[0]
        caller = caller.removeprefix("client:")
        own = self._transports.endpoint.advertised(flow)
        return NameAddr(uri=sip_uri(caller, own.host, own.port))


def _refusal(uri: Uri) -> str | None:
    """Why an address cannot be called. What asks for TLS is never called in clear."""
    if uri.scheme == "sips" or uri.transport == "TLS":
        return "The SIP address asks for TLS, which is not built yet."
    if not uri.is_sip or not uri.host:
        return "The SIP address is not valid."
    if uri.transport not in (None, UDP, TCP):
        return "The SIP address asks for a transport other than udp and tcp."
    return None


def _passed_headers(uri: Uri, noun: DialSip | None) -> tuple[Field, ...]:
    """The headers that come with an address: TwiML's were looked at before, the REST API's are in the address."""
    passed = tuple(field for field in uri.header_fields if _PASSED_HEADER.fullmatch(field[0]))
    if any(not value.isprintable() for _, value in passed):
        raise UnroutableError(_BAD_SIP_URI, "A header in the SIP address has characters that cannot be sent.")
    return (*(noun.headers if noun is not None else ()), *passed)
