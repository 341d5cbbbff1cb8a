"""From the items of a Play command to sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from offhook.media import protocol
from offhook.media.sources import (
    AudioFiles,
    EventKeys,
    LiveSource,
    SendEvent,
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

    def make(self, items: Sequence[protocol.Item], send_event: SendEvent | None) -> list[Source]:
        """Sources for all items, or none. Raises ItemError. `send_event`: as in `keys`."""
        sources: list[Source] = []
        try:
            for item in items:
                sources.append(self._make_one(item, send_event))
        except (OSError, ValueError) as error:
            for source in sources:
                source.release()
            raise ItemError(str(error)) from error
        return sources

    def keys(self, text: str, send_event: SendEvent | None) -> Source:
        """Keys as telephone events, which `send_event` sends, else as tones. Raises ValueError for other characters."""
        playable_keys(text)
        return tone_keys(text) if send_event is None else EventKeys(text, send_event)

    def _make_one(self, item: protocol.Item, send_event: SendEvent | None) -> Source:
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
                return self.keys(text, send_event)
            case protocol.Live(feed):
                return LiveSource(self._link.feed(feed), lambda: self._link.release(feed))


def _checked(milliseconds: int) -> int:
    """A length that is one."""
    if not 0 <= milliseconds <= MAX_MILLISECONDS:
        raise ItemError(f"a length of {milliseconds} ms")
    return milliseconds
