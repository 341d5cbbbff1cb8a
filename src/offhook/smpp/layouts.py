"""The bodies of SMPP 3.4 described field by field, and the codec that walks the description (chapter 4).

It serves every operation; `pdu` has faster codecs of its own for the few that carry the traffic. A string's
limit counts its closing NUL, as the tables of chapter 4 do.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Final, NamedTuple

from offhook.errors import RemoteProtocolError
from offhook.smpp import bodies as b
from offhook.smpp.address import Address
from offhook.smpp.tlv import Tlvs, pack_tlvs, unpack_tlvs
from offhook.smpp.vocabulary import Status

MAX_SHORT_MESSAGE: Final = 254

_SME_ADDRESS: Final = 1
_DISTRIBUTION_LIST: Final = 2


class Kind(Enum):
    """How a field is written."""

    OCTET = auto()
    STRING = auto()
    MESSAGE = auto()
    """sm_length and short_message."""
    DESTINATIONS = auto()
    UNSUCCESSFUL = auto()
    TLVS = auto()


class Field(NamedTuple):
    """A field of a body: its name there, how it is written, and the limit of a string."""

    name: str
    kind: Kind
    limit: int = 0


Layout = tuple[Field, ...]

STRING_STATUS: Final[dict[str, Status]] = {
    "system_id": Status.RINVSYSID,
    "password": Status.RINVPASWD,
    "system_type": Status.RINVSYSTYP,
    "service_type": Status.RINVSERTYP,
    "source_addr": Status.RINVSRCADR,
    "destination_addr": Status.RINVDSTADR,
    "schedule_delivery_time": Status.RINVSCHED,
    "validity_period": Status.RINVEXPIRY,
    "message_id": Status.RINVMSGID,
}
"""What a request is refused with when this string has no end within its limit; any other string: RINVCMDLEN."""


def _layout(*fields: str) -> Layout:
    """`name` is an octet, `name/limit` a string, `name:kind` anything else."""
    made: list[Field] = []
    for field in fields:
        name, _, limit = field.partition("/")
        if limit:
            made.append(Field(name, Kind.STRING, int(limit)))
        else:
            name, _, kind = field.partition(":")
            made.append(Field(name, Kind[kind.upper()] if kind else Kind.OCTET))
    return tuple(made)


_SOURCE = ("source_addr_ton", "source_addr_npi", "source_addr/21")
_DESTINATION = ("dest_addr_ton", "dest_addr_npi", "destination_addr/21")
_TIMES = ("schedule_delivery_time/17", "validity_period/17")
_BIND = _layout(
    "system_id/16",
    "password/9",
    "system_type/13",
    "interface_version",
    "addr_ton",
    "addr_npi",
    "address_range/41",
)
_BIND_RESP = _layout("system_id/16", "tlvs:tlvs")
_FLAGS = ("esm_class", "protocol_id", "priority_flag")
_DELIVERY = ("registered_delivery", "replace_if_present_flag", "data_coding", "sm_default_msg_id")
_SHORT_MESSAGE = _layout(
    "service_type/6",
    *_SOURCE,
    *_DESTINATION,
    *_FLAGS,
    *_TIMES,
    *_DELIVERY,
    "short_message:message",
    "tlvs:tlvs",
)
_MESSAGE_ID_RESP = _layout("message_id/65", "tlvs:tlvs")

LAYOUTS: Final[dict[type[b.Body], Layout]] = {
    b.BindReceiver: _BIND,
    b.BindTransmitter: _BIND,
    b.BindTransceiver: _BIND,
    b.BindReceiverResp: _BIND_RESP,
    b.BindTransmitterResp: _BIND_RESP,
    b.BindTransceiverResp: _BIND_RESP,
    b.Outbind: _layout("system_id/16", "password/9"),
    b.Unbind: (),
    b.UnbindResp: (),
    b.GenericNack: (),
    b.EnquireLink: (),
    b.EnquireLinkResp: (),
    b.SubmitSm: _SHORT_MESSAGE,
    b.DeliverSm: _SHORT_MESSAGE,
    b.SubmitSmResp: _MESSAGE_ID_RESP,
    b.DeliverSmResp: _MESSAGE_ID_RESP,
    b.DataSmResp: _MESSAGE_ID_RESP,
    b.DataSm: _layout(
        "service_type/6",
        "source_addr_ton",
        "source_addr_npi",
        "source_addr/65",
        "dest_addr_ton",
        "dest_addr_npi",
        "destination_addr/65",
        "esm_class",
        "registered_delivery",
        "data_coding",
        "tlvs:tlvs",
    ),
    b.SubmitMulti: _layout(
        "service_type/6",
        *_SOURCE,
        "destinations:destinations",
        *_FLAGS,
        *_TIMES,
        *_DELIVERY,
        "short_message:message",
        "tlvs:tlvs",
    ),
    b.SubmitMultiResp: _layout("message_id/65", "unsuccessful:unsuccessful", "tlvs:tlvs"),
    b.QuerySm: _layout("message_id/65", *_SOURCE),
    b.QuerySmResp: _layout("message_id/65", "final_date/17", "message_state", "error_code"),
    b.CancelSm: _layout("service_type/6", "message_id/65", *_SOURCE, *_DESTINATION),
    b.CancelSmResp: (),
    b.ReplaceSm: _layout(
        "message_id/65",
        *_SOURCE,
        *_TIMES,
        "registered_delivery",
        "sm_default_msg_id",
        "short_message:message",
    ),
    b.ReplaceSmResp: (),
    b.AlertNotification: _layout(
        "source_addr_ton",
        "source_addr_npi",
        "source_addr/65",
        "esme_addr_ton",
        "esme_addr_npi",
        "esme_addr/65",
        "tlvs:tlvs",
    ),
}


def pack_body(body: b.Body) -> bytes:
    """The body as octets; raises ValueError (or a subclass) when a value does not fit its field."""
    return b"".join(_pack_field(field, getattr(body, field.name)) for field in LAYOUTS[type(body)])


def unpack_body(kind: type[b.Body], data: bytes, position: int) -> b.Body:
    """The body of `kind` in `data[position:]`.

    Raises:
        RemoteProtocolError: with the command_status to refuse it with.
    """
    reader = Reader(data, position)
    values: dict[str, Any] = {}
    for field in LAYOUTS[kind]:
        values[field.name] = _unpack_field(field, reader)
    if reader.position != len(data):
        raise RemoteProtocolError(f"{kind.__name__} is longer than its fields", Status.RINVCMDLEN)
    return kind(**values)


class Reader:
    """A position in the octets of a PDU."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes, position: int) -> None:
        self.data = data
        self.position = position

    def octets(self, count: int, status: int = Status.RINVCMDLEN) -> bytes:
        """The next `count` octets; `status` is what an end before that is refused with."""
        start, self.position = self.position, self.position + count
        if self.position > len(self.data):
            raise RemoteProtocolError("the PDU ends within a field", status)
        return self.data[start : self.position]

    def octet(self) -> int:
        """The next octet."""
        return self.octets(1)[0]

    def string(self, limit: int, status: int) -> str:
        """The next C-octet string of at most `limit` octets with its NUL."""
        end = self.data.find(b"\0", self.position, self.position + limit)
        if end < 0:
            cut = self.position + limit > len(self.data)
            raise RemoteProtocolError(
                f"a string has no end within {limit} octets", Status.RINVCMDLEN if cut else status
            )
        text = self.data[self.position : end].decode("latin-1")
        self.position = end + 1
        return text

    def address(self) -> Address:
        """TON, NPI and an address of at most 21 octets."""
        return Address(self.octet(), self.octet(), self.string(21, Status.RINVDSTADR))


def pack_string(text: str, limit: int) -> bytes:
    """A C-octet string; raises ValueError when it does not fit or holds a NUL."""
    octets = text.encode("latin-1")
    if len(octets) >= limit or b"\0" in octets:
        raise ValueError(f"a string of {len(octets)} octets does not fit in {limit} with its NUL")
    return octets + b"\0"


def _pack_field(field: Field, value: Any) -> bytes:
    match field.kind:
        case Kind.OCTET:
            return bytes((value,))
        case Kind.STRING:
            return pack_string(value, field.limit)
        case Kind.MESSAGE:
            return _pack_message(value)
        case Kind.DESTINATIONS:
            return _pack_destinations(value)
        case Kind.UNSUCCESSFUL:
            return _pack_unsuccessful(value)
        case Kind.TLVS:
            return pack_tlvs(value)


def _unpack_field(field: Field, reader: Reader) -> Any:
    match field.kind:
        case Kind.OCTET:
            return reader.octet()
        case Kind.STRING:
            return reader.string(field.limit, STRING_STATUS.get(field.name, Status.RINVCMDLEN))
        case Kind.MESSAGE:
            return _unpack_message(reader)
        case Kind.DESTINATIONS:
            return tuple(_unpack_destination(reader) for _ in range(_count(reader)))
        case Kind.UNSUCCESSFUL:
            return tuple(_unpack_unsuccessful(reader) for _ in range(reader.octet()))
        case Kind.TLVS:
            return _unpack_rest(reader)


def _pack_message(message: bytes) -> bytes:
    if len(message) > MAX_SHORT_MESSAGE:
        raise ValueError(f"short_message of {len(message)} octets is longer than {MAX_SHORT_MESSAGE}")
    return bytes((len(message),)) + message


def _unpack_message(reader: Reader) -> bytes:
    length = reader.octet()
    if length > MAX_SHORT_MESSAGE:
        raise RemoteProtocolError("sm_length is greater than 254", Status.RINVMSGLEN)
    return reader.octets(length, Status.RINVMSGLEN)


def _pack_address(address: Address) -> bytes:
    return bytes((address.ton, address.npi)) + pack_string(address.digits, 21)


def _pack_destinations(destinations: Sequence[Address | str]) -> bytes:
    if not 1 <= len(destinations) <= MAX_SHORT_MESSAGE:
        raise ValueError(f"submit_multi to {len(destinations)} destinations: 1 to 254 are possible")
    parts = [bytes((len(destinations),))]
    for destination in destinations:
        if isinstance(destination, str):
            parts.append(bytes((_DISTRIBUTION_LIST,)) + pack_string(destination, 21))
        else:
            parts.append(bytes((_SME_ADDRESS,)) + _pack_address(destination))
    return b"".join(parts)


def _count(reader: Reader) -> int:
    count = reader.octet()
    if not 1 <= count <= MAX_SHORT_MESSAGE:
        raise RemoteProtocolError("number_of_dests is not 1 to 254", Status.RINVNUMDESTS)
    return count


def _unpack_destination(reader: Reader) -> Address | str:
    match reader.octet():
        case 1:
            return reader.address()
        case 2:
            return reader.string(21, Status.RINVDLNAME)
        case flag:
            raise RemoteProtocolError(f"dest_flag {flag} is neither 1 nor 2", Status.RINVDESTFLAG)


def _pack_unsuccessful(pairs: Sequence[tuple[Address, int]]) -> bytes:
    packed = (_pack_address(address) + status.to_bytes(4, "big") for address, status in pairs)
    return bytes((len(pairs),)) + b"".join(packed)


def _unpack_unsuccessful(reader: Reader) -> tuple[Address, int]:
    return reader.address(), int.from_bytes(reader.octets(4), "big")


def _unpack_rest(reader: Reader) -> Tlvs:
    tlvs = unpack_tlvs(reader.data, reader.position, len(reader.data))
    reader.position = len(reader.data)
    return tlvs
