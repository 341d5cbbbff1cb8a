"""The bodies of a message: one, or the parts of a multipart (RFC 5621, RFC 2046 section 5.1).

The session description is found wherever it is. Other parts (ISUP, PIDF-LO, recording metadata) are left as they are:
who wants them reads them from the message. A multipart within a multipart is followed once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from offhook.errors import RemoteProtocolError
from offhook.sip.grammar import parameter, parse_parameters, unquote
from offhook.sip.message import Message

SDP = "application/sdp"

_MAX_PARTS = 16
"""Parts that are looked at; a call has two or three."""
_MAX_DEPTH = 2
_IDENTITIES = ("", "7bit", "8bit", "binary", "identity")


class Part(NamedTuple):
    """One body: its media type in lower case, its octets as sent, and what its headers say of it.

    `optional`: a receiver that does not know the type may leave it out. `plain`: it is sent without an encoding.
    """

    content_type: str
    body: bytes
    optional: bool
    plain: bool


def parts_of(message: Message) -> list[Part]:
    """The bodies of a message, in order; none when it has no body or does not say of which type it is.

    Raises:
        RemoteProtocolError: 400, a multipart cannot be taken apart.
    """
    content_type = message.get("Content-Type")
    if not message.body or content_type is None:
        return []
    whole = _part(
        content_type, message.get("Content-Disposition"), message.get("Content-Encoding"), message.body
    )
    return list(_flatten(whole, content_type, 1))


def session_description(message: Message) -> bytes | None:
    """The session description in a message, None when there is none that can be read."""
    if message.body and message.content_type in (SDP, None):
        return message.body
    try:
        return next(
            (item.body for item in parts_of(message) if item.content_type == SDP and item.plain), None
        )
    except RemoteProtocolError:
        return None


def is_multipart(content_type: str | None) -> bool:
    """Whether a media type is that of several bodies in one."""
    return content_type is not None and content_type.startswith("multipart/")


def _flatten(part: Part, header: str, depth: int) -> Iterator[Part]:
    """The leaves of a part; `header` is its Content-Type as written."""
    if not is_multipart(part.content_type):
        yield part
        return
    if depth > _MAX_DEPTH:
        return
    for inner_header, inner in _split(part.body, _boundary(header)):
        yield from _flatten(inner, inner_header, depth + 1)


def _boundary(header: str) -> bytes:
    start = header.find(";")
    found = parameter(parse_parameters(header, start), "boundary") if start >= 0 else None
    boundary = unquote(found or "")
    if not 0 < len(boundary) <= 70:
        raise RemoteProtocolError("multipart without a boundary", 400)
    return b"--" + boundary.encode()


def _split(body: bytes, delimiter: bytes) -> Iterator[tuple[str, Part]]:
    """The parts between delimiter lines: what stands before the first and after the last is not looked at."""
    pieces = (b"\r\n" + body).split(b"\r\n" + delimiter)
    if len(pieces) > _MAX_PARTS + 2:
        raise RemoteProtocolError("too many parts in a multipart", 400)
    closed = False
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            closed = True
            break
        line, _, rest = piece.partition(b"\r\n")
        if line.strip(b" \t"):
            raise RemoteProtocolError("malformed multipart", 400)
        yield _read_part(rest)
    if not closed:
        raise RemoteProtocolError("multipart without an end", 400)


def _read_part(text: bytes) -> tuple[str, Part]:
    """One part: header rows, an empty line, the octets. Without a Content-Type it is plain text (RFC 2046)."""
    head, _, body = (b"\r\n" + text).partition(b"\r\n\r\n")
    rows: dict[str, str] = {}
    for row in head.decode("latin-1").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n"):
        name, _, value = row.partition(":")
        rows.setdefault(name.strip().lower(), value.strip())
    content_type = rows.get("content-type", "text/plain")
    encoding = rows.get("content-encoding") or rows.get("content-transfer-encoding")
    return content_type, _part(content_type, rows.get("content-disposition"), encoding, body)


def _part(content_type: str, disposition: str | None, encoding: str | None, body: bytes) -> Part:
    return Part(
        content_type.split(";", 1)[0].strip().lower(),
        body,
        _is_optional(disposition or ""),
        (encoding or "").strip().lower() in _IDENTITIES,
    )


def _is_optional(disposition: str) -> bool:
    start = disposition.find(";")
    if start < 0:
        return False
    return (parameter(parse_parameters(disposition, start), "handling") or "").lower() == "optional"
