"""What can be played, a frame at a time: files, tones, silence, keys, and live feeds.

A source fills blocks of samples in order, and is at its end when it fills less than it was given. It may be
rewound, to be looped.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from offhook.audio.frames import FRAME_SAMPLES, SAMPLE_RATE
from offhook.audio.g711 import Samples
from offhook.audio.tones import KEYS, dtmf, tone
from offhook.rtp import telephone_event

KEY_FRAMES: Final = 5
"""Frames (100 ms) that a key is held; and the same of silence after it."""
KEY_PAUSE_FRAMES: Final = 5
WAIT_SAMPLES: Final = {"w": SAMPLE_RATE // 2, "W": SAMPLE_RATE}
MAX_FEED_BYTES: Final = 300 * SAMPLE_RATE * 2
"""A feed that is five minutes ahead of what is played loses what comes then."""

SendEvent = Callable[[bytes, bool], None]
"""Send a telephone event's payload in place of this tick's audio; True when it begins the event."""


class Source(Protocol):
    """Something to play."""

    def fill(self, block: Samples) -> int:
        """Write the next samples to the start of the block; how many. Fewer than its length: the end."""

    def rewind(self) -> None:
        """Begin again."""

    def release(self) -> None:
        """Give up what is held; it is not filled from again."""


class Recorded:
    """Samples in memory, or mapped into it."""

    def __init__(self, samples: Samples, on_release: Callable[[], None] | None = None) -> None:
        self._samples = samples
        self._at = 0
        self._on_release = on_release

    def fill(self, block: Samples) -> int:
        piece = self._samples[self._at : self._at + len(block)]
        count = len(piece)
        block[:count] = piece
        self._at += count
        return count

    def rewind(self) -> None:
        self._at = 0

    def release(self) -> None:
        self._samples = self._samples[:0]
        if self._on_release:
            self._on_release()
            self._on_release = None


class ToneSource:
    """A sum of sine waves for some time."""

    def __init__(self, hz: tuple[float, ...], milliseconds: int) -> None:
        self._second = second_of_tone(hz)
        self._length = milliseconds * SAMPLE_RATE // 1000
        self._at = 0

    def fill(self, block: Samples) -> int:
        count = min(len(block), self._length - self._at)
        start = self._at % SAMPLE_RATE
        first = min(count, SAMPLE_RATE - start)
        block[:first] = self._second[start : start + first]
        block[first:count] = self._second[: count - first]
        self._at += count
        return count

    def rewind(self) -> None:
        self._at = 0

    def release(self) -> None:
        """Nothing is held."""


@lru_cache(maxsize=64)
def second_of_tone(hz: tuple[float, ...]) -> Samples:
    """A second of a tone, computed once for all legs. Frequencies are whole Hz, so that it can be repeated."""
    return tone([round(wave) for wave in hz], SAMPLE_RATE)


class SilenceSource:
    """Silence for some time."""

    def __init__(self, milliseconds: int) -> None:
        self._length = milliseconds * SAMPLE_RATE // 1000
        self._left = self._length

    def fill(self, block: Samples) -> int:
        count = min(len(block), self._left)
        block[:count] = 0
        self._left -= count
        return count

    def rewind(self) -> None:
        self._left = self._length

    def release(self) -> None:
        """Nothing is held."""


class EventKeys:
    """Keys as telephone events: silence, and an event's payload handed over with each frame."""

    def __init__(self, text: str, send: SendEvent) -> None:
        """text: of tones.KEYS, `w` and `W`."""
        self._text = text
        self._send = send
        self.rewind()

    def rewind(self) -> None:
        self._plan = self._frames()

    def _frames(self) -> list[tuple[bytes, bool] | None]:
        """What is sent in each frame, the last one first."""
        plan: list[tuple[bytes, bool] | None] = []
        for key in self._text:
            if key in WAIT_SAMPLES:
                plan += [None] * (WAIT_SAMPLES[key] // FRAME_SAMPLES)
            else:
                plan += telephone_event.press(key, KEY_FRAMES, FRAME_SAMPLES)
                plan += [None] * KEY_PAUSE_FRAMES
        return plan[::-1]

    def fill(self, block: Samples) -> int:
        if not self._plan:
            return 0
        block[:] = 0
        if len(block) == FRAME_SAMPLES and (event := self._plan.pop()):
            self._send(*event)
        return len(block)

    def release(self) -> None:
        self._plan = []


class Feed:
    """Audio that streams pushes: what has come and not been played."""

    def __init__(self) -> None:
        self.ended = False
        self._pending = bytearray()

    def push(self, audio: bytes) -> bool:
        """Append samples; False when there is no room and they are dropped. No samples end the feed."""
        if not audio:
            self.ended = True
            return True
        if len(self._pending) + len(audio) > MAX_FEED_BYTES:
            return False
        self._pending += audio
        return True

    def pull(self, samples: int) -> Samples:
        """Up to this many samples."""
        size = min(samples, len(self._pending) // 2) * 2
        taken = np.frombuffer(bytes(self._pending[:size]), dtype="<i2")
        del self._pending[:size]
        return taken.astype(np.int16)


class LiveSource:
    """Plays a feed: silence while it has nothing, until it ends."""

    def __init__(self, feed: Feed, on_release: Callable[[], None]) -> None:
        self._feed = feed
        self._on_release = on_release

    def fill(self, block: Samples) -> int:
        audio = self._feed.pull(len(block))
        block[: len(audio)] = audio
        if self._feed.ended:
            return len(audio)
        block[len(audio) :] = 0
        return len(block)

    def rewind(self) -> None:
        """A feed cannot be played twice: it is at its end, and stays there."""

    def release(self) -> None:
        self._on_release()


def tone_keys(text: str) -> Recorded:
    """Keys as tones, for peers that did not negotiate telephone events."""
    pieces = []
    for key in text:
        if key in WAIT_SAMPLES:
            pieces.append(np.zeros(WAIT_SAMPLES[key], dtype=np.int16))
        else:
            pieces.append(dtmf(key, KEY_FRAMES * FRAME_SAMPLES))
            pieces.append(np.zeros(KEY_PAUSE_FRAMES * FRAME_SAMPLES, dtype=np.int16))
    return Recorded(np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int16))


def playable_keys(text: str) -> str:
    """The text if it has only keys and waits. Raises ValueError."""
    for key in text:
        if key not in WAIT_SAMPLES and key.upper() not in KEYS:
            raise ValueError("not a key or a wait")
    return text


class AudioFiles:
    """Files mapped into memory, once each however many legs play them."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Samples, int]] = {}

    def open(self, path: str) -> Recorded:
        """A source of a raw file. Raises OSError when it cannot be read."""
        samples, users = self._open.get(path) or (_map(path), 0)
        self._open[path] = (samples, users + 1)
        return Recorded(samples, lambda: self._release(path))

    def _release(self, path: str) -> None:
        samples, users = self._open.pop(path)
        if users > 1:
            self._open[path] = (samples, users - 1)


def _map(path: str) -> Samples:
    """The samples of a file. The kernel is asked to read ahead, so that no tick waits for a disk."""
    with Path(path).open("rb") as file:
        size = file.seek(0, 2) & ~1
        if not size:
            return np.zeros(0, dtype=np.int16)
        mapped = mmap.mmap(file.fileno(), size, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
    mapped.madvise(mmap.MADV_WILLNEED)
    return np.frombuffer(mapped, dtype="<i2")
