"""``<Refer>``: the far end is asked to call somebody else, and what it tells of that.

A part of `offhook.calls.call`, as `offhook.calls.meeting` is.
"""

from __future__ import annotations

from msgspec.structs import replace

from offhook.calls import effects, events
from offhook.calls.meeting import Met
from offhook.calls.outcome import status_of_failure
from offhook.calls.state import Call, Referring
from offhook.calls.status import CallStatus
from offhook.twiml import effects as twiml
from offhook.twiml.events import ReferDone


def refer(call: Call, request: twiml.Refer) -> Met:
    """Send the REFER."""
    return replace(call, referring=Referring(request.refer)), (effects.ReferLeg(request.uri),), ()


def step(call: Call, event: events.LegReferAnswered | events.LegNotified) -> Met:
    """What the far end has answered, or told since."""
    referring = call.referring
    if referring is None:
        return call, (), ()
    match event:
        case events.LegReferAnswered(response):
            noted = effects.Note("refer answered", (("response", str(response)),))
            referring = replace(referring, response=response)
            if response < 300:
                return replace(call, referring=referring), (noted,), ()
            return _done(call, referring, CallStatus.FAILED, noted)
        case events.LegNotified(notified, over):
            told = (("response", str(notified)),) if notified is not None else ()
            noted = effects.Note("refer notified", told)
            referring = replace(referring, notified=notified or referring.notified)
            if not over:
                return replace(call, referring=referring), (noted,), ()
            return _done(call, referring, _status(referring.notified), noted)


def abandon(call: Call) -> Met:
    """The verb ends before the far end has told of the end."""
    if call.referring is None:
        return call, (), ()
    return _done(call, call.referring, CallStatus.CANCELED)


def _status(notified: int | None) -> CallStatus | None:
    """The status of the call that the far end makes, as far as it has told of it."""
    if notified is None:
        return None
    if notified < 200:
        return CallStatus.RINGING
    return CallStatus.IN_PROGRESS if notified < 300 else status_of_failure(notified)


def _done(call: Call, referring: Referring, status: CallStatus | None, *noted: effects.Note) -> Met:
    told = status.value if status is not None else None
    done = ReferDone(referring.refer, told, referring.response, referring.notified)
    return replace(call, referring=None), noted, (done,)
