"""The statuses of a call and the moves between them, as Twilio's Call resource names them.

`TRANSITIONS` is the whole graph; a terminal status has no way out, so every call ends exactly once. The
status callback events that go with a move are in `CALLBACK_EVENT`.
"""

from __future__ import annotations

from enum import StrEnum


class CallStatus(StrEnum):
    """Values of ``Call.status`` and of the ``CallStatus`` webhook parameter."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"


class Direction(StrEnum):
    """Values of ``Call.direction``."""

    INBOUND = "inbound"
    OUTBOUND_API = "outbound-api"
    OUTBOUND_DIAL = "outbound-dial"


class CallbackEvent(StrEnum):
    """Values of ``StatusCallbackEvent``."""

    INITIATED = "initiated"
    RINGING = "ringing"
    ANSWERED = "answered"
    COMPLETED = "completed"


TERMINAL = frozenset(
    {
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
        CallStatus.FAILED,
        CallStatus.CANCELED,
    }
)

_UNANSWERED_ENDS = frozenset(
    {CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.CANCELED, CallStatus.COMPLETED}
)

TRANSITIONS: dict[CallStatus, frozenset[CallStatus]] = {
    CallStatus.QUEUED: frozenset({CallStatus.INITIATED, CallStatus.RINGING, CallStatus.IN_PROGRESS})
    | _UNANSWERED_ENDS,
    CallStatus.INITIATED: frozenset({CallStatus.RINGING, CallStatus.IN_PROGRESS}) | _UNANSWERED_ENDS,
    CallStatus.RINGING: frozenset({CallStatus.IN_PROGRESS}) | _UNANSWERED_ENDS,
    CallStatus.IN_PROGRESS: frozenset({CallStatus.COMPLETED, CallStatus.FAILED}),
    **{status: frozenset() for status in TERMINAL},
}

CALLBACK_EVENT: dict[CallStatus, CallbackEvent] = {
    CallStatus.INITIATED: CallbackEvent.INITIATED,
    CallStatus.RINGING: CallbackEvent.RINGING,
    CallStatus.IN_PROGRESS: CallbackEvent.ANSWERED,
    **dict.fromkeys(TERMINAL, CallbackEvent.COMPLETED),
}


def can_move(current: CallStatus, target: CallStatus) -> bool:
    """Whether a call in `current` may become `target`."""
    return target in TRANSITIONS[current]


def billable_seconds(answered_at: float | None, ended_at: float) -> int:
    """Whole seconds from answer to end, rounded to the nearest but at least one; 0 for a call never answered."""
    if answered_at is None:
        return 0
    return max(1, round(ended_at - answered_at))
