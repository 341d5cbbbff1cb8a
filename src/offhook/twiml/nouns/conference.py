"""`<Conference>`: a room that calls enter by its name; the first says how it is recorded and who is told of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from offhook.twiml import effects
from offhook.twiml.attributes import (
    WITHOUT_EFFECT,
    boolean,
    choice,
    http_method,
    limit,
    text,
    web_url,
    words,
)
from offhook.twiml.holdmusic import waiting
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Part

if TYPE_CHECKING:
    from offhook.twiml.verbs.dial import Dial

INVALID_WAIT_URL: Final = 13233
INVALID_NAME: Final = 13237
INVALID_COACH: Final = 13240
INVALID_LABEL: Final = 16023
LONGEST_NAME: Final = 128
_CALL_SID = re.compile(r"CA[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Conference(Part):
    """The text is the conference's name. A call that enters is answered: who waits hears music."""

    muted: bool = boolean(False, code=13230)
    beep: Literal["true", "false", "onEnter", "onExit"] = choice(
        "true", "false", "onEnter", "onExit", code=13235
    )
    start_conference_on_enter: bool = boolean(True, code=13232)
    end_conference_on_exit: bool = boolean(False, code=13231)
    wait_url: str | None = web_url(code=INVALID_WAIT_URL)
    wait_method: Literal["GET", "POST"] = http_method(code=13234)
    max_participants: int = limit(250, at_most=250, code=WITHOUT_EFFECT)
    record: Literal["do-not-record", "record-from-start"] = choice(
        "do-not-record",
        "record-from-start",
        aliases={"true": "record-from-start", "false": "do-not-record"},
    )
    trim: Literal["trim-silence", "do-not-trim"] = choice("trim-silence", "do-not-trim", code=13239)
    coach: str | None = text(longest=64)
    participant_label: str | None = text(longest=1000)
    jitter_buffer_size: Literal["off", "small", "medium", "large"] = choice("large", "small", "medium", "off")
    region: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)
    recording_configuration_id: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)
    event_callback_url: str | None = web_url()
    status_callback: str | None = web_url()
    status_callback_method: Literal["GET", "POST"] = http_method()
    status_callback_event: tuple[str, ...] = words(
        (), "start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement"
    )
    recording_status_callback: str | None = web_url(code=13256)
    recording_status_callback_method: Literal["GET", "POST"] = http_method()
    recording_status_callback_event: tuple[str, ...] = words(
        ("completed",), "in-progress", "absent", code=13621
    )

    def begin(self, dial: Dial, turn: Turn) -> bool:
        """Enter; False, with a notification, when what is written names no conference or nobody to coach."""
        name = self.element.text.strip()
        if not 0 < len(name) <= LONGEST_NAME:
            turn.warn(INVALID_NAME, self.element, f"A conference's name has 1 to {LONGEST_NAME} characters")
            return False
        if self.coach is not None and not _CALL_SID.fullmatch(self.coach):
            turn.warn(INVALID_COACH, self.element, f"{self.coach[:80]!r} is not the SID of a call")
            return False
        turn.answer()
        turn.start(
            effects.Confer,
            name=name,
            muted=self.muted,
            beep=self.beep,
            start_on_enter=self.start_conference_on_enter,
            end_on_exit=self.end_conference_on_exit,
            wait=waiting(self.wait_url, self.wait_method, INVALID_WAIT_URL, turn),
            most=self.max_participants,
            coach=self.coach,
            label=self._label(turn),
            jitter_buffer=self.jitter_buffer_size,
            time_limit=dial.time_limit,
            hangup_on_star=dial.hangup_on_star,
            record=self.record != "do-not-record",
            trim=self.trim,
            recording_callback=self._recording_callback(turn),
            callback=turn.callback(
                self.status_callback, self.status_callback_method, self.status_callback_event
            ),
            leg=dial.leg_recording(turn),
        )
        return True

    def _recording_callback(self, turn: Turn) -> effects.StatusCallback | None:
        """Return whom to tell of the recording; `eventCallbackUrl` is of before there was a callback for that."""
        if self.recording_status_callback is None and self.event_callback_url is not None:
            return turn.callback(self.event_callback_url, "POST", ("completed",))
        return turn.callback(
            self.recording_status_callback,
            self.recording_status_callback_method,
            self.recording_status_callback_event,
            13256,
        )

    def _label(self, turn: Turn) -> str | None:
        label = self.participant_label
        if label is None or (0 < len(label) <= 128 and "/" not in label and not _CALL_SID.fullmatch(label)):
            return label
        turn.warn(INVALID_LABEL, self.element, f"{label[:80]!r} cannot be a participant's label")
        return None
