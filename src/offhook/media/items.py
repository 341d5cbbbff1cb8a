"""From the items of a Play command to sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from offhook.media import protocol
from offhook.media.leg import Leg
from offhook.media.sources import (
    AudioFiles,
    EventKeys,
    LiveSource,
    SilenceSource,
    Source,
    ToneSource,
    playable_keys,
    tone_keys,
)
from offhook.media.streams_link import StreamsLink

MAX_MILLISECONDS: Final = 24 * 3600 * 1000
MAX_WAVES: Final = 4
MAX_KEYS: Final = 1000


class ItemError(ValueError):
    """An item that cannot be played; the message says why."""


class SourceMaker:
    """Makes the sources of one worker: they share files and the connection to streams."""

    def __init__(self, link: StreamsLink) -> None:
        self._link = link
        self._files = AudioFiles()

    def make(self, items: Sequence[protocol.Item], leg: Leg) -> list[Source]:
        """Sources for all items, or none. Raises ItemError."""
        sources: list[Source] = []
        try:
            for item in items:
                sources.append(self._make_one(item, leg))
        except (OSError, ValueError) as error:
            for source in sources:
                source.release()
            raise ItemError(str(error)) from error
        return sources

    def keys(self, text: str, leg: Leg) -> Source:
        """Keys in the way the leg's peer understands. Raises ValueError for other characters."""
        playable_keys(text)
        if leg.remote is not None and leg.remote.dtmf_payload_type is not None:
            return EventKeys(text, leg.send_event)
        return tone_keys(text)

    def _make_one(self, item: protocol.Item, leg: Leg) -> Source:
        match item:
            case protocol.AudioFile(path):
                return self._files.open(path)
            case protocol.Tone(hz, milliseconds):
                if not 1 <= len(hz) <= MAX_WAVES:
                    raise ItemError(f"a tone of {len(hz)} waves")
                return ToneSource(hz, _checked(milliseconds))
            case protocol.Silence(milliseconds):
                return SilenceSource(_checked(milliseconds))
            case protocol.Digits(text):
                if len(text) > MAX_KEYS:
                    raise ItemError(f"{len(text)} digits at once")
                return self.keys(text, leg)
            case protocol.Live(feed):
                return LiveSource(self._link.feed(feed), lambda: self._link.release(feed))


def _checked(milliseconds: int) -> int:
    """A length that is one."""
    if not 0 <= milliseconds <= MAX_MILLISECONDS:
        raise ItemError(f"a length of {milliseconds} ms")
    return milliseconds
