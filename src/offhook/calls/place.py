"""Where a call is: by itself, ringing others, or in a room."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.calls.dial import Child, Dialling
from offhook.calls.events import Recorded
from offhook.calls.status import CallStatus
from offhook.twiml.effects import Dial
from offhook.twiml.events import DialDone, DialStatus

_DIAL_STATUS: dict[CallStatus, DialStatus] = {
    CallStatus.COMPLETED: "completed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no-answer",
    CallStatus.FAILED: "failed",
    CallStatus.CANCELED: "canceled",
}


@dataclass(frozen=True, slots=True)
class Alone:
    """With nobody but its own TwiML."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """Its ``<Dial>`` calls others, and nobody has joined it yet."""

    dialling: Dialling


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a ``<Dial>`` has come to: who joined, or why nobody did. Its verb is told when the room has ended."""

    request: Dial
    child: Child
    status: CallStatus = CallStatus.COMPLETED
    joined: bool = False

    def done(self, seconds: int, *, redirected: bool, recorded: Recorded | None) -> DialDone:
        """What the verb is told. `redirected`: whom it had called was given other TwiML, and is still there."""
        child = self.child
        return DialDone(
            dial=self.request.dial,
            status=_DIAL_STATUS[self.status],
            call_sid=child.call_sid,
            duration=None if redirected else seconds,
            bridged=self.joined,
            recording_sid=recorded.sid if recorded else None,
            recording_url=recorded.url if recorded else None,
            recording_duration=recorded.duration if recorded else None,
            sip_call_id=child.sip_call_id,
            sip_response_code=child.sip_response,
            sip_headers=child.sip_headers,
        )


@dataclass(frozen=True, slots=True)
class In:
    """In a room, by its name. `dialled` says what brought it there; a call that was dialled itself has none."""

    room: str
    dialled: Dialled | None = None


Place = Alone | Ringing | In
ALONE = Alone()
