"""A call of a virtual phone, as a record that the HTTP API shows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from offhook.sandbox.audio import PhoneAudio
from offhook.sandbox.behaviour import CallScript


class State(StrEnum):
    """Where a phone's call stands."""

    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


@dataclass(slots=True)
class PhoneCall:
    """One call. `direction` is the phone's: inbound when the platform called it.

    `call_sid` is the platform's name for the call, known from its INVITE or its first answer; `turn` is held by
    who speaks, so that one text follows the other.
    """

    id: str
    number: str
    other: str
    direction: str
    script: CallScript
    started: datetime
    leg: int = 0
    sip_call_id: str | None = None
    call_sid: str | None = None
    state: State = State.RINGING
    outcome: str | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    audio: PhoneAudio | None = None
    timers: list[asyncio.TimerHandle] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def shown(self, base_url: str) -> dict[str, Any]:
        """The call as JSON."""
        inbound = self.direction == "inbound"
        return {
            "id": self.id,
            "direction": self.direction,
            "from": self.other if inbound else self.number,
            "to": self.number if inbound else self.other,
            "state": self.state,
            "outcome": self.outcome,
            "started": _iso(self.started),
            "answered": _iso(self.answered),
            "ended": _iso(self.ended),
            "heard_url": f"{base_url}/v1/calls/{self.id}/heard.wav",
            "heard_seconds": round(self.audio.heard_seconds, 2) if self.audio else 0.0,
            "digits_heard": self.audio.digits_heard if self.audio else "",
            "phrases_heard": self.audio.phrases_heard if self.audio else 0,
            "speaking": self.state is State.ANSWERED and (self.turn.locked() or self._is_playing),
            "call_sid": self.call_sid,
            "sip_call_id": self.sip_call_id,
        }

    @property
    def _is_playing(self) -> bool:
        return self.audio is not None and self.audio.speaking


def _iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z") if at else None
