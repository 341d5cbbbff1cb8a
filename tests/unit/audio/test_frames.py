"""Batches of audio between two processes."""

from __future__ import annotations

import struct

import pytest

from offhook.audio.frames import MAX_BATCH_BYTES, BatchError, BatchReader, pack_batch

RECORDS = [(1, b"\1\2" * 160), (0xFFFFFFFF, b""), (7, b"\3\4")]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_records_come_out_as_they_went_in_however_the_stream_is_cut(size: int) -> None:
    stream = pack_batch(RECORDS) + pack_batch([]) + pack_batch(RECORDS[:1])
    reader = BatchReader()
    read = [record for at in range(0, len(stream), size) for record in reader.feed(stream[at : at + size])]
    assert read == RECORDS + RECORDS[:1]


@pytest.mark.parametrize(
    ("batch", "why"),
    [
        (struct.pack("!I", MAX_BATCH_BYTES + 1), "a batch of"),
        (struct.pack("!I", 3) + b"abc", "cut short"),
        (struct.pack("!IIH", 6, 1, 2), "longer than its batch"),
    ],
)
def test_a_broken_peer_is_noticed(batch: bytes, why: str) -> None:
    with pytest.raises(BatchError, match=why):
        BatchReader().feed(batch)
