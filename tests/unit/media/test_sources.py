"""What can be played, frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from offhook.audio.tones import tone
from offhook.media.sources import SilenceSource, Source, ToneSource


def played(source: Source, block_samples: int) -> np.ndarray:
    """All that a source plays, taken in blocks."""
    blocks = []
    while True:
        block = np.full(block_samples, 99, dtype=np.int16)
        count = source.fill(block)
        blocks.append(block[:count])
        if count < block_samples:
            return np.concatenate(blocks)


@pytest.mark.parametrize("block_samples", [160, 7, 9000])
def test_tone_has_no_joints(block_samples: int) -> None:
    hz = (440.0, 480.0)
    heard = played(ToneSource(hz, 2100), block_samples).astype(int)
    assert np.abs(heard - tone(hz, 2100 * 8)).max() <= 1


def test_source_that_was_rewound_plays_again() -> None:
    for source in (ToneSource((1000.0,), 30), SilenceSource(30)):
        first = played(source, 160)
        source.rewind()
        assert (played(source, 160) == first).all()
        assert len(first) == 240
