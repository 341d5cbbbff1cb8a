"""`<Queue>`: the first call that waits in it, or the next that comes while the dial rings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from offhook.twiml import effects
from offhook.twiml.attributes import http_method, text, web_url
from offhook.twiml.entry import EntryPoint
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Part

if TYPE_CHECKING:
    from offhook.twiml.verbs.dial import Dial

LONGEST_NAME = 64
INVALID_URL = 14211
TOO_SHORT, TOO_LONG = 14212, 14213
NO_TASK_ROUTER = 14219


@dataclass(frozen=True, slots=True)
class Queue(Part):
    """The text is the queue's name. `url` is run by the call that waits, before the two are connected."""

    url: str | None = web_url(code=INVALID_URL)
    method: Literal["GET", "POST"] = http_method(code=14210)
    reservation_sid: str | None = text(longest=64)
    post_work_activity_sid: str | None = text(longest=64)

    def begin(self, dial: Dial, turn: Turn) -> bool:
        """Come for a call; False, with a notification, when what is written names no queue."""
        name = self.element.text.strip()
        if self.reservation_sid is not None or self.post_work_activity_sid is not None:
            turn.warn(NO_TASK_ROUTER, self.element, "There is no TaskRouter here")
            return False
        if not 0 < len(name) <= LONGEST_NAME:
            message = f"A queue's name has 1 to {LONGEST_NAME} characters"
            turn.warn(TOO_LONG if name else TOO_SHORT, self.element, message)
            return False
        heard = turn.absolute(self.url, INVALID_URL) if self.url else None
        turn.start(
            effects.Take,
            queue=name,
            entry=EntryPoint(heard, self.method) if heard is not None else None,
            timeout=dial.timeout,
            time_limit=dial.time_limit,
            hangup_on_star=dial.hangup_on_star,
            ring_tone=dial.ring_tone,
            record=dial.record,
            trim=dial.trim,
            recording_callback=dial.recording_callback(turn),
            recording_track=dial.recording_track,
        )
        return True
