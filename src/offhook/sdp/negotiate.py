"""Offer/answer for one audio stream with DTMF: RFC 3264, with payload types of RFC 3551 and 4733.

An answer names one codec, so that both sides send the same; every other stream of the offer is refused with
port 0. Numbers are per direction (RFC 3264 section 6.1): one sends under the other side's and hears its own. Peers
err there, and some send another codec of the offer, so every number that either side has named is heard.
"""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from offhook.errors import RemoteProtocolError
from offhook.sdp.address import is_name, is_unspecified, unusable
from offhook.sdp.description import Connection, Description, Media, parse, serialize

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]

DTMF_PAYLOAD_TYPE = 101
"""The payload type under which we offer telephone-event; any dynamic one would do, 101 is what everybody uses."""
_PROFILES = ("RTP/AVP", "RTP/AVPF")
"""Profiles that carry plain RTP. The feedback profile is the same on the wire when no feedback is sent."""
_MIN_PTIME, _MAX_PTIME, _PTIME = 10, 160, 20
"""Milliseconds of audio in a packet: the least and the most that are sent, and what is sent unless asked otherwise."""


class NotAcceptable(Exception):  # noqa: N818
    """The description offers nothing that can be accepted, or is malformed: 488. The text is for people."""


class Codec(Struct, frozen=True):
    """An audio codec as rtpmap names it. `payload_type` is the one we offer it under."""

    name: str
    payload_type: int
    clock: int = 8000


PCMU = Codec("PCMU", 0)
PCMA = Codec("PCMA", 8)
G711 = (PCMU, PCMA)

Formats = tuple[tuple[str, str, int], ...]
"""Payload types in the order of preference, each with upper-case name and clock."""

_TELEPHONE_EVENT = ("TELEPHONE-EVENT", 8000)
_STATIC = {"0": ("PCMU", 8000), "8": ("PCMA", 8000), "9": ("G722", 8000)}
"""Static payload types, which need no rtpmap (RFC 3551 section 6)."""


class Negotiated(Struct, frozen=True):
    """What both ends agreed on, seen from this side.

    Attributes:
        remote_host, remote_port: where to send RTP; 0.0.0.0 (or ::) when the peer is on hold the old way. A host
            that is a name (`sdp.address.is_name`) has to be resolved, and what it resolves to be looked at with
            `sdp.address.unusable`.
        payload_type: the number to send `codec` with.
        dtmf_payload_type: the number to send telephone-event with, None when the peer has none: digits go in-band
            then.
        heard: the numbers that the peer may send audio with, each with the name of its codec.
        dtmf_heard: the numbers that the peer may send telephone-event with.
        direction: what flows, as this side would write it; `send` and `receive` say it apart.
        ptime: milliseconds of audio in each packet that this side sends.
        body: the answer to send; empty when this was read from an answer.
    """

    remote_host: str
    remote_port: int
    codec: Codec
    payload_type: int
    dtmf_payload_type: int | None
    heard: tuple[tuple[int, str], ...]
    dtmf_heard: tuple[int, ...]
    direction: Direction
    ptime: int
    body: bytes

    @property
    def send(self) -> bool:
        """Whether this side sends audio."""
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receive(self) -> bool:
        """Whether this side gets audio."""
        return self.direction in ("sendrecv", "recvonly")


def offer(
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: tuple[Codec, ...] = G711,
    direction: Direction = "sendrecv",
    ptime: int = 20,
) -> bytes:
    """The offer of one audio stream received at `host`:`port`, with telephone-event (events 0 to 16)."""
    types = [(str(codec.payload_type), codec) for codec in codecs]
    media = _audio(port, "RTP/AVP", types, str(DTMF_PAYLOAD_TYPE), direction, ptime)
    return serialize(_session(host, session_id, version, (media,)))


def answer(
    offer: bytes,
    host: str,
    port: int,
    *,
    session_id: int,
    version: int = 1,
    codecs: tuple[Codec, ...] = G711,
    direction: Direction = "sendrecv",
) -> Negotiated:
    """Answer an offer: the first audio stream that shares a codec is taken, in the offer's order of codecs.

    `direction` is what this side wants; the answer has what both want.

    Raises:
        NotAcceptable: no stream can be taken, or the offer is malformed.
    """
    description = _parse(offer)
    for media in description.media:
        formats = _formats(media) if _usable(media) else ()
        found = _first_match(formats, codecs)
        if found is not None:
            break
    else:
        raise NotAcceptable("the offer has no RTP audio in a codec that is spoken here")
    number, codec = found
    remote_host, offered = _where(description, media, host)
    agreed = _meet(_reverse(offered), direction)
    dtmf, ptime = _dtmf(formats), _ptime(media)
    taken = _audio(port, media.protocol, [(number, codec)], dtmf, agreed, ptime)
    streams = tuple(
        taken if other is media else Media(other.kind, 0, other.protocol, other.formats)
        for other in description.media
    )
    body = serialize(_session(host, session_id, version, streams))
    return Negotiated(
        remote_host,
        media.port,
        codec,
        int(number),
        None if dtmf is None else int(dtmf),
        _heard(codecs, formats),
        _dtmf_heard(formats),
        agreed,
        ptime,
        body,
    )


def read_answer(offer: bytes, answer: bytes) -> Negotiated:
    """What the peer's answer to our own `offer` agrees on.

    Raises:
        NotAcceptable: it refuses the stream, shares no codec, or is malformed.
    """
    ours, theirs = _parse(offer), _parse(answer)
    if not ours.media or not theirs.media or not _usable(theirs.media[0]):
        raise NotAcceptable("the answer refuses the audio stream")
    asked, given = ours.media[0], theirs.media[0]
    offered, answered = _formats(asked), _formats(given)
    codecs = tuple(
        Codec(name, int(number), clock) for number, name, clock in offered if name != _TELEPHONE_EVENT[0]
    )
    found = _first_match(answered, codecs)
    if found is None:
        raise NotAcceptable("the answer has no codec of the offer")
    number, codec = found
    remote_host, direction = _where(theirs, given, ours.host)
    agreed = _meet(_reverse(direction), _direction(ours, asked))
    dtmf = _dtmf(answered) if _dtmf(offered) is not None else None
    return Negotiated(
        remote_host,
        given.port,
        codec,
        int(number),
        None if dtmf is None else int(dtmf),
        _heard(codecs, offered, answered),
        _dtmf_heard(offered, answered),
        agreed,
        _ptime(given),
        b"",
    )


def _parse(data: bytes) -> Description:
    try:
        return parse(data)
    except RemoteProtocolError as error:
        raise NotAcceptable(str(error)) from None


def _session(host: str, session_id: int, version: int, media: tuple[Media, ...]) -> Description:
    return Description(str(session_id), str(version), host, Connection(host), (), media)


def _audio(
    port: int,
    protocol: str,
    types: list[tuple[str, Codec]],
    dtmf: str | None,
    direction: Direction,
    ptime: int,
) -> Media:
    attributes: list[tuple[str, str | None]] = [
        ("rtpmap", f"{number} {codec.name}/{codec.clock}") for number, codec in types
    ]
    formats = [number for number, _ in types]
    if dtmf is not None:
        formats.append(dtmf)
        attributes += [("rtpmap", f"{dtmf} telephone-event/8000"), ("fmtp", f"{dtmf} 0-16")]
    attributes += [("ptime", str(ptime)), (direction, None)]
    return Media("audio", port, protocol, tuple(formats), None, tuple(attributes))


def _usable(media: Media) -> bool:
    return media.kind == "audio" and media.port != 0 and media.protocol in _PROFILES


def _formats(media: Media) -> Formats:
    """What a stream may be sent in.

    Only what has one channel is a format of a call: `PCMU/8000/2` is another one than PCMU.
    """
    named = dict(_STATIC)
    for key, value in media.attributes:
        if key == "rtpmap" and value is not None:
            number, _, encoding = value.strip().partition(" ")
            name, _, rest = encoding.strip().partition("/")
            clock, _, channels = rest.partition("/")
            if clock.isascii() and clock.isdigit() and len(clock) <= 6:
                named.pop(number, None)
                if channels.strip() in ("", "1"):
                    named[number] = (name.upper(), int(clock))
    return tuple(
        (number, *named[number])
        for number in media.formats
        if number in named and number.isascii() and number.isdigit() and int(number) < 128
    )


def _heard(codecs: tuple[Codec, ...], *described: Formats) -> tuple[tuple[int, str], ...]:
    """The numbers of the codecs spoken here, as one side or the other has named them; the first word counts."""
    spoken = {(codec.name.upper(), codec.clock): codec.name for codec in codecs}
    named: dict[int, str | None] = {}
    for formats in described:
        for number, name, clock in formats:
            named.setdefault(int(number), spoken.get((name, clock)))
    return tuple((number, name) for number, name in named.items() if name is not None)


def _dtmf_heard(*described: Formats) -> tuple[int, ...]:
    """The numbers of telephone-event, likewise."""
    named: dict[int, bool] = {}
    for formats in described:
        for number, name, clock in formats:
            named.setdefault(int(number), (name, clock) == _TELEPHONE_EVENT)
    return tuple(number for number, is_event in named.items() if is_event)


def _first_match(formats: Formats, codecs: tuple[Codec, ...]) -> tuple[str, Codec] | None:
    for number, name, clock in formats:
        for codec in codecs:
            if (codec.name.upper(), codec.clock) == (name, clock):
                return number, codec
    return None


def _dtmf(formats: Formats) -> str | None:
    return next(
        (number for number, name, clock in formats if (name, clock) == _TELEPHONE_EVENT),
        None,
    )


def _ptime(media: Media) -> int:
    """The packet length the peer asks for, within what it takes (maxptime) and what is sent here.

    Raises:
        NotAcceptable: it takes only packets that are shorter than any sent here.
    """
    asked = _milliseconds(media.attribute("ptime")) or _PTIME
    longest = _milliseconds(media.attribute("maxptime")) or _MAX_PTIME
    if longest < _MIN_PTIME:
        raise NotAcceptable(
            f"the peer takes packets of {longest} ms, the shortest sent here are {_MIN_PTIME} ms"
        )
    return max(_MIN_PTIME, min(asked, longest, _MAX_PTIME))


def _milliseconds(text: str | None) -> int | None:
    """The value of ptime or maxptime; None where there is none or it is nonsense."""
    text = (text or "").strip()
    return int(text) or None if text.isascii() and text.isdigit() and len(text) <= 5 else None


def _where(description: Description, media: Media, ours: str) -> tuple[str, Direction]:
    """The address to send to, and the direction as the peer means it. `ours`: where this side receives.

    0.0.0.0 is RFC 2543's hold (RFC 3264 section 8.4): the peer sends, if anything, and wants nothing.

    Raises:
        NotAcceptable: nothing can be sent there from here.
    """
    connection = media.connection or description.connection
    if connection is None:
        raise NotAcceptable("the stream has no address")
    if connection.family != Connection(ours).family:
        raise NotAcceptable(f"the stream is received over {connection.family}, which this leg does not speak")
    if not is_name(connection.host) and (reason := unusable(connection.host, ours)):
        raise NotAcceptable(f"the stream's address is {reason}")
    direction = _direction(description, media)
    if is_unspecified(connection.host):
        direction = _meet(direction, "sendonly")
    return connection.host, direction


def _direction(description: Description, media: Media) -> Direction:
    for attributes in (media.attributes, description.attributes):
        for name, _ in attributes:
            for direction in get_args(Direction):
                if name == direction:
                    return _compose(
                        direction in ("sendrecv", "sendonly"), direction in ("sendrecv", "recvonly")
                    )
    return "sendrecv"


def _compose(send: bool, receive: bool) -> Direction:
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


def _reverse(direction: Direction) -> Direction:
    """The same seen from the other side."""
    return _compose(direction in ("sendrecv", "recvonly"), direction in ("sendrecv", "sendonly"))


def _meet(one: Direction, other: Direction) -> Direction:
    """What both allow."""
    send, receive = ("sendrecv", "sendonly"), ("sendrecv", "recvonly")
    return _compose(one in send and other in send, one in receive and other in receive)
