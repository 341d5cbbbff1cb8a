"""SIP, SIPS and tel URIs: RFC 3261 section 19.1, RFC 3966.

Escapes are kept as written, so that a URI is sent on exactly as it came; `user_text` decodes once, never
twice. URIs of other schemes are carried as opaque text, to be refused with 416 where it matters.
"""

from __future__ import annotations

import re
from urllib.parse import quote as percent_encode
from urllib.parse import unquote as percent_decode

import msgspec

from offhook.errors import RemoteProtocolError
from offhook.sip.flow import bracketed
from offhook.sip.grammar import HOST, MAX_PARAMETERS, Parameters, format_parameters, memoised, parameter

MAX_URI_LENGTH = 2048
"""Longer than any URI a phone, trunk or browser makes; RFC 4475's longest is under 1 kB."""

# SIP-URI = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
# userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"
# user = 1*( unreserved / escaped / user-unreserved ), user-unreserved = "&" / "=" / "+" / "$" / "," / ";"
# / "?" / "/"; besides, "#" and brackets are tolerated in the user part: dial strings carry them unescaped.
_SIP_URI = re.compile(
    r"(?i:(?P<scheme>sips?)):"
    r"(?:(?P<user>[^\s:@<>\"]+)(?::(?P<password>[^\s@<>\"]*))?@)?"
    rf"(?P<host>{HOST})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>(?:;[^\s;?<>\"@]+)*)"
    r"(?:\?(?P<headers>[^\s<>\"]*))?"
)

# absoluteURI = scheme ":" ( hier-part / opaque-part ), scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
_ABSOLUTE_URI = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+\-.]*):(?P<opaque>[^\s<>\"]+)")

_UNESCAPED_IN_USER = "-_.!~*'()&=+$,;?/"


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A URI as a request line, To, From or Contact carries it.

    For schemes other than sip and sips, `opaque` holds what follows the colon, and `host` is empty; a tel
    URI's number is in `user`.
    """

    scheme: str = "sip"
    user: str = ""
    password: str | None = None
    host: str = ""
    port: int | None = None
    parameters: Parameters = ()
    headers: str | None = None
    opaque: str | None = None

    @property
    def is_sip(self) -> bool:
        """Whether the scheme is sip or sips."""
        return self.scheme in ("sip", "sips")

    @property
    def user_text(self) -> str:
        """The user part with its escapes decoded, any octet among them."""
        return percent_decode(self.user) if "%" in self.user else self.user

    @property
    def header_fields(self) -> tuple[tuple[str, str], ...]:
        """What follows the question mark, decoded: the headers of a request to be made of the URI (19.1.1)."""
        pairs = (pair.partition("=") for pair in (self.headers or "").split("&") if pair)
        return tuple((percent_decode(name), percent_decode(value)) for name, _, value in pairs)

    @property
    def transport(self) -> str | None:
        """The transport parameter in upper case, None when there is none."""
        value = parameter(self.parameters, "transport")
        return value.upper() if value else None

    @property
    def address(self) -> str:
        """`host` without the brackets of an IPv6 literal."""
        return self.host.strip("[]")

    def without_headers(self) -> Uri:
        """The same as it may stand in a Request-URI, From or To (section 19.1.1)."""
        return self if self.headers is None else msgspec.structs.replace(self, headers=None)

    def parameter(self, name: str) -> str | None:
        """A URI parameter: None when absent, empty when it has no value."""
        return parameter(self.parameters, name)

    def __str__(self) -> str:
        if self.opaque is not None:
            return f"{self.scheme}:{self.opaque}"
        password = "" if self.password is None else f":{self.password}"
        userinfo = f"{self.user}{password}@" if self.user else ""
        port = "" if self.port is None else f":{self.port}"
        headers = "" if self.headers is None else f"?{self.headers}"
        return f"{self.scheme}:{userinfo}{self.host}{port}{format_parameters(self.parameters)}{headers}"


def sip_uri(user: str, host: str, port: int | None = None, *, transport: str | None = None) -> Uri:
    """A sip URI made from plain text: the user part is escaped, an IPv6 host bracketed.

    `transport` other than UDP becomes the transport parameter.
    """
    parameters: Parameters = ()
    if transport is not None and transport.upper() != "UDP":
        parameters = (("transport", transport.lower()),)
    return Uri(
        user=percent_encode(user, safe=_UNESCAPED_IN_USER),
        host=bracketed(host),
        port=port,
        parameters=parameters,
    )


@memoised
def parse_uri(text: str) -> Uri:
    """Read a URI.

    Raises:
        RemoteProtocolError: 400, it is no URI, or not a well-formed sip or sips one.
    """
    if len(text) > MAX_URI_LENGTH:
        raise RemoteProtocolError("URI too long", 414)
    match = _SIP_URI.fullmatch(text)
    if match is None:
        return _parse_other(text)
    port = match["port"]
    if port is not None and not 0 < int(port) <= 65535:
        raise RemoteProtocolError("port out of range in a URI", 400)
    return Uri(
        scheme=match["scheme"].lower(),
        user=match["user"] or "",
        password=match["password"],
        host=match["host"],
        port=None if port is None else int(port),
        parameters=_uri_parameters(match["parameters"]),
        headers=match["headers"],
    )


def _parse_other(text: str) -> Uri:
    match = _ABSOLUTE_URI.fullmatch(text)
    if match is None or match["scheme"].lower() in ("sip", "sips"):
        raise RemoteProtocolError("malformed URI", 400)
    scheme, opaque = match["scheme"], match["opaque"]
    number = opaque.split(";", 1)[0] if scheme.lower() == "tel" else ""
    return Uri(scheme=scheme, user=number, opaque=opaque)


def _uri_parameters(text: str) -> Parameters:
    if not text:
        return ()
    found: list[tuple[str, str | None]] = []
    for part in text[1:].split(";"):
        name, equals, value = part.partition("=")
        found.append((name.lower(), value if equals else None))
    if len(found) > MAX_PARAMETERS:
        raise RemoteProtocolError("too many URI parameters", 400)
    return tuple(found)
