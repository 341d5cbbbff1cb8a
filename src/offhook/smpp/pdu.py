"""The PDU codec of SMPP 3.4 (3.2, chapters 4 and 5.1): `encode`, `decode_body`, and the framing of a byte stream.

`layouts` describes every operation; the messages and their responses, of which a bind carries tens of
thousands a second, have codecs written out here that write and accept the same octets (a test holds the two
against each other).
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, cast

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.smpp import bodies as b
from offhook.smpp.layouts import LAYOUTS, MAX_SHORT_MESSAGE, pack_body, unpack_body
from offhook.smpp.tlv import pack_tlvs, unpack_tlvs
from offhook.smpp.vocabulary import Status

HEADER_SIZE: Final = 16

MAX_PDU: Final = 0x10000 + 1024
"""A message_payload of the greatest length and the fields around it; a longer command_length is hostile."""

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""The greatest sequence_number (5.1.4)."""

MAX_SALVAGED: Final = 255
"""Octets that are kept of an id longer than the 65 it may have."""

HEADER: Final = Struct(">IIII")
"""command_length, command_id, command_status, sequence_number."""

_BODIES: Final[dict[int, type[b.Body]]] = {kind.command: kind for kind in LAYOUTS}


def encode(body: b.Body, sequence: int, status: int = 0) -> bytes:
    """One PDU as octets.

    Raises:
        LocalProtocolError: a field does not fit its limit, or is not Latin-1.
    """
    packer = _PACKERS.get(type(body), pack_body)
    try:
        octets = packer(body)
    except (OverflowError, TypeError, ValueError) as error:
        raise LocalProtocolError(f"{type(body).__name__} cannot be encoded: {error}") from error
    return HEADER.pack(HEADER_SIZE + len(octets), body.command, status, sequence) + octets


def encode_bare(command: int, sequence: int, status: int = 0) -> bytes:
    """A PDU that is only a header: the response that refuses a request, generic_nack and the like."""
    return HEADER.pack(HEADER_SIZE, command, status, sequence)


def decode_body(command: int, pdu: bytes) -> b.Body:
    """The body of a whole PDU whose command_id is `command`.

    Raises:
        RemoteProtocolError: with the command_status to refuse it with; RINVCMDID when the command is
            unknown.
    """
    unpacker = _UNPACKERS.get(command)
    if unpacker is not None:
        return unpacker(pdu)
    kind = _BODIES.get(command)
    if kind is None:
        raise RemoteProtocolError(f"unknown command_id 0x{command:08X}", Status.RINVCMDID)
    return unpack_body(kind, pdu, HEADER_SIZE)


def salvage_response(command: int, pdu: bytes) -> b.Body | None:
    """What can be read of a response with a malformed body: the string at its head; None when the command has none.

    It ends at its NUL or, without one, with the body.
    """
    kind = _BODIES.get(command)
    octets = pdu[HEADER_SIZE:].partition(b"\0")[0]
    head = octets[:MAX_SALVAGED].decode("latin-1")
    if kind is not None and issubclass(kind, b.MessageIdResp):
        return kind(head)
    if kind is not None and issubclass(kind, b.BindResp):
        return kind(head)
    return None


class Framer:
    """Cuts a byte stream into PDUs by their command_length."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = HEADER_SIZE

    @property
    def partial(self) -> bool:
        """Whether the beginning of a PDU waits for its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The PDUs that `data` completes; what is left is kept. Each must be taken before the next feed.

        Raises:
            RemoteProtocolError: RINVCMDLEN, after the PDUs before it; nothing after that can be framed.
        """
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        position, size = 0, len(data)
        self._needed = HEADER_SIZE
        while size - position >= HEADER_SIZE:
            length = int.from_bytes(data[position : position + 4], "big")
            if not HEADER_SIZE <= length <= MAX_PDU:
                raise RemoteProtocolError(f"command_length {length} is impossible", Status.RINVCMDLEN)
            if position + length > size:
                self._needed = length
                break
            yield data[position : position + length]
            position += length
        self._buffer += data[position:]


def _pack_short_message(body: b.Body) -> bytes:
    m = cast(b.ShortMessage, body)
    service, source, destination = m.service_type, m.source_addr, m.destination_addr
    schedule, validity, message = m.schedule_delivery_time, m.validity_period, m.short_message
    fits = (
        len(service) < 6 and len(source) < 21 and len(destination) < 21 and len(message) <= MAX_SHORT_MESSAGE
    )
    strings = service + source + destination + schedule + validity
    if not fits or len(schedule) > 16 or len(validity) > 16 or "\0" in strings:
        # The slow codec finds out which field it is and says so.
        return pack_body(body)
    packed = b"%b\0%c%c%b\0%c%c%b\0%c%c%c%b\0%b\0%c%c%c%c%c%b" % (
        service.encode("latin-1"),
        m.source_addr_ton,
        m.source_addr_npi,
        source.encode("latin-1"),
        m.dest_addr_ton,
        m.dest_addr_npi,
        destination.encode("latin-1"),
        m.esm_class,
        m.protocol_id,
        m.priority_flag,
        schedule.encode("latin-1"),
        validity.encode("latin-1"),
        m.registered_delivery,
        m.replace_if_present_flag,
        m.data_coding,
        m.sm_default_msg_id,
        len(message),
        message,
    )
    return packed + pack_tlvs(m.tlvs) if m.tlvs else packed


def _unpack_short_message(kind: type[b.ShortMessage], pdu: bytes) -> b.ShortMessage:
    find = pdu.find
    service_end = find(b"\0", 16, 22)
    source_end = find(b"\0", service_end + 3, service_end + 24)
    destination_end = find(b"\0", source_end + 3, source_end + 24)
    schedule_end = find(b"\0", destination_end + 4, destination_end + 21)
    validity_end = find(b"\0", schedule_end + 1, schedule_end + 18)
    start = validity_end + 6
    if min(service_end, source_end, destination_end, schedule_end, validity_end) < 0 or start > len(pdu):
        return cast(b.ShortMessage, unpack_body(kind, pdu, HEADER_SIZE))
    end = start + pdu[start - 1]
    if end > len(pdu) or end - start > MAX_SHORT_MESSAGE:
        raise RemoteProtocolError("sm_length is greater than what follows it", Status.RINVMSGLEN)
    return kind(
        pdu[service_end + 3 : source_end].decode("latin-1"),
        pdu[source_end + 3 : destination_end].decode("latin-1"),
        pdu[start:end],
        pdu[service_end + 1],
        pdu[service_end + 2],
        pdu[source_end + 1],
        pdu[source_end + 2],
        pdu[destination_end + 1],
        pdu[start - 3],
        pdu[start - 5],
        unpack_tlvs(pdu, end, len(pdu)) if end < len(pdu) else (),
        pdu[16:service_end].decode("latin-1"),
        pdu[destination_end + 2],
        pdu[destination_end + 3],
        pdu[destination_end + 4 : schedule_end].decode("latin-1"),
        pdu[schedule_end + 1 : validity_end].decode("latin-1"),
        pdu[start - 4],
        pdu[start - 2],
    )


def _pack_message_id(body: b.Body) -> bytes:
    m = cast(b.MessageIdResp, body)
    if len(m.message_id) > 64 or m.tlvs or "\0" in m.message_id:
        return pack_body(body)
    return m.message_id.encode("latin-1") + b"\0"


def _unpack_message_id(kind: type[b.MessageIdResp], pdu: bytes) -> b.MessageIdResp:
    if len(pdu) == HEADER_SIZE:
        # A refusal has no body (4.4.2), and some SMSCs leave it out of other responses too.
        return kind()
    if pdu.find(b"\0", HEADER_SIZE, HEADER_SIZE + 65) != len(pdu) - 1:
        return cast(b.MessageIdResp, unpack_body(kind, pdu, HEADER_SIZE))
    return kind(pdu[HEADER_SIZE:-1].decode("latin-1"))


_PACKERS: Final[dict[type[b.Body], Callable[[b.Body], bytes]]] = {
    b.SubmitSm: _pack_short_message,
    b.DeliverSm: _pack_short_message,
    b.SubmitSmResp: _pack_message_id,
    b.DeliverSmResp: _pack_message_id,
    b.DataSmResp: _pack_message_id,
}

_UNPACKERS: Final[dict[int, Callable[[bytes], b.Body]]] = {
    b.SubmitSm.command: lambda pdu: _unpack_short_message(b.SubmitSm, pdu),
    b.DeliverSm.command: lambda pdu: _unpack_short_message(b.DeliverSm, pdu),
    b.SubmitSmResp.command: lambda pdu: _unpack_message_id(b.SubmitSmResp, pdu),
    b.DeliverSmResp.command: lambda pdu: _unpack_message_id(b.DeliverSmResp, pdu),
    b.DataSmResp.command: lambda pdu: _unpack_message_id(b.DataSmResp, pdu),
}
