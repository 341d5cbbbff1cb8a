"""Session descriptions as values and as text: RFC 4566.

What negotiation needs is parsed; every other line is skipped, since SDP says to ignore what one does not
know. Parsing is lenient about line ends (RFC 4566 section 5 asks for it) and strict about numbers and limits.
"""

from __future__ import annotations

from itertools import pairwise

from msgspec import Struct

from offhook.errors import RemoteProtocolError
from offhook.sdp.address import Family, family_of, is_name

MAX_LENGTH = 16_384
"""An offer with every codec and ICE candidate a browser knows is under 10 kB."""
MAX_LINES = 500
MAX_MEDIA = 32
"""Streams of one session; browsers with many participants bundle more, phones have two."""
MAX_FORMATS = 128
"""Payload types are seven bits."""


class Connection(Struct, frozen=True):
    """A c= line. `host` is an address literal or a name, whose family only the line says."""

    host: str
    named_family: Family = "IP4"

    @property
    def family(self) -> Family:
        """An address says itself what it is; peers err about it in the line."""
        return self.named_family if is_name(self.host) else family_of(self.host)


class Media(Struct, frozen=True):
    """An m= section: kind ("audio"), port, protocol ("RTP/AVP"), formats and attributes, all as written.

    An attribute is (name, value), value None for flags.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    connection: Connection | None = None
    attributes: tuple[tuple[str, str | None], ...] = ()

    def attribute(self, name: str) -> str | None:
        """The value of the first attribute of that name: None when absent, empty for a flag."""
        return next((value or "" for key, value in self.attributes if key == name), None)


class Description(Struct, frozen=True):
    """A session: who made it (o=), where it is received, and its media."""

    session_id: str
    version: str
    host: str
    connection: Connection | None = None
    attributes: tuple[tuple[str, str | None], ...] = ()
    media: tuple[Media, ...] = ()


def parse(data: bytes) -> Description:
    """Read a description.

    Raises:
        RemoteProtocolError: 488, it is none, or over the limits.
    """
    if len(data) > MAX_LENGTH:
        raise RemoteProtocolError("session description too long", 488)
    lines = [line for line in data.decode("utf-8", "replace").replace("\r", "").split("\n") if line]
    if not lines or lines[0] != "v=0" or len(lines) > MAX_LINES:
        raise RemoteProtocolError("not a session description of version 0", 488)
    starts = [index for index, line in enumerate(lines) if line.startswith("m=")]
    if len(starts) > MAX_MEDIA:
        raise RemoteProtocolError("too many media", 488)
    bounds = [*starts, len(lines)]
    session = lines[1 : bounds[0]]
    media = tuple(_parse_media(lines[start:end]) for start, end in pairwise(bounds))
    origin = next((line[2:].split() for line in session if line.startswith("o=")), [])
    if len(origin) != 6:
        raise RemoteProtocolError("malformed o= line", 488)
    return Description(origin[1], origin[2], origin[5], _connection(session), _attributes(session), media)


def serialize(description: Description) -> bytes:
    """The text of a description."""
    family = Connection(description.host).family
    lines = [
        "v=0",
        f"o=- {description.session_id} {description.version} IN {family} {description.host}",
        "s=-",
        *_connection_lines(description.connection),
        "t=0 0",
        *_attribute_lines(description.attributes),
    ]
    for media in description.media:
        lines.append(f"m={media.kind} {media.port} {media.protocol} {' '.join(media.formats)}")
        lines += _connection_lines(media.connection)
        lines += _attribute_lines(media.attributes)
    return ("\r\n".join(lines) + "\r\n").encode()


def _parse_media(lines: list[str]) -> Media:
    """Read one section. m=<media> <port>[/<number of ports>] <proto> <fmt> …"""
    parts = lines[0][2:].split()
    if not 4 <= len(parts) <= 3 + MAX_FORMATS:
        raise RemoteProtocolError("malformed m= line", 488)
    port = parts[1].partition("/")[0]
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise RemoteProtocolError("malformed port in an m= line", 488)
    return Media(parts[0], int(port), parts[2], tuple(parts[3:]), _connection(lines), _attributes(lines))


def _connection(lines: list[str]) -> Connection | None:
    """The first c= line: IN IP4|IP6 <address>[/ttl]."""
    for line in lines:
        if line.startswith("c="):
            parts = line[2:].split()
            if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
                raise RemoteProtocolError("malformed c= line", 488)
            return Connection(parts[2].partition("/")[0], "IP6" if parts[1] == "IP6" else "IP4")
    return None


def _attributes(lines: list[str]) -> tuple[tuple[str, str | None], ...]:
    found: list[tuple[str, str | None]] = []
    for line in lines:
        if line.startswith("a="):
            name, colon, value = line[2:].partition(":")
            found.append((name, value if colon else None))
    return tuple(found)


def _connection_lines(connection: Connection | None) -> list[str]:
    return [] if connection is None else [f"c=IN {connection.family} {connection.host}"]


def _attribute_lines(attributes: tuple[tuple[str, str | None], ...]) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]
