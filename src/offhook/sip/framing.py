"""Cut a byte stream into SIP messages by Content-Length (RFC 3261 section 18.3), with RFC 5626's keep-alives.

The framer only finds where a message ends; `parser.py` reads it.
"""

from __future__ import annotations

import re

from offhook.errors import RemoteProtocolError
from offhook.sip.parser import MAX_MESSAGE, content_length

PING = b"\r\n\r\n"
PONG = b"\r\n"
"""RFC 5626 section 4.4.1: a double CRLF between messages is a ping, a single CRLF its pong."""

_CONTENT_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:(?:[ \t]|\r\n[ \t])*([^\r\n]*)", re.IGNORECASE)


class StreamFramer:
    """The receiving end of one connection.

    `fault` is why the stream cannot be followed any more, and the head of the message at fault, as far as it came.
    """

    __slots__ = ("_buffer", "_scanned", "fault")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self.fault: tuple[RemoteProtocolError, bytes] | None = None

    @property
    def size(self) -> int:
        """Octets that wait for the rest of their message."""
        return len(self._buffer)

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read; returns the messages completed by it, each whole, and `PING` for a keep-alive.

        Look at `fault` afterwards; nothing is read any more once there is one.
        """
        found: list[bytes] = []
        if self.fault is not None:
            return found
        self._buffer += data
        try:
            while (message := self._next()) is not None:
                found.append(message)
        except RemoteProtocolError as error:
            self.fault = (error.with_traceback(None), bytes(self._buffer.partition(b"\r\n\r\n")[0]))
            self._buffer.clear()
        return found

    def _next(self) -> bytes | None:
        buffer = self._buffer
        if buffer[:1] == b"\r" or buffer[:1] == b"\n":
            return self._take_keep_alive()
        end = buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        if end < 0:
            self._scanned = len(buffer)
            if len(buffer) > MAX_MESSAGE:
                raise RemoteProtocolError("headers too long", 513)
            return None
        self._scanned = end
        size = end + 4 + self._body_length(end)
        if size > MAX_MESSAGE:
            raise RemoteProtocolError("message too long", 513)
        return self._take(size) if len(buffer) >= size else None

    def _take(self, size: int) -> bytes:
        message = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._scanned = 0
        return message

    def _take_keep_alive(self) -> bytes | None:
        """A ping, or nothing: stray line ends between messages are skipped (section 7.5)."""
        buffer = self._buffer
        if buffer.startswith(PING):
            return self._take(len(PING))
        if PING.startswith(buffer):
            return None
        self._buffer = buffer.lstrip(b"\r\n")
        self._scanned = 0
        return self._next() if self._buffer else None

    def _body_length(self, end: int) -> int:
        """On a stream Content-Length is mandatory (section 20.14), and two of them give no length at all."""
        found = _CONTENT_LENGTH.findall(self._buffer, 0, end)
        if len(found) != 1:
            raise RemoteProtocolError("Content-Length is missing or given twice", 400)
        return content_length(found[0].decode("latin-1").strip())
