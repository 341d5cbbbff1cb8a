"""What can be played to and tapped: a leg, or a room."""

from __future__ import annotations

from offhook.audio.g711 import Samples
from offhook.media import protocol
from offhook.media.playback import PlayQueue
from offhook.media.sources import SendEvent


class Audible:
    """A number of voice's, and a slot of the kernel's.

    frame_out: what is played in this tick. ready: whether it goes anywhere; until then plays wait.
    last_play_end: when a play ended last.
    """

    __slots__ = ("frame_out", "last_play_end", "number", "opened_at", "queue", "ready", "slot", "taps")

    def __init__(self, number: int, slot: int, frame_out: Samples, now: float) -> None:
        self.number = number
        self.slot = slot
        self.frame_out = frame_out
        self.opened_at = self.last_play_end = now
        self.ready = False
        self.queue = PlayQueue()
        self.taps: dict[int, protocol.TapSource] = {}

    @property
    def key_sender(self) -> SendEvent | None:
        """How keys leave as telephone events; None where they are tones."""
        return None
