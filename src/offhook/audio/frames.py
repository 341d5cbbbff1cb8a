"""Frames of live audio between media and streams: how taps and feeds are laid out on their Unix socket.

Both directions carry batches. A batch is a big-endian u32 with the number of bytes that follow, and then
records: u32 channel, u16 byte count (both big-endian), and that many bytes of audio, 16-bit signed
little-endian samples at 8 kHz, mono. From media a channel is a tap and a batch holds what one tick heard;
towards media a channel is a feed. A record without audio ends its channel. The channel `LOST` is none: its record,
a big-endian u32, says how many frames of all taps did not come before what follows in the batch.

This module knows the layout only; sockets, buffers and pacing belong to the callers.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

SAMPLE_RATE = 8000
"""Samples a second of everything that media and streams exchange."""
FRAME_MILLISECONDS = 20
FRAME_SAMPLES = SAMPLE_RATE * FRAME_MILLISECONDS // 1000
"""Samples of one leg in one tick."""
FRAME_BYTES = FRAME_SAMPLES * 2

MAX_BATCH_BYTES = 16 * 1024 * 1024
"""A longer batch is a broken peer: no worker has that many legs."""

LOST = 0
"""The channel of the record that says how many frames were lost."""

_LENGTH = struct.Struct("!I")
_RECORD = struct.Struct("!IH")


class BatchError(ValueError):
    """The peer sent a batch that cannot be read; the connection is of no further use."""


def pack_batch(records: Iterable[tuple[int, bytes | memoryview]]) -> bytes:
    """One batch of (channel, audio) records, ready to be sent. At most 65,535 bytes of audio a record."""
    parts: list[bytes | memoryview] = [b""]
    total = 0
    for channel, audio in records:
        parts.append(_RECORD.pack(channel, len(audio)))
        parts.append(audio)
        total += _RECORD.size + len(audio)
    parts[0] = _LENGTH.pack(total)
    return b"".join(parts)


def lost(frames: int) -> tuple[int, bytes]:
    """The record that says so."""
    return LOST, _LENGTH.pack(frames)


class BatchReader:
    """Cuts a byte stream into records, whatever the pieces it arrives in."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes | memoryview) -> list[tuple[int, bytes]]:
        """The (channel, audio) records of every batch that `data` completes, in order.

        Raises BatchError when a batch is too long or its records do not fill it exactly.
        """
        self._pending += data
        records: list[tuple[int, bytes]] = []
        start = 0
        while len(self._pending) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._pending, start)
            if length > MAX_BATCH_BYTES:
                raise BatchError(f"a batch of {length} bytes")
            end = start + _LENGTH.size + length
            if len(self._pending) < end:
                break
            records += _records(self._pending, start + _LENGTH.size, end)
            start = end
        if start:
            del self._pending[:start]
        return records


def _records(data: bytearray, position: int, end: int) -> list[tuple[int, bytes]]:
    """The records in data[position:end]."""
    records = []
    while position < end:
        if end - position < _RECORD.size:
            raise BatchError("a record is cut short")
        channel, size = _RECORD.unpack_from(data, position)
        position += _RECORD.size
        if end - position < size:
            raise BatchError("a record is longer than its batch")
        records.append((channel, bytes(data[position : position + size])))
        position += size
    return records
