"""Offer/answer for one audio stream with DTMF: RFC 3264, 3551, 4733."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["sendrecv", "sendonly", "recvonly", "inactive"]


@dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec as rtpmap names it."""

    name: str
    payload_type: int
    clock: int = 8000


PCMU = Codec("PCMU", 0)
PCMA = Codec("PCMA", 8)
G711 = (PCMU, PCMA)


class NotAcceptable(Exception):  # noqa: N818
    """The description offers nothing that can be accepted, or is malformed: answer 488.

    The text is for people.
    """


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What both ends agreed on, seen from this side.

    `send` and `receive` say whether audio flows each way now: both false on hold with inactive, `send` false
    also when the peer gave 0.0.0.0 as its address. `payload_type` is the number to send `codec` with, and to
    expect it with unless `receive_payload_type` says another. `ptime` is in milliseconds. `body` is the
    answer to send (empty when this was read from an answer).
    """

    remote_host: str
    remote_port: int
    codec: Codec
    payload_type: int
    receive_payload_type: int
    dtmf_payload_type: int | None
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
    """The offer of one audio stream received at `host`:`port`, with telephone-event 101 (events 0 to 16)."""
    return b""


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
    """Answer an offer: the first audio stream that shares a codec is taken, every other stream refused (port
    0).

    Raises:
        NotAcceptable: no stream can be taken, or the offer is malformed.
    """
    raise NotImplementedError


def read_answer(offer: bytes, answer: bytes) -> Negotiated:
    """What the peer's answer to our own `offer` agrees on.

    Raises:
        NotAcceptable: it refuses the stream, shares no codec, or is malformed.
    """
    raise NotImplementedError
