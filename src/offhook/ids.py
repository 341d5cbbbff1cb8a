"""SIDs: the 34-character names of every resource.

A SID is a two-letter prefix and 32 lower-case hexadecimal digits. Ours are ordered by time: 12 digits of
milliseconds since 1970, then 20 digits of randomness, so that rows made together stand together in an index.
Programs must treat the digits as opaque.

Pure: time and randomness come in as arguments; `offhook.clock.new_sid` supplies them.
"""

from __future__ import annotations

import re
from typing import Final

ENTROPY_BYTES: Final = 10
MAX_MILLISECONDS: Final = (1 << 48) - 1

ACCOUNT: Final = "AC"
APPLICATION: Final = "AP"
CALL: Final = "CA"
CONFERENCE: Final = "CF"
MESSAGE: Final = "SM"
MMS_MESSAGE: Final = "MM"
NOTIFICATION: Final = "NO"
PHONE_NUMBER: Final = "PN"
QUEUE: Final = "QU"
RECORDING: Final = "RE"
REQUEST: Final = "RQ"

_SID = re.compile(r"[A-Z]{2}[0-9a-f]{32}")
_PREFIX = re.compile(r"[A-Z]{2}")


def new_sid(prefix: str, milliseconds: int, entropy: bytes) -> str:
    """Make a SID.

    Args:
        prefix: two capital letters.
        milliseconds: since 1970-01-01 UTC, 0 to 2**48 - 1.
        entropy: exactly ten random bytes.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"not a SID prefix: {prefix!r}")
    if not 0 <= milliseconds <= MAX_MILLISECONDS:
        raise ValueError(f"milliseconds out of range: {milliseconds}")
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"entropy must be {ENTROPY_BYTES} bytes, not {len(entropy)}")
    return f"{prefix}{milliseconds:012x}{entropy.hex()}"


def is_sid(text: str, *prefixes: str) -> bool:
    """Whether `text` has the form of a SID and, when prefixes are given, begins with one of them."""
    return _SID.fullmatch(text) is not None and (not prefixes or text[:2] in prefixes)


def sid_milliseconds(sid: str) -> int:
    """The milliseconds since 1970 that a SID made by `new_sid` carries."""
    return int(sid[2:14], 16)
