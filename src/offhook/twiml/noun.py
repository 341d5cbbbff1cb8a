"""The shape of a noun of `<Dial>`: attributes, and the legs it stands for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from offhook.twiml.effects import DialTarget
from offhook.twiml.turn import Turn
from offhook.twiml.verb import Part


@dataclass(frozen=True, slots=True)
class Noun(Part, ABC):
    """Whom to call."""

    @abstractmethod
    def targets(self, turn: Turn) -> tuple[DialTarget, ...]:
        """Return the legs to dial; none, with a notification, when what is written cannot be dialled."""
