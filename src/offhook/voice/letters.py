"""What voice nodes say to each other about calls and rooms: requests on `bus.subjects.voice_peers`, MessagePack.

A `Letter` carries `Message`s in order (`bus.sequence`); `Receipt` is its answer.
"""

from __future__ import annotations

from typing import Any

import msgspec


class RoomTold(msgspec.Struct, frozen=True, tag="room", array_like=True):
    """Something happens in a room of the receiver, to a call of the sender.

    `sid` and `most` are those of the row of a conference or queue; `waited`: for how many seconds a call that
    comes back to a queue has waited before.
    """

    account: str
    room: str
    event: Any
    sid: str = ""
    most: int = 0
    waited: float | None = None


class CallTold(msgspec.Struct, frozen=True, tag="call", array_like=True):
    """A call of the receiver is told something. `homes` has the node and lease of each call that is named in it."""

    call: str
    event: Any
    homes: dict[str, tuple[str, int]] = {}


class LinkOffered(msgspec.Struct, frozen=True, tag="offer", array_like=True):
    """The sender has an end of a link for a call of the receiver, at this address."""

    call: str
    link: int
    host: str
    port: int


class LinkAnswered(msgspec.Struct, frozen=True, tag="answer", array_like=True):
    """The other end of it is at this address."""

    call: str
    link: int
    host: str
    port: int


class CallOver(msgspec.Struct, frozen=True, tag="over", array_like=True):
    """A call of the sender's is over."""

    call: str


Message = RoomTold | CallTold | LinkOffered | LinkAnswered | CallOver


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """Messages from a node, which holds `lease`, to the holder of the lease `to`.

    They are those of the sender's `stream`, from number `first` on. `heard` is the stream of the receiver's that the
    sender follows, None before the first letter of it. Without messages it only shows that the two still know each
    other.
    """

    node: str
    lease: int
    to: int
    stream: str
    first: int
    heard: str | None
    messages: list[bytes]


class Receipt(msgspec.Struct, frozen=True, array_like=True):
    """The number that the receiver waits for; None when it does not know the sender (any more).

    `refused` are the numbers of the letter's messages that came for a room which is not there.
    """

    expected: int | None
    refused: list[int] = []


def written(value: Message | Letter | Receipt) -> bytes:
    """As it goes over the bus."""
    return msgspec.msgpack.encode(value)


def message(content: bytes) -> Message:
    """Read a message. Raises msgspec.MsgspecError."""
    said: Message = msgspec.msgpack.decode(content, type=Message)
    return said
