"""Values of the headers that carry a call: Via, From, To, Contact, Route, CSeq (RFC 3261 section 20).

Every value type parses from and prints to the text of one header value. Parsing is memoised, because the
values of a call come back in each of its messages.
"""

from __future__ import annotations

import re

import msgspec

from offhook.errors import RemoteProtocolError
from offhook.sip.flow import DEFAULT_PORT
from offhook.sip.grammar import (
    HOST,
    QUOTED,
    TOKEN,
    Parameters,
    format_parameters,
    memoised,
    parameter,
    parse_parameters,
    quote,
    split_list,
    unquote,
)
from offhook.sip.uri import Uri, parse_uri

MAX_CSEQ = 2**31 - 1
"""RFC 3261 section 8.1.1.5: a CSeq number is below 2**31."""
MAX_DELTA_SECONDS = 2**32 - 1
"""RFC 3261 section 20.19: an Expires is below 2**32; larger ones are read as this."""
MAGIC_COOKIE = "z9hG4bK"
"""Section 8.1.1.7: a branch that starts like this is unique, and may be matched by itself."""

# via-parm = sent-protocol LWS sent-by *( SEMI via-params )
# sent-protocol = protocol-name SLASH protocol-version SLASH transport; sent-by = host [ COLON port ]
_VIA = re.compile(
    rf"\s*SIP\s*/\s*2\.0\s*/\s*({TOKEN})\s+({HOST})(?:\s*:\s*([0-9]{{1,5}}))?(?=[\s;]|$)",
    re.IGNORECASE,
)

# display-name = *(token LWS) / quoted-string. An unquoted name may hold any octet but those that delimit, since
# phones write names in UTF-8 without quotes.
_QUOTED_NAME = re.compile(rf"({QUOTED})\s*<")
_PLAIN_NAME = re.compile(r'([^"<>,;\\]*)<')

# name-addr = [ display-name ] LAQUOT addr-spec RAQUOT
_BRACKETED = re.compile(r"([^<>\s]*)>")

# addr-spec outside brackets must not contain comma, semicolon or question mark (section 20)
_ADDR_SPEC = re.compile(r'([^\s;,?<>"]+)')

# CSeq = 1*DIGIT LWS Method
_CSEQ = re.compile(rf"([0-9]{{1,40}})\s+({TOKEN})")


class Via(msgspec.Struct, frozen=True):
    """One hop of a Via stack. `host` keeps the brackets of an IPv6 literal."""

    transport: str
    host: str
    port: int | None
    parameters: Parameters

    @property
    def branch(self) -> str:
        """The branch, empty when there is none."""
        return parameter(self.parameters, "branch") or ""

    @property
    def sent_by(self) -> str:
        """`host:port` with the default port filled in, as section 17.2.3 compares it."""
        return f"{self.host}:{self.port or DEFAULT_PORT}"

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {self.host}{port}{format_parameters(self.parameters)}"


class NameAddr(msgspec.Struct, frozen=True):
    """The value of From, To, Contact, Route, Record-Route, P-Asserted-Identity…"""

    uri: Uri
    display_name: str = ""
    parameters: Parameters = ()

    @property
    def tag(self) -> str | None:
        """The tag, None when there is none."""
        return parameter(self.parameters, "tag") or None

    def parameter(self, name: str) -> str | None:
        """A header parameter: None when absent, empty when it has no value."""
        return parameter(self.parameters, name)

    def with_tag(self, tag: str) -> NameAddr:
        """The same with another tag."""
        rest = tuple(item for item in self.parameters if item[0] != "tag")
        return NameAddr(self.uri, self.display_name, (*rest, ("tag", tag)))

    def __str__(self) -> str:
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{format_parameters(self.parameters)}"


class CSeq(msgspec.Struct, frozen=True):
    """A CSeq value."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@memoised
def parse_via(text: str) -> Via:
    """Read one Via value.

    Raises:
        RemoteProtocolError: 400.
    """
    match = _VIA.match(text)
    if match is None:
        raise RemoteProtocolError("malformed Via", 400)
    port = match[3]
    if port is not None and not 0 < int(port) <= 65535:
        raise RemoteProtocolError("port out of range in Via", 400)
    parameters = parse_parameters(text, match.end())
    return Via(match[1].upper(), match[2], None if port is None else int(port), parameters)


@memoised
def parse_name_addr(text: str) -> NameAddr:
    """Read one name-addr or addr-spec with its header parameters.

    Raises:
        RemoteProtocolError: 400.
    """
    text = text.strip()
    start = (_QUOTED_NAME if text[:1] == '"' else _PLAIN_NAME).match(text)
    match = _ADDR_SPEC.match(text) if start is None else _BRACKETED.match(text, start.end())
    if match is None:
        raise RemoteProtocolError("malformed address", 400)
    name = "" if start is None else unquote(start[1].strip())
    return NameAddr(parse_uri(match[1]), name, parse_parameters(text, match.end()))


def parse_name_addrs(rows: list[str]) -> list[NameAddr]:
    """Read all values of rows such as Contact's (without `*`), Route's or P-Asserted-Identity's, in order.

    Raises:
        RemoteProtocolError: 400.
    """
    return [parse_name_addr(value) for row in rows for value in split_list(row)]


@memoised
def parse_cseq(text: str) -> CSeq:
    """Read a CSeq.

    Raises:
        RemoteProtocolError: 400, also for a number of 2**31 or more.
    """
    match = _CSEQ.fullmatch(text)
    if match is None:
        raise RemoteProtocolError("malformed CSeq", 400)
    number = int(match[1])
    if number > MAX_CSEQ:
        raise RemoteProtocolError("CSeq number out of range", 400)
    return CSeq(number, match[2])


def parse_delta_seconds(text: str) -> int | None:
    """Read seconds of Expires or Retry-After: what is too large is capped, what is not a number is None."""
    digits = text.split(";", 1)[0].split("(", 1)[0].strip()
    if not (digits.isascii() and digits.isdigit()):
        return None
    return MAX_DELTA_SECONDS if len(digits) > 10 else min(int(digits), MAX_DELTA_SECONDS)
