"""What can happen to a call, as `offhook.calls.call.step` takes it.

Events of the TwiML interpreter (`offhook.twiml.events`) are given to a call as they are; these are the rest:
what its SIP leg did, what the calls it dials did, what the API asked for, and timers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from offhook.calls.status import CallStatus
from offhook.twiml.entry import Entry


class FailureSource(StrEnum):
    """Who ended an attempt to call."""

    REMOTE = "remote"
    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Began:
    """The call exists: place its leg (outbound) or see to its TwiML (inbound)."""


@dataclass(frozen=True, slots=True)
class LegRinging:
    """The far end rings. `early_media`: it already sends audio (a provisional response with SDP)."""

    early_media: bool = False


@dataclass(frozen=True, slots=True)
class LegAnswered:
    """The far end answered an outbound call, or has acknowledged our answer of an inbound one."""


@dataclass(frozen=True, slots=True)
class LegFailed:
    """The leg could not be set up: a final response of 300 or more, a timeout, or our own failure."""

    response: int
    reason: str
    source: FailureSource = FailureSource.REMOTE


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The far end hung up (BYE), or cancelled before the answer."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """No audio has come from the far end for too long, or the media worker is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class ChildPlaced:
    """A call dialled by this one exists, under this SID."""

    child: int
    call_sid: str


@dataclass(frozen=True, slots=True)
class ChildRinging:
    """A call dialled by this one rings."""

    child: int
    early_media: bool = False


@dataclass(frozen=True, slots=True)
class ChildAnswered:
    """A call dialled by this one was answered and is ready to be bridged."""

    child: int
    call_sid: str


@dataclass(frozen=True, slots=True)
class ChildEnded:
    """A call dialled by this one reached its terminal status."""

    child: int
    call_sid: str
    """Empty where the call could not even be placed."""
    status: CallStatus
    duration: int = 0
    sip_call_id: str | None = None
    sip_response: int | None = None


@dataclass(frozen=True, slots=True)
class BridgeRecorded:
    """The recording of a ``<Dial record>`` is complete. `sid` is empty when nothing was kept."""

    sid: str
    url: str
    duration: int
    child: int = 0


@dataclass(frozen=True, slots=True)
class HangUpRequested:
    """The API, or the call that dialled this one, wants it ended."""

    cancel_only: bool = False
    """``Status=canceled``: only while it is not answered."""
    unanswered: CallStatus = CallStatus.CANCELED
    """The status it ends with if nobody has answered it."""


@dataclass(frozen=True, slots=True)
class RedirectRequested:
    """The API gives a live call new TwiML (``Url`` or ``Twiml`` of an update)."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class TimerExpired:
    """A timer set by `offhook.calls.effects.SetTimer` went off."""

    key: str


CallEvent = (
    Began
    | LegRinging
    | LegAnswered
    | LegFailed
    | LegEnded
    | MediaLost
    | ChildPlaced
    | ChildRinging
    | ChildAnswered
    | ChildEnded
    | BridgeRecorded
    | HangUpRequested
    | RedirectRequested
    | TimerExpired
)
