"""The shape of a noun of `<Dial>`: attributes, and the legs it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

from offhook.twiml.attributes import WITHOUT_EFFECT, choice, http_method, integer, web_url
from offhook.twiml.effects import DialTarget
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Part


@dataclass(frozen=True, slots=True)
class Noun(Part, ABC):
    """Whom to call."""

    @abstractmethod
    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """Return the legs to dial; none, with a notification, when what is written cannot be dialled."""


@dataclass(frozen=True, slots=True)
class Answerable(Noun, ABC):
    """A noun whose call a machine may answer. Times of its detection are in milliseconds but the first, in seconds."""

    machine_detection: str | None = choice(None, "Enable", "DetectMessageEnd", unbuilt=WITHOUT_EFFECT)
    amd_status_callback: str | None = web_url(unbuilt=WITHOUT_EFFECT)
    amd_status_callback_method: Literal["GET", "POST"] = http_method(unbuilt=WITHOUT_EFFECT)
    machine_detection_timeout: int = integer(30, at_least=3, at_most=120, unbuilt=WITHOUT_EFFECT)
    machine_detection_speech_threshold: int = integer(
        2400, at_least=1000, at_most=6000, unbuilt=WITHOUT_EFFECT
    )
    machine_detection_speech_end_threshold: int = integer(
        1200, at_least=500, at_most=5000, unbuilt=WITHOUT_EFFECT
    )
    machine_detection_silence_timeout: int = integer(
        5000, at_least=2000, at_most=10000, unbuilt=WITHOUT_EFFECT
    )
