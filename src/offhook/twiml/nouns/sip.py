"""`<Sip>`: a SIP address to dial: `sip:user@host;transport=tcp?X-Header=value`, or several in `<Uri>`.

Headers to send are in the address or, as old programs have it, in `<Headers>`: their names begin with `X-`
or are `User-to-User`, and all together they have at most 1,024 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from offhook.twiml.attributes import http_method, integer, text, web_url, words
from offhook.twiml.document import Element
from offhook.twiml.effects import DialSip, DialTarget, Pairs
from offhook.twiml.noun import Answerable
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Part

INVALID_URI = 13243
INVALID_HEADER = 13252
HEADERS_TOO_LONG = 13253
LONGEST_HEADERS = 1024
URI = re.compile(
    r"sips?:([^\s@;?<>\"]+@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?(;[^\s?<>\"]*)?", re.I
)
_HEADER_NAME = re.compile(r"X-[\w.!%*+`'~-]{1,100}|User-to-User", re.I | re.A)


@dataclass(frozen=True, slots=True)
class Uri(Part):
    """An address in a `<Sip>`. The addresses ring together or, with `sequential`, one after the other.

    The lower `priority` comes first and, of those of one priority, the higher `weight`: as SRV records have it, but
    without chance.
    """

    username: str | None = text(longest=255, code=13249)
    password: str | None = text(longest=255, code=13249)
    priority: int = integer(0, at_least=0, at_most=65535)
    weight: int = integer(0, at_least=0, at_most=65535)


@dataclass(frozen=True, slots=True)
class Sip(Answerable):
    """The text is the address; `username` and `password` answer its challenge."""

    username: str | None = text(longest=255, code=13249)
    password: str | None = text(longest=255, code=13249)
    url: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13241)
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method(code=13241)
    status_callback_event: tuple[str, ...] = words(("completed",), "initiated", "ringing", "answered")

    nests = ("Uri", "Headers")

    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """A leg for the address, or for each `<Uri>`."""
        listed = [turn.read(Uri, child) for child in self.element.children if child.name == "Uri"]
        addresses: list[Sip | Uri] = [*sorted(listed, key=lambda uri: (uri.priority, -uri.weight))]
        extra = _written(self.element)
        whisper = turn.absolute(self.url) if self.url else ""
        if whisper is None:
            return ()
        legs = (self._target(address, extra, whisper or None, turn) for address in addresses or [self])
        return tuple(leg for leg in legs if leg is not None)

    def _target(self, address: Sip | Uri, extra: Pairs, whisper: str | None, turn: Turn) -> DialTarget | None:
        element = address.element
        uri, _, query = element.text.partition("?")
        if not URI.fullmatch(uri) or len(uri) > 255:
            turn.warn(INVALID_URI, element, f"{uri[:80]!r} is not a SIP address")
            return None
        return DialSip(
            uri,
            headers=_accepted((*_in_uri(query), *extra), element, turn),
            username=address.username or self.username,
            password=address.password or self.password,
            url=whisper,
            method=self.method,
            callback=turn.callback(
                self.status_callback, self.status_callback_method, self.status_callback_event
            ),
        )


def _in_uri(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.split("&") if query else ():
        name, _, value = pair.partition("=")
        yield unquote(name), unquote(value)


def _written(element: Element) -> Pairs:
    """Return the headers in `<Headers>`."""
    return tuple(
        (header.get("name") or "", header.get("value") or "")
        for headers in element.children
        if headers.name == "Headers"
        for header in headers.children
    )


def _accepted(headers: Pairs, element: Element, turn: Turn) -> Pairs:
    """Return the headers that may be sent, with a warning for each that may not."""
    accepted: list[tuple[str, str]] = []
    length = 0
    for name, value in headers:
        if not _HEADER_NAME.fullmatch(name) or not value.isprintable():
            turn.warn(INVALID_HEADER, element, f"The header {name[:40]!r} may not be sent")
            continue
        length += len(name) + len(value)
        if length > LONGEST_HEADERS:
            turn.warn(HEADERS_TOO_LONG, element, f"Headers are longer than {LONGEST_HEADERS} characters")
            break
        accepted.append((name, value))
    return tuple(accepted)
