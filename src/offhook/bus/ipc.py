"""The framing of private Unix sockets: u32 big-endian length, then one MessagePack value of that many bytes.

Messages are `msgspec.Struct(tag=True, array_like=True, frozen=True)` classes; a socket's protocol is the
union of them. There is no I/O here, so that blocking, asyncio and epoll code use the same two things:
`encode` and `Frames.feed`. The peer is another of our processes, but a length past the limit still ends
the connection.
"""

from __future__ import annotations

import struct
from typing import Any, Final, Generic, TypeVar

import msgspec

from offhook.errors import LocalProtocolError, RemoteProtocolError

MAX_MESSAGE: Final = 1 << 20
"""Bytes of one message; the largest real one (a TwiML `<Say>` of 4096 characters with its items) is 20 kB."""

_LENGTH = struct.Struct(">I")
_ENCODER = msgspec.msgpack.Encoder()

Message = TypeVar("Message")


def encode(message: Any) -> bytes:
    """A message as it goes on the socket.

    Raises:
        LocalProtocolError: the message is longer than `MAX_MESSAGE`.
    """
    body = _ENCODER.encode(message)
    if len(body) > MAX_MESSAGE:
        raise LocalProtocolError(f"message of {len(body)} bytes, at most {MAX_MESSAGE} go in a frame")
    return _LENGTH.pack(len(body)) + body


class Frames(Generic[Message]):
    """Reassembles messages from the bytes of a stream socket.

    Args:
        kind: what a frame may hold, usually a union of structs: `Frames[Command](Command)`.
    """

    def __init__(self, kind: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(kind)
        self._buffer = bytearray()

    def feed(self, data: bytes | bytearray | memoryview) -> list[Message]:
        """Take received bytes and return the messages that are now complete, oldest first.

        Raises:
            RemoteProtocolError: a frame is too long, or is not a message of this protocol. The connection must
                be closed: where the next frame begins is not known.
        """
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        at, end = 0, len(buffer)
        while end - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if length > MAX_MESSAGE:
                raise RemoteProtocolError(f"frame of {length} bytes, at most {MAX_MESSAGE} are taken")
            body = at + _LENGTH.size
            if end - body < length:
                break
            messages.append(self._decode(bytes(buffer[body : body + length])))
            at = body + length
        del buffer[:at]
        return messages

    def _decode(self, body: bytes) -> Message:
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise RemoteProtocolError(f"frame is not a message of this protocol: {error}") from error

    @property
    def pending(self) -> int:
        """Bytes of a message that is not complete yet; not zero at end of file means that it was cut."""
        return len(self._buffer)
