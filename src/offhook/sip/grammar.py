"""The lexical rules of RFC 3261 section 25.1 that more than one header needs.

Each expression is preceded by the ABNF it implements. The rules are liberal about white space and strict
about everything that could be read in two ways. What a header means is `headers.py`'s and `uri.py`'s
business.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

from offhook.errors import RemoteProtocolError

MAX_PARAMETERS = 64
"""Parameters of one header value or URI. The longest seen in the field carry about a dozen."""
MAX_LIST_VALUES = 128
"""Values of one comma-separated header row. A Via or Route stack is bounded by Max-Forwards (70 by default)."""

MEMO_LENGTH = 512
"""Longer texts are read again each time: what is remembered is bounded."""

Parameters = tuple[tuple[str, str | None], ...]
Read = TypeVar("Read")


def memoised(read: Callable[[str], Read]) -> Callable[[str], Read]:
    """`read` with a small memory, for values that come back in each message of a call."""
    remembered = lru_cache(maxsize=1024)(read)

    @wraps(read)
    def recall(text: str) -> Read:
        return remembered(text) if len(text) <= MEMO_LENGTH else read(text)

    return recall


# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"

# quoted-string = SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
QUOTED = r'"(?:[^"\\]|\\.)*"'

# host = hostname / IPv4address / IPv6reference; underscores are tolerated, since private names carry them
HOST = r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9\-_.]*[A-Za-z0-9_])?\.?)"

# generic-param = token [ EQUAL gen-value ]; gen-value = token / host / quoted-string, plus the wider octets
# that tag, branch and received carry in the field (":" of an unbracketed IPv6 address, "@", "/", and any
# UTF-8)
_PARAMETER = re.compile(
    rf"\s*;\s*({TOKEN})(?:\s*=\s*({QUOTED}|[^\s;,\"<>]+))?",
    re.DOTALL,
)

_TOKEN = re.compile(TOKEN)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r'["<>,\\]')


def is_token(text: str) -> bool:
    """Whether `text` is an RFC 3261 token."""
    return _TOKEN.fullmatch(text) is not None


def unquote(text: str) -> str:
    """The content of a quoted-string; other text unchanged."""
    if len(text) >= 2 and text[0] == '"' == text[-1]:
        return _QUOTED_PAIR.sub(r"\1", text[1:-1])
    return text


def quote(text: str) -> str:
    """`text` as a quoted-string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def parse_parameters(text: str, position: int = 0) -> Parameters:
    """Read `*( SEMI generic-param )` to the end of `text`.

    Returns (lower-cased name, value as written or None) in order.

    Raises:
        RemoteProtocolError: something else than parameters is there, one is named twice, or there are too
        many.
    """
    found: list[tuple[str, str | None]] = []
    end = len(text)
    while position < end:
        match = _PARAMETER.match(text, position)
        if match is None:
            if text[position:].isspace():
                break
            raise RemoteProtocolError("malformed header parameter", 400)
        found.append((match[1].lower(), match[2]))
        position = match.end()
    if len(found) > MAX_PARAMETERS:
        raise RemoteProtocolError("too many header parameters", 400)
    if len(found) > 1 and len({name for name, _ in found}) != len(found):
        raise RemoteProtocolError("header parameter given twice", 400)
    return tuple(found)


def format_parameters(parameters: Parameters) -> str:
    """The text that `parse_parameters` reads."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in parameters)


def parameter(parameters: Parameters, name: str) -> str | None:
    """The value of a parameter: None when absent, empty when it has no value."""
    for key, value in parameters:
        if key == name:
            return value or ""
    return None


def split_list(text: str) -> list[str]:
    """Split a comma-separated header value, leaving commas within quotes and angle brackets alone.

    Raises:
        RemoteProtocolError: a quote or bracket never closes, an element is empty, or there are too many.
    """
    if "," not in text:
        return [text.strip()]
    parts = [part.strip() for part in _split_outside(text)]
    if len(parts) > MAX_LIST_VALUES:
        raise RemoteProtocolError("too many values in one header", 400)
    if not all(parts):
        raise RemoteProtocolError("empty value in a header list", 400)
    return parts


def _split_outside(text: str) -> list[str]:
    parts: list[str] = []
    start = 0
    quoted = bracketed = False
    position = 0
    while (match := _SPECIAL.search(text, position)) is not None:
        mark = match[0]
        position = match.end()
        if mark == "\\":
            position += quoted
        elif mark == '"':
            quoted = not quoted
        elif not quoted:
            if mark == ",":
                if not bracketed:
                    parts.append(text[start : match.start()])
                    start = position
            else:
                bracketed = mark == "<"
    if quoted or bracketed:
        raise RemoteProtocolError("unbalanced quotes or angle brackets", 400)
    parts.append(text[start:])
    return parts
