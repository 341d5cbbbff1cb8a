"""`<Record>`: records what the caller says, and sends where to find it to its action.

It ends with silence, a key, the greatest length or the caller's hanging up; also then the action is
requested, with `Digits=hangup`. Of a recording with nothing in it nothing is requested, and the next verb
runs. Transcription is not built: asked for, it gives warning 13619 and the recording is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from offhook.twiml import effects
from offhook.twiml.attributes import (
    LONGEST_TIMER,
    WITHOUT_EFFECT,
    boolean,
    choice,
    http_method,
    integer,
    keys,
    limit,
    text,
    web_url,
    words,
)
from offhook.twiml.events import DigitPressed, Event, RecordingDone
from offhook.twiml.turn import Turn
from offhook.twiml.verb import END, NEXT, Goto, Outcome, Verb

NO_TRANSCRIPTION = 13619
HANG_UP = "hangup"


@dataclass(frozen=True, slots=True)
class Record(Verb):
    """`timeout`: seconds of silence, 0 for any; `maxLength`: seconds."""

    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13610)
    timeout: int = integer(5, at_least=1, at_most=LONGEST_TIMER, also=0, code=13611)
    finish_on_key: str = keys("1234567890*#", code=13613)
    max_length: int = limit(3600, at_most=14400, code=13612)
    play_beep: bool = boolean(True, code=13616)
    trim: Literal["trim-silence", "do-not-trim"] = choice("do-not-trim", "trim-silence", code=13699)
    recording_status_callback: str | None = web_url(code=13256)
    recording_status_callback_method: Literal["GET", "POST"] = http_method(code=13610)
    recording_status_callback_event: tuple[str, ...] = words(
        ("completed",), "in-progress", "absent", code=13621
    )
    transcribe: bool = boolean(False, code=13614, unbuilt=NO_TRANSCRIPTION)
    transcribe_callback: str | None = web_url(code=13257, unbuilt=NO_TRANSCRIPTION)
    recording_configuration_id: str | None = text(longest=64, unbuilt=WITHOUT_EFFECT)

    recording: int | None = None
    ended_by: str = ""

    hears_digits = True

    def begin(self, turn: Turn) -> Outcome:
        """Beep, or record at once. What was typed before is not meant to end it."""
        turn.typed = ""
        if self.play_beep:
            turn.start(effects.Beep)
            return self
        return self._record(turn)

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Take the end of the beep, a key, or the recording."""
        match event:
            case DigitPressed(digit):
                return self._press(digit, turn)
            case RecordingDone():
                return self._submit(event)
        return self._record(turn)

    def hung_up(self, turn: Turn) -> Outcome:
        """Wait for what was recorded until then."""
        if self.recording is None:
            return END
        turn.stop(self.recording)
        return replace(self, ended_by=HANG_UP)

    def _record(self, turn: Turn) -> Outcome:
        recording = turn.start(
            effects.StartRecording,
            max_length=self.max_length,
            silence_timeout=self.timeout or None,
            trim=self.trim,
            callback=turn.callback(
                self.recording_status_callback,
                self.recording_status_callback_method,
                self.recording_status_callback_event,
                13256,
            ),
        )
        return replace(self, recording=recording)

    def _press(self, digit: str, turn: Turn) -> Outcome:
        if self.recording is None or self.ended_by or digit not in self.finish_on_key:
            return self
        turn.stop(self.recording)
        return replace(self, ended_by=digit)

    def _submit(self, done: RecordingDone) -> Outcome:
        if done.empty:
            return NEXT
        ended_by = HANG_UP if done.reason == HANG_UP else self.ended_by
        recording = (
            ("RecordingUrl", done.url),
            ("RecordingSid", done.sid),
            ("RecordingDuration", str(done.duration)),
        )
        return Goto(self.action, self.method, (*recording, *((("Digits", ended_by),) if ended_by else ())))
