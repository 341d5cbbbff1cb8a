"""From octets to messages (RFC 3261 sections 7 and 25), and what a message must have to be worked on (8.1.1).

`parse_message` raises nothing but `RemoteProtocolError`. Its subclass `BadMessageError` carries what could
still be read of a request, so that it can be answered. Syntax is strict where leniency would let two readers
see two messages (bare CR or LF, repeated Content-Length, white space in the start line), lenient elsewhere.
"""

from __future__ import annotations

import re

from offhook.errors import RemoteProtocolError
from offhook.sip.grammar import TOKEN, is_token, split_list
from offhook.sip.headers import parse_cseq, parse_name_addr, parse_name_addrs, parse_via
from offhook.sip.message import NAMES, Field, Message, Request, Response
from offhook.sip.uri import MAX_URI_LENGTH

MAX_MESSAGE = 65_535
"""A UDP datagram cannot be longer; a stream message need not be (section 18.1.1)."""
MAX_FIELDS = 200
"""The torture test's longest stack has 45 rows; a call through many proxies stays under 100."""
MAX_FIELD_LENGTH = 8_192
"""One row, folded lines joined. STIR Identity rows are the longest in the field, at about 2 kB."""
MAX_VALUES = 256
"""Values of all rows of Via, Route, Record-Route and Contact together: each is read, and most are sent back."""

# Request-Line = Method SP Request-URI SP SIP-Version CRLF
_REQUEST_LINE = re.compile(rf"({TOKEN}) (\S+) (SIP/[0-9]+\.[0-9]+)", re.IGNORECASE)

# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase CRLF; the last SP may be missing with an empty
# reason
_STATUS_LINE = re.compile(r"(SIP/[0-9]+\.[0-9]+) ([0-9]{3})(?: (.*))?", re.IGNORECASE)

# The end of one folded line and the beginning of the next: LWS = [*WSP CRLF] 1*WSP. What stands before the CRLF
# is left as it is: an expression that took it too would look at long runs of blanks again and again.
_FOLD = re.compile(r"\r\n[ \t]+")

# CTL octets stand in quoted pairs only
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_SINGLE = frozenset({"From", "To", "Call-ID", "CSeq", "Max-Forwards"})
"""Rows whose syntax is checked on arrival: routing, dialogs and transactions rest on them."""
_REQUIRED = ("Via", "From", "To", "Call-ID", "CSeq")


class BadMessageError(RemoteProtocolError):
    """A message that cannot be worked on. `request` is what can be answered, None when nothing can."""

    def __init__(self, message: str, status: int | None, request: Request | None = None) -> None:
        super().__init__(message, status)
        self.request = request


def parse_message(data: bytes) -> Request | Response:
    """Read one message; octets after its body are ignored, as after a datagram's (section 18.3).

    Raises:
        BadMessageError: with the status to answer a request with.
    """
    head, separator, rest = data.partition(b"\r\n\r\n")
    if not separator or len(data) > MAX_MESSAGE:
        raise BadMessageError(
            "no end of headers" if len(data) <= MAX_MESSAGE else "message too long", 400, salvage(head)
        )
    message: Request | Response | None = None
    try:
        text = _decode(head)
        start_line, _, rows = text.partition("\r\n")
        fields, length = _parse_fields(rows)
        body = _cut_body(rest, length)
        message = _parse_start(start_line, tuple(fields), body)
        _check_syntax(message)
    except RemoteProtocolError as error:
        raise BadMessageError(str(error), error.status, salvage(head)) from None
    return message


def check_essentials(message: Message) -> None:
    """Check that the rows that every message needs are there, each once (section 8.1.1).

    Raises:
        RemoteProtocolError: 400.
    """
    seen: set[str] = set()
    for name, _ in message.fields:
        if name in _SINGLE and name in seen:
            raise RemoteProtocolError(f"{name} given twice", 400)
        seen.add(name)
    for name in _REQUIRED:
        if name not in seen:
            raise RemoteProtocolError(f"{name} is missing", 400)


def _decode(head: bytes) -> str:
    """Headers are UTF-8; older phones write Latin-1, which reads any octet."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    if not text.count("\r") == text.count("\n") == text.count("\r\n"):
        raise RemoteProtocolError("bare CR or LF in the headers", 400)
    for match in _CONTROL.finditer(text):
        if text[match.start() - 1] != "\\":
            raise RemoteProtocolError("control character in the headers", 400)
    return text


def _parse_start(line: str, fields: tuple[Field, ...], body: bytes) -> Request | Response:
    match = _STATUS_LINE.fullmatch(line)
    if match is not None:
        status = int(match[2])
        if match[1].upper() != "SIP/2.0" or not 100 <= status <= 699:
            raise RemoteProtocolError("status line out of range", None)
        return Response(fields, body, status, match[3] or "")
    if line[:4].upper() == "SIP/":
        raise RemoteProtocolError("malformed status line", None)
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise RemoteProtocolError("malformed request line", 400)
    if match[3].upper() != "SIP/2.0":
        raise RemoteProtocolError("unknown SIP version", 505)
    if len(match[2]) > MAX_URI_LENGTH:
        raise RemoteProtocolError("Request-URI too long", 414)
    return Request(fields, body, match[1], match[2])


def _parse_fields(rows: str) -> tuple[list[Field], int | None]:
    """All rows but Content-Length, and its value."""
    if "\r\n " in rows or "\r\n\t" in rows:
        rows = _FOLD.sub(" ", rows)
    lines = rows.split("\r\n") if rows else []
    if len(lines) > MAX_FIELDS:
        raise RemoteProtocolError("too many headers", 400)
    fields: list[Field] = []
    length: int | None = None
    for line in lines:
        name, value = _parse_field(line)
        if name == "Content-Length":
            if length is not None:
                raise RemoteProtocolError("Content-Length given twice", 400)
            length = content_length(value)
        else:
            fields.append((name, value))
    return fields, length


def _parse_field(line: str) -> Field:
    """Read one row. message-header = field-name *( SP / HTAB ) ":" SWS field-value"""
    if len(line) > MAX_FIELD_LENGTH:
        raise RemoteProtocolError("header too long", 400)
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    known = NAMES.get(name.lower())
    if known is None and not (colon and is_token(name)):
        raise RemoteProtocolError("malformed header", 400)
    return known or name, value.strip(" \t")


def content_length(text: str) -> int:
    """Read a Content-Length.

    Raises:
        RemoteProtocolError: 400, it is not a number; 513, it is more than a message may have.
    """
    if not (text.isascii() and text.isdigit()):
        raise RemoteProtocolError("malformed Content-Length", 400)
    if len(text) > 9 or int(text) > MAX_MESSAGE:
        raise RemoteProtocolError("message too large", 513)
    return int(text)


def _cut_body(rest: bytes, length: int | None) -> bytes:
    if length is None:
        return rest
    if length > len(rest):
        raise RemoteProtocolError("Content-Length beyond the end of the message", 400)
    return rest[:length]


def _check_syntax(message: Request | Response) -> None:
    """Check the rows that transactions, dialogs and routing read. Absent ones are not missed here."""
    values = 0
    for name, value in message.fields:
        match name:
            case "Via":
                items = split_list(value)
                values += len(items)
                for item in items:
                    parse_via(item)
            case "From" | "To":
                parse_name_addr(value)
            case "CSeq":
                cseq = parse_cseq(value)
                if isinstance(message, Request) and cseq.method != message.method:
                    raise RemoteProtocolError("CSeq method differs from the request's", 400)
            case "Contact" if value != "*":
                values += len(parse_name_addrs([value]))
            case "Route" | "Record-Route":
                values += len(parse_name_addrs([value]))
            case "Max-Forwards":
                if not (value.isascii() and value.isdigit() and len(value) <= 9):
                    raise RemoteProtocolError("malformed Max-Forwards", 400)
        if values > MAX_VALUES:
            raise RemoteProtocolError("too many Via, Route or Contact values", 400)
    if isinstance(message, Request):
        _ = message.request_uri


def salvage(head: bytes) -> Request | None:
    """A request with what can be read of a broken one's head, if there is enough of it to answer."""
    lines = _FOLD.sub(" ", head[:MAX_MESSAGE].decode("latin-1")).split("\r\n")
    method, _, rest = lines[0].partition(" ")
    if not rest or method[:4].upper() == "SIP/" or re.fullmatch(TOKEN, method) is None:
        return None
    fields: list[Field] = []
    for line in lines[1 : MAX_FIELDS + 1]:
        try:
            name, value = _parse_field(line)
        except RemoteProtocolError:
            continue
        if name in ("Via", *_SINGLE) and not _CONTROL.search(line) and "\r" not in line and "\n" not in line:
            fields.append((name, value))
    request = Request(tuple(fields), b"", method, "")
    return request if request.get("Via") and request.get("CSeq") else None
