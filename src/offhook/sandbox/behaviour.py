"""How a virtual phone behaves, as the HTTP API takes and shows it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=3600)]
Digits = Annotated[str, msgspec.Meta(pattern="^[0-9*#A-Da-dwW]*$", max_length=200)]
Speech = Annotated[str, msgspec.Meta(max_length=4096)]


class OnCall(StrEnum):
    """What a phone does when it is called."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    REJECT = "reject"
    UNREACHABLE = "unreachable"


class OnText(StrEnum):
    """What becomes of a text to a phone; what is not delivered fails as a carrier would report it."""

    DELIVER = "deliver"
    UNDELIVER = "undeliver"
    REJECT = "reject"
    SILENT = "silent"


class CallScript(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a phone does in a call once it is up.

    Attributes:
        say: spoken when the call is up.
        say_after: seconds from the answer to the first word.
        press: keys pressed one after the other; `w` waits half a second, `W` a second.
        press_after: seconds from the answer to the first key, whatever is being said then.
        hangup_after: seconds from the answer until the phone hangs up; None never does.
    """

    say: Speech = ""
    say_after: Seconds = 0.0
    press: Digits = ""
    press_after: Seconds = 1.0
    hangup_after: Seconds | None = None


class Behaviour(CallScript, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything about a phone that can be set; what is left out has its default."""

    on_call: OnCall = OnCall.ANSWER
    answer_after: Seconds = 0.5
    on_text: OnText = OnText.DELIVER
    deliver_after: Seconds = 0.1


class PlaceCall(CallScript, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call that a phone makes."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Say(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words to speak, with a voice and in a language of `<Say>` where they are named."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    voice: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    language: Annotated[str, msgspec.Meta(max_length=35)] | None = None


class PlaceText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text that a phone sends."""

    to: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    body: Annotated[str, msgspec.Meta(max_length=1600)]
