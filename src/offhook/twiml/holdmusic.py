"""What is heard by a call that waits, unless it is said otherwise: music, which the platform serves itself."""

from __future__ import annotations

from typing import Final

from offhook.twiml.entry import EntryPoint, Method
from offhook.twiml.turn import Turn

HOLD_MUSIC: Final = EntryPoint(
    "http://twimlets.com/holdmusic?Bucket=com.twilio.music.classical", method="GET"
)


def waiting(url: str | None, method: Method, code: int, turn: Turn) -> EntryPoint | None:
    """The document of a wait: music where no URL is given, silence (None) where it is empty or cannot be used.

    `code` is that of a URL that cannot be used.
    """
    if url is None:
        return HOLD_MUSIC
    resolved = turn.absolute(url, code) if url else None
    return None if resolved is None else EntryPoint(resolved, method)
