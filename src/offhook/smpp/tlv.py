"""Optional parameters of a PDU: tag, length, value (3.2.4, 5.3).

Kept as tuples of `(tag, value)` pairs in wire order; a tag this module does not know is carried as it came.
"""

from struct import Struct
from typing import Final

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.smpp.vocabulary import Status

Tlvs = tuple[tuple[int, bytes], ...]

MAX_TLVS: Final = 64
"""More optional parameters than the specification names in all: a PDU with more is hostile."""

_HEAD: Final = Struct(">HH")


def pack_tlvs(tlvs: Tlvs) -> bytes:
    """The optional parameters as octets.

    Raises:
        LocalProtocolError: a value is longer than 65535 octets or a tag is not 16 bits.
    """
    parts: list[bytes] = []
    for tag, value in tlvs:
        if not 0 <= tag <= 0xFFFF or len(value) > 0xFFFF:
            raise LocalProtocolError(
                f"optional parameter 0x{tag:04X} of {len(value)} octets cannot be encoded"
            )
        parts.append(_HEAD.pack(tag, len(value)))
        parts.append(value)
    return b"".join(parts)


def unpack_tlvs(data: bytes, position: int, end: int) -> Tlvs:
    """The optional parameters in `data[position:end]`.

    Raises:
        RemoteProtocolError: with status RINVOPTPARSTREAM when they do not fill the rest exactly.
    """
    found: list[tuple[int, bytes]] = []
    while position < end:
        if position + 4 > end or len(found) == MAX_TLVS:
            raise RemoteProtocolError(
                "optional parameters are truncated or too many", Status.RINVOPTPARSTREAM
            )
        tag, length = _HEAD.unpack_from(data, position)
        position += 4
        if position + length > end:
            raise RemoteProtocolError(
                f"optional parameter 0x{tag:04X} overruns its PDU", Status.RINVOPTPARSTREAM
            )
        found.append((tag, data[position : position + length]))
        position += length
    return tuple(found)


def find(tlvs: Tlvs, tag: int) -> bytes | None:
    """The value of the first parameter with this tag, or None."""
    for candidate, value in tlvs:
        if candidate == tag:
            return value
    return None


def find_integer(tlvs: Tlvs, tag: int) -> int | None:
    """The value of an integer parameter of one to four octets, or None when absent or of another size."""
    value = find(tlvs, tag)
    return int.from_bytes(value, "big") if value is not None and 1 <= len(value) <= 4 else None


def find_string(tlvs: Tlvs, tag: int) -> str | None:
    """The value of a C-octet string parameter without its NUL, or None."""
    value = find(tlvs, tag)
    return None if value is None else value.split(b"\0", 1)[0].decode("latin-1")
