"""How a SIP final response becomes a call status, and the other way round.

The mapping follows what Twilio documents for outgoing calls: 486/600 are busy, an unanswered ring and
480/408 from the far end are no-answer, a decline is busy to PSTN callers, everything else failed.
"""

from __future__ import annotations

from offhook.calls.status import CallStatus

_BY_RESPONSE: dict[int, CallStatus] = {
    408: CallStatus.NO_ANSWER,
    480: CallStatus.NO_ANSWER,
    486: CallStatus.BUSY,
    487: CallStatus.CANCELED,
    600: CallStatus.BUSY,
    603: CallStatus.BUSY,
}

REJECT_RESPONSE: dict[str, tuple[int, str]] = {
    "rejected": (603, "Decline"),
    "busy": (486, "Busy Here"),
}
"""``<Reject reason>`` as RFC 3261 §21 responses: Twilio answers "rejected" with 603 Decline."""

REJECT_STATUS: dict[str, CallStatus] = {
    "rejected": CallStatus.BUSY,
    "busy": CallStatus.BUSY,
}
"""Status an inbound call ends in when its TwiML rejects it."""


def status_of_failure(response: int, *, timed_out: bool = False) -> CallStatus:
    """The status a call ends in after the far end refused it with `response`.

    `timed_out` says that no final response came at all: nobody was there to ring (a transport failure or
    Timer B), which is a failure of the call, not a phone left ringing.
    """
    if timed_out:
        return CallStatus.FAILED
    return _BY_RESPONSE.get(response, CallStatus.FAILED)
