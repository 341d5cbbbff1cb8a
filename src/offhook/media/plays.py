"""What a worker plays to its legs and rooms, and what voice is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from offhook.media import protocol
from offhook.media.audible import Audible
from offhook.media.items import ItemError, SourceMaker
from offhook.media.playback import Playback, Reason


class Plays:
    """All plays. `playing`: whoever has something to play, by number."""

    def __init__(
        self,
        sources: SourceMaker,
        tell: Callable[[protocol.Event], None],
        on_change: Callable[[Audible], None],
    ) -> None:
        """on_change: somebody has begun to have something to play, or has nothing left."""
        self.playing: dict[int, Audible] = {}
        self._sources = sources
        self._tell = tell
        self._on_change = on_change

    def begin(self, to: Audible, command: protocol.Play) -> None:
        playback = Playback(command.play, (), command.loop, command.more, time.monotonic())
        to.queue.add(playback)
        self.playing[to.number] = to
        self._append(to, playback, command.items, command.more)
        self._on_change(to)

    def extend(self, to: Audible, command: protocol.ExtendPlay) -> None:
        playback = to.queue.find(command.play)
        if playback is not None and playback.more:
            self._append(to, playback, command.items, command.more)

    def stop(self, to: Audible, play: int) -> None:
        to.queue.stop(play, "stopped")
        self.report(to, time.monotonic())

    def close(self, to: Audible, now: float) -> None:
        """End all plays: whoever they are played to is closed."""
        to.queue.stop_all("closed")
        self.report(to, now)

    def _append(self, to: Audible, playback: Playback, items: tuple[protocol.Item, ...], more: bool) -> None:
        try:
            playback.extend(self._sources.make(items, to.key_sender), more)
        except ItemError as error:
            playback.detail = str(error)
            to.queue.stop(playback.play, "failed")
            self.report(to, time.monotonic())

    def report(self, to: Audible, now: float) -> None:
        """Tell what has begun and ended since this was last called."""
        queue = to.queue
        for playback in queue.started:
            delay = now - max(playback.asked_at, to.last_play_end)
            self._tell(protocol.PlayStarted(to.number, playback.play, round(delay * 1000, 3)))
        queue.started.clear()
        for playback, reason in queue.ended:
            self._tell(_finished(to, playback, reason))
            to.last_play_end = now
        queue.ended.clear()
        if not queue and to.number in self.playing:
            del self.playing[to.number]
            self._on_change(to)


def _finished(to: Audible, playback: Playback, reason: Reason) -> protocol.PlayFinished:
    return protocol.PlayFinished(to.number, playback.play, reason, playback.milliseconds, playback.detail)
