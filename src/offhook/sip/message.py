"""SIP requests and responses as values, and their octets (RFC 3261 section 7).

Header rows are kept in order, as (name, value) with names in their usual long spelling and values unfolded;
what has a structure is read from them on demand. `parser.py` makes messages from octets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.sip.grammar import is_token, split_list
from offhook.sip.headers import CSeq, NameAddr, Via, parse_cseq, parse_name_addr, parse_via
from offhook.sip.uri import Uri, parse_uri

Field = tuple[str, str]

COMPACT = {
    "a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
    "e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
    "l": "Content-Length", "m": "Contact", "o": "Event", "r": "Refer-To", "s": "Subject", "t": "To",
    "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}  # fmt: skip
"""Compact forms: RFC 3261 section 7.3.3 and the IANA registry."""

_LONG = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Authorization", "Call-ID",
    "Call-Info", "Contact", "Content-Disposition", "Content-Encoding", "Content-Language",
    "Content-Length", "Content-Type", "CSeq", "Date", "Diversion", "Expires", "From", "History-Info",
    "In-Reply-To", "Max-Forwards", "Min-Expires", "Min-SE", "MIME-Version", "Organization",
    "P-Asserted-Identity", "P-Preferred-Identity", "Path", "Priority", "Privacy", "Proxy-Authenticate",
    "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-Sub", "Refer-To",
    "Referred-By", "Remote-Party-ID", "Replaces", "Reply-To", "Require", "Retry-After", "Route", "RSeq", "Server",
    "Service-Route", "Session-Expires", "SIP-ETag", "Subject", "Subscription-State", "Supported", "Timestamp", "To",
    "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)  # fmt: skip

NAMES = {**COMPACT, **{name.lower(): name for name in _LONG}}
"""Every known spelling, in lower case, and the one used here."""

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently",
    302: "Moved Temporarily", 305: "Use Proxy", 380: "Alternative Service", 400: "Bad Request",
    401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief",
    430: "Flow Failed", 433: "Anonymity Disallowed", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
    484: "Address Incomplete", 485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending", 493: "Undecipherable",
    500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip
"""RFC 3261 section 21 and the later ones in use; sent when no reason is given."""


def canonical_name(name: str) -> str:
    """The spelling under which rows are kept: the usual long one, or `name` when it is not known."""
    return NAMES.get(name.lower(), name)


_OWN = frozenset(
    {"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Length", "Content-Type", "Route",
     "Record-Route", "Max-Forwards", "Require", "Proxy-Require"}
)  # fmt: skip
"""Rows that this side writes itself; an application that adds one would break the transaction or the dialog."""

_TEXT = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


def checked_text(text: str) -> str:
    """`text`, which somebody else chose, when it can stand in a header row.

    Raises:
        LocalProtocolError: it has a line end or another control character, which would begin a row of its
        own.
    """
    if _TEXT.fullmatch(text) is None:
        raise LocalProtocolError("control character in a header value")
    return text


def checked_fields(fields: Iterable[Field], *, contact: bool = False) -> tuple[Field, ...]:
    """Rows that an application adds; `contact` allows Contact, which a 3xx needs.

    Raises:
        LocalProtocolError: one is not well formed, or is not for an application to write.
    """
    rows = tuple((canonical_name(name), checked_text(value)) for name, value in fields)
    for name, _ in rows:
        if not is_token(name) or (name in _OWN and not (contact and name == "Contact")):
            raise LocalProtocolError(f"header {name!r} cannot be added")
    return rows


class Message(msgspec.Struct, frozen=True):
    """What requests and responses share. `fields` are all header rows but Content-Length."""

    fields: tuple[Field, ...]
    body: bytes

    def get(self, name: str) -> str | None:
        """The first row of that name (any case or compact form), None when there is none."""
        folded = name.lower()
        known = NAMES.get(folded)
        if known is None:
            return next((value for key, value in self.fields if key.lower() == folded), None)
        for key, value in self.fields:
            if key == known:
                return value
        return None

    def get_all(self, name: str) -> list[str]:
        """All rows of that name, in order, as written: a row may hold several values."""
        folded = canonical_name(name).lower()
        return [value for key, value in self.fields if key.lower() == folded]

    def values(self, name: str) -> list[str]:
        """All values of a comma-separated header, in order.

        Raises:
            RemoteProtocolError: 400, a row cannot be split.
        """
        return [value for row in self.get_all(name) for value in split_list(row)]

    def require(self, name: str) -> str:
        """The first row of that name.

        Raises:
            RemoteProtocolError: 400, there is none.
        """
        for key, value in self.fields:
            if key == name:
                return value
        found = self.get(name)
        if found is None:
            raise RemoteProtocolError(f"{name} is missing", 400)
        return found

    @property
    def via(self) -> Via:
        """The topmost Via."""
        return parse_via(split_list(self.require("Via"))[0])

    @property
    def from_(self) -> NameAddr:
        """The From."""
        return parse_name_addr(self.require("From"))

    @property
    def to(self) -> NameAddr:
        """The To."""
        return parse_name_addr(self.require("To"))

    @property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.require("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """The CSeq."""
        return parse_cseq(self.require("CSeq"))

    @property
    def content_type(self) -> str | None:
        """The media type in lower case without its parameters, None when there is none."""
        value = self.get("Content-Type")
        return None if value is None else value.split(";", 1)[0].strip().lower()

    def _encode(self, start_line: str) -> bytes:
        rows = "".join([f"{name}: {value}\r\n" for name, value in self.fields])
        head = f"{start_line}\r\n{rows}Content-Length: {len(self.body)}\r\n\r\n"
        return head.encode() + self.body


class Request(Message, frozen=True):
    """A request. `uri` is the Request-URI as written."""

    method: str
    uri: str

    @property
    def request_uri(self) -> Uri:
        """The Request-URI.

        Raises:
            RemoteProtocolError: 400, it is malformed.
        """
        return parse_uri(self.uri)

    @property
    def summary(self) -> str:
        """The first line without the version: `INVITE sip:…`."""
        return f"{self.method} {self.uri}"

    def encode(self) -> bytes:
        """The octets to send, Content-Length included."""
        return self._encode(f"{self.method} {self.uri} SIP/2.0")


class Response(Message, frozen=True):
    """A response."""

    status: int
    reason: str

    @property
    def summary(self) -> str:
        """The first line without the version: `200 OK`."""
        return f"{self.status} {self.reason}"

    def encode(self) -> bytes:
        """The octets to send, Content-Length included."""
        return self._encode(f"SIP/2.0 {self.status} {self.reason}")


_COPIED = frozenset({"Via", "From", "Call-ID", "CSeq", "Timestamp"})
"""Rows that a response copies from its request: RFC 3261 section 8.2.6.2."""


def response_to(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    fields: Iterable[Field] = (),
    body: bytes = b"",
) -> Response:
    """The response to a request: what section 8.2.6.2 copies, then `fields`.

    `to_tag` is added to the To of a request that has none. Rows that the request lacks are not invented.
    """
    copied: list[Field] = []
    for field in request.fields:
        if field[0] in _COPIED and (field[0] != "Timestamp" or status == 100):
            copied.append(field)
        elif field[0] == "To":
            copied.append(("To", _tagged(field[1], to_tag)))
    text = REASONS.get(status, "Unknown") if reason is None else reason
    return Response(tuple(copied + list(fields)), body, status, text)


def _tagged(to: str, tag: str | None) -> str:
    if tag is None:
        return to
    try:
        address = parse_name_addr(to)
    except RemoteProtocolError:
        return to
    if address.tag is not None:
        return to
    return f"{to};tag={tag}"
