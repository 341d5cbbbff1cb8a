"""The status graph of a Message, as the table of what each status may become.

docs/states.md draws `TRANSITIONS`. Outbound texts go from `queued` on, inbound ones are `received` at once.
"""

from enum import StrEnum
from typing import Final


class MessageStatus(StrEnum):
    """Statuses of a Message, as the REST API spells them."""

    ACCEPTED = "accepted"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVING = "receiving"
    RECEIVED = "received"
    CANCELED = "canceled"
    READ = "read"


S = MessageStatus

TRANSITIONS: Final[dict[MessageStatus, frozenset[MessageStatus]]] = {
    S.ACCEPTED: frozenset({S.QUEUED, S.SCHEDULED, S.FAILED, S.CANCELED}),
    S.SCHEDULED: frozenset({S.QUEUED, S.FAILED, S.CANCELED}),
    # At once to sent: a text that takes no more than a moment is not written as sending.
    S.QUEUED: frozenset({S.SENDING, S.SENT, S.FAILED, S.CANCELED}),
    # Back to queued: the carrier went away before it answered.
    S.SENDING: frozenset({S.SENT, S.FAILED, S.QUEUED}),
    S.SENT: frozenset({S.DELIVERED, S.UNDELIVERED}),
    S.DELIVERED: frozenset({S.READ}),
    S.UNDELIVERED: frozenset(),
    S.FAILED: frozenset(),
    S.RECEIVING: frozenset({S.RECEIVED}),
    S.RECEIVED: frozenset(),
    S.CANCELED: frozenset(),
    S.READ: frozenset(),
}

CALLED_BACK: Final = frozenset({S.SENT, S.DELIVERED, S.UNDELIVERED, S.FAILED})
"""Statuses that a message's status callback reports."""


def sources_of(after: MessageStatus) -> frozenset[MessageStatus]:
    """The statuses from which a message may get status `after`."""
    return frozenset(before for before, targets in TRANSITIONS.items() if after in targets)
