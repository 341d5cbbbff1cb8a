"""`<Gather>`: collects digits while it prompts, and sends them to its action.

The time limit starts after the prompts and again after each digit. A digit stops the prompts (with
`bargeIn="false"` it only counts); digits that were pressed before the verb began count as the first ones.
The key that ends the input does so after at least one digit, is ignored before, and is not among the
digits. Without digits nothing is requested, unless `actionOnEmptyResult` says so, and the next verb runs.
Recognition of speech is not built: where it is asked for, digits are collected instead, and error 13340
says that input is degraded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from offhook.twiml import effects
from offhook.twiml.attributes import (
    LONGEST_TIMER,
    WITHOUT_EFFECT,
    boolean,
    http_method,
    keys,
    language_tag,
    limit,
    pattern,
    seconds,
    text,
    web_url,
    words,
)
from offhook.twiml.events import DigitPressed, Event
from offhook.twiml.prompting import PROMPTS, SILENCE, Prompting
from offhook.twiml.turn import Turn
from offhook.twiml.verb import NEXT, Goto, Outcome, Verb

INVALID_NESTED_VERB = 13320
DEGRADED_SPEECH = 13340
MOST_DIGITS = 1000


@dataclass(frozen=True, slots=True)
class Gather(Verb):
    """`timeout`: seconds. The attributes of speech are accepted and wait for a recogniser."""

    input: tuple[str, ...] = words(("dtmf",), "speech", code=13326, unbuilt=DEGRADED_SPEECH)
    action: str | None = web_url()
    method: Literal["GET", "POST"] = http_method(code=13312)
    timeout: int = seconds(5, code=13313)
    finish_on_key: str = keys("#", code=13310)
    num_digits: int | None = limit(None, at_most=MOST_DIGITS, code=13314)
    action_on_empty_result: bool = boolean(False, code=13338)
    barge_in: bool = boolean(True, code=13332)
    speech_timeout: str | None = pattern(
        "auto|[0-9]{1,5}", "auto or seconds", None, code=13327, unbuilt=WITHOUT_EFFECT
    )
    max_speech_time: int = limit(60, at_most=LONGEST_TIMER, code=13328, unbuilt=WITHOUT_EFFECT)
    speech_model: str | None = text("default", longest=64, code=13334, unbuilt=WITHOUT_EFFECT)
    enhanced: bool = boolean(False, unbuilt=WITHOUT_EFFECT)
    language: str = language_tag("en-US", code=13331, unbuilt=WITHOUT_EFFECT)
    hints: str | None = text(longest=10000, code=13330, unbuilt=WITHOUT_EFFECT)
    profanity_filter: bool = boolean(True, code=13333, unbuilt=WITHOUT_EFFECT)
    partial_result_callback: str | None = web_url(unbuilt=WITHOUT_EFFECT)
    partial_result_callback_method: Literal["GET", "POST"] = http_method(code=13329, unbuilt=WITHOUT_EFFECT)
    debug: bool = boolean(False, unbuilt=WITHOUT_EFFECT)

    digits: str = ""
    complete: bool = False
    finished_on: str = ""
    prompts: Prompting = SILENCE
    timer: int | None = None

    nests = tuple(PROMPTS)
    hears_digits = True
    recodes: ClassVar[Mapping[int, int]] = {13511: 13321, 13510: 13322, 13420: 13325}

    def begin(self, turn: Turn) -> Outcome:
        """Count what was typed ahead, then prompt."""
        gather = replace(self, prompts=Prompting.of(self.element, INVALID_NESTED_VERB, turn))
        while turn.typed and not gather.complete:
            digit, turn.typed = turn.typed[0], turn.typed[1:]
            gather = gather._press(digit, turn)
        return gather._go_on(turn)

    def step(self, event: Event, turn: Turn) -> Outcome:
        """Take a digit, the end of a prompt, or the end of the time."""
        if isinstance(event, DigitPressed):
            if self.complete:
                turn.typed += event.digit
                return self
            return self._press(event.digit, turn)._go_on(turn)
        if self.prompts.over:
            return self._submit(turn)
        return replace(self, prompts=self.prompts.step(event, turn))._go_on(turn)

    def _press(self, digit: str, turn: Turn) -> Gather:
        gather = self
        if self.barge_in:
            turn.release()
            gather = replace(self, prompts=SILENCE)
        if digit in self.finish_on_key:
            return replace(gather, complete=bool(self.digits), finished_on=digit if self.digits else "")
        digits = self.digits + digit
        return replace(gather, digits=digits, complete=len(digits) >= (self.num_digits or MOST_DIGITS))

    def _go_on(self, turn: Turn) -> Outcome:
        """Play the next prompt; after the last one submit what is complete, or wait for a digit."""
        gather = replace(self, prompts=self.prompts.go_on(turn))
        if gather.prompts.failed is not None:
            return gather.prompts.failed
        if not gather.prompts.over:
            return gather
        if gather.complete:
            return gather._submit(turn)
        turn.stop(gather.timer)
        return replace(gather, timer=turn.start(effects.StartTimer, self.timeout))

    def _submit(self, turn: Turn) -> Outcome:
        if not self.digits:
            turn.want(effects.Trace("Gather", self.element.line, (("result", "no input"),)))
        if not self.digits and not self.action_on_empty_result:
            return NEXT
        ended_by = (("FinishedOnKey", self.finished_on),) if self.finished_on else ()
        return Goto(self.action, self.method, (("Digits", self.digits), *ended_by))
