"""A leg's queue of plays: each a list of sources in order, looped or extended, and what is to be told of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Literal

from offhook.audio.frames import FRAME_SAMPLES
from offhook.audio.g711 import Samples
from offhook.media.sources import Source

Reason = Literal["finished", "stopped", "failed", "closed"]


class Playback:
    """One play. `asked_at` is in monotonic seconds; `samples` is how much was sent."""

    __slots__ = (
        "_at",
        "_filled_in_pass",
        "_loops_left",
        "_sources",
        "asked_at",
        "detail",
        "more",
        "play",
        "samples",
        "started",
    )

    def __init__(self, play: int, sources: Sequence[Source], loop: int, more: bool, asked_at: float) -> None:
        """loop: how often, 0 for ever. more: silence at the end until there is more."""
        self.play = play
        self.more = more
        self.asked_at = asked_at
        self.started = False
        self.samples = 0
        self.detail = ""
        self._sources = list(sources)
        self._loops_left = loop
        self._at = 0
        self._filled_in_pass = 0

    def extend(self, sources: Sequence[Source], more: bool) -> None:
        """Append sources."""
        self._sources += sources
        self.more = more

    def fill(self, block: Samples) -> int:
        """Write the next samples; less than the block's length means that the play is over.

        While it waits for more, the rest of the block is silence.
        """
        filled = 0
        wanted = len(block)
        while filled < wanted:
            if self._at >= len(self._sources) and not self._next_pass():
                break
            count = self._sources[self._at].fill(block[filled:] if filled else block)
            filled += count
            self._filled_in_pass += count
            if filled < wanted:
                self._at += 1
        self.samples += filled
        if filled < wanted and self.more:
            block[filled:] = 0
            return wanted
        return filled

    def _next_pass(self) -> bool:
        """At the end of the sources: begin them again, if they are to be and there is anything in them."""
        if self.more or self._loops_left == 1 or not self._filled_in_pass:
            return False
        self._loops_left = max(0, self._loops_left - 1)
        for source in self._sources:
            source.rewind()
        self._at = self._filled_in_pass = 0
        return True

    def release(self) -> None:
        """Let go of all sources."""
        for source in self._sources:
            source.release()
        self._sources = []

    @property
    def milliseconds(self) -> int:
        return self.samples // 8


class PlayQueue:
    """The plays of a leg, in turn. What begins and ends is collected in `started` and `ended` until taken."""

    __slots__ = ("_plays", "ended", "started")

    def __init__(self) -> None:
        self._plays: deque[Playback] = deque()
        self.started: list[Playback] = []
        self.ended: list[tuple[Playback, Reason]] = []

    def __bool__(self) -> bool:
        return bool(self._plays)

    def find(self, play: int) -> Playback | None:
        """A play that is not over."""
        return next((playback for playback in self._plays if playback.play == play), None)

    def add(self, playback: Playback) -> None:
        self._plays.append(playback)

    def stop(self, play: int, reason: Reason) -> None:
        """End a play, playing or waiting."""
        if playback := self.find(play):
            self._plays.remove(playback)
            self._end(playback, reason)

    def stop_all(self, reason: Reason) -> None:
        while self._plays:
            self._end(self._plays.popleft(), reason)

    def _end(self, playback: Playback, reason: Reason) -> None:
        playback.release()
        self.ended.append((playback, reason))

    def fill(self, frame: Samples) -> None:
        """Write a frame of whatever is to be played; silence where there is nothing."""
        filled = 0
        while filled < FRAME_SAMPLES and self._plays:
            playback = self._plays[0]
            if not playback.started:
                playback.started = True
                self.started.append(playback)
            filled += playback.fill(frame[filled:] if filled else frame)
            if filled < FRAME_SAMPLES:
                self._plays.popleft()
                self._end(playback, "finished")
        if filled < FRAME_SAMPLES:
            frame[filled:] = 0
