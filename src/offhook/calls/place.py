"""Where a call is: by itself, ringing others, or in a room."""

from __future__ import annotations

from msgspec import Struct

from offhook.calls.dial import Child, Dialling
from offhook.calls.events import Recorded
from offhook.calls.status import CallStatus
from offhook.twiml.effects import Confer, Dial, Enqueue, Take
from offhook.twiml.events import DialDone, DialStatus, EnqueueDone, QueueResult

_DIAL_STATUS: dict[CallStatus, DialStatus] = {
    CallStatus.COMPLETED: "completed",
    CallStatus.BUSY: "busy",
    CallStatus.NO_ANSWER: "no-answer",
    CallStatus.FAILED: "failed",
    CallStatus.CANCELED: "canceled",
}


class Alone(Struct, frozen=True):
    """With nobody but its own TwiML."""


class Ringing(Struct, frozen=True):
    """Its ``<Dial>`` calls others, and nobody has joined it yet."""

    dialling: Dialling


class Dialled(Struct, frozen=True):
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


class Conferring(Struct, frozen=True):
    """In a conference, or about to be, by ``<Dial><Conference>``.

    `recording`: the call itself is recorded there, and what is kept is not known yet. `recorded`: what was kept.
    """

    request: Confer
    recording: bool = False
    recorded: Recorded | None = None

    def done(self) -> DialDone:
        """What the verb is told. A conference that let the call in has `answered` (Twilio's word for it)."""
        recorded = self.recorded
        return DialDone(
            dial=self.request.dial,
            status="answered",
            duration=None,
            bridged=True,
            recording_sid=recorded.sid if recorded else None,
            recording_url=recorded.url if recorded else None,
            recording_duration=recorded.duration if recorded else None,
        )

    def refused(self) -> DialDone:
        """What the verb is told where the conference does not let it in."""
        return DialDone(self.request.dial, "failed")


class Queued(Struct, frozen=True):
    """In a queue by ``<Enqueue>``, then with whoever came for it.

    `queue_sid`: once the queue has taken the call in. `waited`: seconds, once it has been called. `taker`: the call
    that came for it, and `bridge` where the two will meet.
    """

    request: Enqueue
    queue_sid: str | None = None
    entered_at: float = 0.0
    waited: int | None = None
    taker: str | None = None
    bridge: str | None = None
    joined: bool = False

    @property
    def handover(self) -> tuple[tuple[str, str], ...]:
        """What the document that it hears before it is connected is told; one name is spelled as Twilio does."""
        known = (
            ("QueueSid", self.queue_sid),
            ("QueueTime", self.waited),
            ("DequeingCallSid", self.taker),
        )
        return tuple((name, str(value)) for name, value in known if value is not None)

    def done(self, result: QueueResult, now: float) -> EnqueueDone:
        """What the verb is told."""
        waited = self.waited
        if waited is None and self.queue_sid is not None:
            waited = int(now - self.entered_at)
        return EnqueueDone(self.request.enqueue, result, self.queue_sid, waited)


class Taking(Struct, frozen=True):
    """Comes for the first call in a queue (``<Dial><Queue>``), which it will meet in `bridge`.

    `rest`: how many seconds of its timeout are left, `since`: the moment that they are counted from; while somebody is
    on the way they are not. `member`: the call that the queue has given it. `joined`: the two have met. `left`: it
    has left both rooms, and waits for what the bridge has come to.
    """

    request: Take
    bridge: str
    rest: float
    since: float
    member: str | None = None
    joined: bool = False
    left: bool = False
    status: DialStatus = "no-answer"
    """What it has come to, if they never meet."""

    def done(self, status: DialStatus, seconds: int = 0, recorded: Recorded | None = None) -> DialDone:
        """What the verb is told."""
        return DialDone(
            dial=self.request.dial,
            status=status,
            call_sid=self.member if self.joined else None,
            duration=seconds,
            bridged=self.joined,
            recording_sid=recorded.sid if recorded else None,
            recording_url=recorded.url if recorded else None,
            recording_duration=recorded.duration if recorded else None,
        )


Reason = Dialled | Conferring | Queued | Taking
"""What brought a call into a room."""


class In(Struct, frozen=True):
    """In a room, by its name. `because` says what brought it there; a call that was dialled itself has no reason."""

    room: str
    because: Reason | None = None


class Departed(Struct, frozen=True):
    """Has left a conference in which it was recorded: its verb is told when the recording is complete."""

    conferring: Conferring


Place = Alone | Ringing | In | Departed
ALONE = Alone()
