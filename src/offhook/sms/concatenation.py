"""The user data header that ties the segments of one text together (3GPP TS 23.040, 9.2.3.24).

Written with an 8-bit reference (9.2.3.24.1); read with that or a 16-bit one (9.2.3.24.8). Other elements of
a header are passed over.
"""

from typing import Final, NamedTuple

from offhook.errors import RemoteProtocolError

_REFERENCE_8: Final = 0x00
_REFERENCE_16: Final = 0x08


class Part(NamedTuple):
    """Which segment of which text: `number` of `total`, counted from 1, of the text with `reference`."""

    reference: int
    total: int
    number: int


def pack_header(part: Part) -> bytes:
    """The six octets before a segment's user data."""
    return bytes((5, _REFERENCE_8, 3, part.reference & 0xFF, part.total, part.number))


def unpack_header(octets: bytes) -> tuple[Part | None, bytes]:
    """The part a user data header names, if it names one, and the user data after it.

    Raises:
        RemoteProtocolError: the header is longer than the octets, or an element of it than the header.
    """
    if not octets or octets[0] >= len(octets):
        raise RemoteProtocolError("the user data header is longer than the message")
    end = 1 + octets[0]
    part, position = None, 1
    while position < end:
        if position + 2 > end or position + 2 + octets[position + 1] > end:
            raise RemoteProtocolError("an element overruns the user data header")
        identifier, length = octets[position], octets[position + 1]
        value = octets[position + 2 : position + 2 + length]
        part = _part(identifier, value) or part
        position += 2 + length
    return part, octets[end:]


def _part(identifier: int, value: bytes) -> Part | None:
    if identifier == _REFERENCE_8 and len(value) == 3:
        part = Part(value[0], value[1], value[2])
    elif identifier == _REFERENCE_16 and len(value) == 4:
        part = Part(int.from_bytes(value[:2], "big"), value[2], value[3])
    else:
        return None
    # A receiver ignores an element whose numbers are impossible (9.2.3.24.1).
    return part if 1 <= part.number <= part.total else None
