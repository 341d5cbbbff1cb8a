"""The sending side of a private Unix socket under asyncio: what one turn of the event loop writes leaves together.

uvloop writes to a socket at once, and each write wakes the process at the other end: that costs more than the
message. The frames are those of `offhook.bus.ipc`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from offhook.bus.ipc import encode


class FrameWriter:
    """Messages on their way into a stream, in order."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._waiting = bytearray()

    def write(self, message: Any) -> None:
        """Send a message before the event loop waits again; dropped when the stream is closed.

        Raises:
            LocalProtocolError: the message is longer than a frame may be.
        """
        frame = encode(message)
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._flush)
        self._waiting += frame

    def close(self) -> None:
        """Close the stream, after what was written."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._waiting and not self._writer.is_closing():
            self._writer.write(bytes(self._waiting))
        self._waiting.clear()
