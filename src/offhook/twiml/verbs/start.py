"""`<Start>`: begins what goes on beside the document that follows.

`<Recording>` records the call from now on. `<Stream>`, `<Siprec>` and `<Transcription>` are not built yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import WITHOUT_EFFECT, choice, http_method, text, web_url, words
from offhook.twiml.turn import Turn
from offhook.twiml.unbuilt import INNER
from offhook.twiml.verb import NEXT, Outcome, Part, Verb

INVALID_NOUN = 14300


@dataclass(frozen=True, slots=True)
class Recording(Part):
    """A recording of the whole call, beside what else it does."""

    recording_status_callback: str | None = web_url(code=13256)
    recording_status_callback_method: Literal["GET", "POST"] = http_method()
    recording_status_callback_event: tuple[str, ...] = words(
        ("completed",), "in-progress", "absent", code=13621
    )
    trim: Literal["trim-silence", "do-not-trim"] = choice("do-not-trim", "trim-silence")
    track: Literal["both", "inbound", "outbound"] = choice("both", "inbound", "outbound")
    channels: Literal["mono", "dual"] = choice("mono", "dual")
    recording_configuration_id: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)

    def begin(self, turn: Turn) -> None:
        """Record from now on. One track is one channel."""
        turn.want(
            effects.RecordCall(
                2 if self.channels == "dual" and self.track == "both" else 1,
                self.track,
                self.trim,
                turn.callback(
                    self.recording_status_callback,
                    self.recording_status_callback_method,
                    self.recording_status_callback_event,
                    13256,
                ),
            )
        )


@dataclass(frozen=True, slots=True)
class Start(Verb):
    """Without a noun it does nothing."""

    action: str | None = web_url(unbuilt=WITHOUT_EFFECT)
    method: Literal["GET", "POST"] = http_method(unbuilt=WITHOUT_EFFECT)

    nests = ("Recording", "Stream", "Siprec", "Transcription")

    def begin(self, turn: Turn) -> Outcome:
        """Begin each, and go on."""
        for child in self.element.children:
            if child.name == "Recording":
                turn.read(Recording, child).begin(turn)
            else:
                turn.warn(
                    INNER[child.name].code if child.name in INNER else INVALID_NOUN,
                    child,
                    "This cannot be started",
                )
        return NEXT
