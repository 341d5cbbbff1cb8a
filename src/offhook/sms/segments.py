"""How a text is cut into segments: GSM 03.38 or UCS-2, one message or several concatenated ones (3GPP TS 23.040).

A text that the GSM alphabet holds goes as septets, 160 in one segment or 153 in each of several; any other
as UTF-16, 70 or 67 code units. An extension character (escape and septet), a surrogate pair and a cluster of
code points that is read as one character are never cut in two, as in Twilio's calculator of segments.
"""

from collections.abc import Iterator
from enum import Enum
from typing import Final, NamedTuple

from offhook.sms import gsm7
from offhook.sms.clusters import clusters


class Encoding(Enum):
    """The alphabet a text is sent in."""

    GSM7 = "GSM-7"
    UCS2 = "UCS-2"


SINGLE: Final = {Encoding.GSM7: 160, Encoding.UCS2: 70}
"""Units (septets or UTF-16 code units) that fit in a text of one segment."""

CONCATENATED: Final = {Encoding.GSM7: 153, Encoding.UCS2: 67}
"""Units that fit in each segment of several, beside the six octets of the concatenation header."""

MAX_BODY: Final = 1600
"""The longest body Twilio accepts, in characters (error 21617)."""


class Segmentation(NamedTuple):
    """A text cut up: `parts` joined are the text again, and each is encoded by `encode_part`."""

    encoding: Encoding
    parts: tuple[str, ...]


def segment(text: str) -> Segmentation:
    """The text in the fewest segments; an empty text is one empty segment."""
    return segment_as(text, Encoding.GSM7 if gsm7.encodable(text) else Encoding.UCS2)


def segment_as(text: str, encoding: Encoding) -> Segmentation:
    """The text in the fewest segments of this encoding, which must hold it."""
    units = _units(text, encoding)
    if units <= SINGLE[encoding]:
        return Segmentation(encoding, (text,))
    return Segmentation(encoding, tuple(_cut(text, encoding)))


def count(text: str) -> int:
    """The number of segments the text is sent and billed as (`num_segments`)."""
    return len(segment(text).parts)


def encode_part(part: str, encoding: Encoding) -> bytes:
    """A segment's user data as SMPP carries it: an octet for each septet, or UTF-16 big-endian.

    A lone surrogate, which UTF-16 cannot hold, is sent as U+FFFD.
    """
    if encoding is Encoding.GSM7:
        return gsm7.encode(part)
    return part.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace").encode("utf-16-be")


def _units(text: str, encoding: Encoding) -> int:
    if encoding is Encoding.GSM7:
        return gsm7.septets(text)
    return len(text) + sum(character > "\uffff" for character in text)


def _cut(text: str, encoding: Encoding) -> list[str]:
    limit = CONCATENATED[encoding]
    parts: list[str] = []
    start = used = index = 0
    # No character of the GSM alphabet joins with another.
    for piece in text if encoding is Encoding.GSM7 else _pieces(text, limit):
        units = _units(piece, encoding)
        if used + units > limit:
            parts.append(text[start:index])
            start, used = index, 0
        used += units
        index += len(piece)
    parts.append(text[start:])
    return parts


def _pieces(text: str, limit: int) -> Iterator[str]:
    """What is not cut: clusters, or the code points of one that is longer than a segment."""
    for cluster in clusters(text):
        if _units(cluster, Encoding.UCS2) > limit:
            yield from cluster
        else:
            yield cluster
