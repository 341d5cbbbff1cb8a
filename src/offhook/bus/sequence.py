"""Messages from one process to another in order, each once, over a bus that may lose or repeat what it carries.

The sender numbers what it says and sends all that is not acknowledged, the oldest first, in one request; the receiver
takes what is new to it and answers with the number it waits for. So nothing is taken twice, and nothing before what
precedes it, whatever requests and answers are lost. What one process has said to another since it knows it is a
*stream*, which has a name of its own: who has forgotten the other begins a new one.

There is no I/O here, and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

MOST_WAITING: Final = 4 << 20
"""Octets that may wait to be acknowledged."""
MOST_TOGETHER: Final = 256 << 10
"""Octets that are sent in one request, unless a single message is longer."""


class TooMuchError(Exception):
    """More waits to be acknowledged than may."""


class Outgoing:
    """What is said to a process, in the stream `name`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._waiting: deque[bytes] = deque()
        self._octets = 0
        self._first = 1

    def put(self, message: bytes) -> int:
        """Say something; its number. Raises TooMuchError."""
        if self._octets + len(message) > MOST_WAITING:
            raise TooMuchError
        self._waiting.append(message)
        self._octets += len(message)
        return self._first + len(self._waiting) - 1

    def unacknowledged(self) -> tuple[int, list[bytes]]:
        """What is to be sent: the number of the first, and as many as go together; none when all is acknowledged."""
        together: list[bytes] = []
        octets = 0
        for message in self._waiting:
            octets += len(message)
            if together and octets > MOST_TOGETHER:
                break
            together.append(message)
        return self._first, together

    def acknowledge(self, expected: int) -> None:
        """The receiver waits for this number."""
        while self._first < expected and self._waiting:
            self._octets -= len(self._waiting.popleft())
            self._first += 1


class Incoming:
    """How much of what a process says has been taken."""

    def __init__(self) -> None:
        self.stream: str | None = None
        self.expected = 1

    def follows(self, stream: str, first: int) -> bool:
        """Whether a request goes on where the last one ended, or begins the first stream that is heard."""
        if self.stream is None:
            return first == 1
        return stream == self.stream and first <= self.expected

    def take(self, stream: str, first: int, messages: Sequence[bytes]) -> list[tuple[int, bytes]]:
        """The messages of a request that `follows`, without those that were taken before, with their numbers."""
        self.stream = stream
        new = list(enumerate(messages, first))[self.expected - first :]
        self.expected += len(new)
        return new
