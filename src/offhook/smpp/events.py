"""What a session tells its owner, in the order in which it happened."""

from msgspec import Struct

from offhook.smpp.bodies import Bind, Body


class Event(Struct, frozen=True, gc=False):
    """The base of all events of a session."""


class BindRequested(Event, frozen=True, gc=False):
    """SMSC: a peer wants to bind; answer with `Session.accept_bind` or `Session.refuse_bind`."""

    sequence: int
    bind: Bind


class Bound(Event, frozen=True, gc=False):
    """The session is bound; `peer` is the other side's system_id."""

    peer: str


class BindRefused(Event, frozen=True, gc=False):
    """ESME: the SMSC refused the bind with this command_status; the session is closed."""

    status: int


class Requested(Event, frozen=True, gc=False):
    """The peer asks something; answer with `Session.respond`, save an alert_notification, which has no response."""

    sequence: int
    body: Body


class Answered(Event, frozen=True, gc=False):
    """The peer answered our request. `body` is None when it came without one, as with a refusal or generic_nack."""

    token: object
    status: int
    body: Body | None


class Throttled(Event, frozen=True, gc=False):
    """The peer is too busy to take our request: it was not taken, and may be asked again when `capacity` allows."""

    token: object
    status: int


class Overdue(Event, frozen=True, gc=False):
    """Our request got no response in time: it may have been taken or not. `Answered` or `Throttled` follows
    if the response comes all the same.
    """

    token: object


class Unanswered(Event, frozen=True, gc=False):
    """The session ended before our request got its response: it may have been taken or not."""

    token: object


class Outbound(Event, frozen=True, gc=False):
    """ESME: the SMSC sent outbind and expects us to bind on this connection."""

    system_id: str
    password: str


class ProtocolViolation(Event, frozen=True, gc=False):
    """The peer sent something malformed or out of place; it was refused with `status`, if it could be."""

    status: int
    detail: str


class Closed(Event, frozen=True, gc=False):
    """The session is over, and its connection is to be closed when all that was written is sent."""

    reason: str
