"""One key press, told by several means: as a tone in the audio, as an RFC 4733 event, and in a SIP INFO.

Phones and gateways send two or all three of them for every press, moments apart and in any order. A press is news
by the first of them.
"""

from __future__ import annotations

from typing import Final

WITHIN_SECONDS: Final = 2.0
"""All means tell of a press within this time; an INFO that comes at its end, within this and the press itself."""
_REMEMBERED = 32


class KeyPresses:
    """The presses of one leg."""

    def __init__(self) -> None:
        self._presses: list[tuple[str, float, set[str]]] = []

    def is_new(self, key: str, means: str, now: float, *, held: float = 0.0) -> bool:
        """Whether a key is a press of which no other means has told. `held`: seconds, if that is known.

        The second "5" by one means is another press, and so the second by the other means belongs to it.
        """
        for pressed, at, told_by in self._presses:
            if pressed == key and means not in told_by and now - at <= WITHIN_SECONDS + held:
                told_by.add(means)
                return False
        self._presses.append((key, now, {means}))
        del self._presses[:-_REMEMBERED]
        return True
