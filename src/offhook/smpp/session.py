"""An SMPP 3.4 session of either role, without I/O (chapter 2, and the timers of 7.2).

Its owner feeds it with `receive`, `tick` and `connection_lost`, and after each call sends `data_to_send()`,
reads `events()`, arms one timer for `next_timer()`, and closes the connection once `state` is CLOSED and
all is sent.

What the session does by itself: it answers enquire_link and unbind, sends enquire_link on an idle link,
ends a session whose peer is silent, answers what is malformed, unknown or out of place with the right
command_status, keeps the window of requests that wait for their response, and slows down for a peer that
says it is busy. What it leaves to its owner: who may bind, what a message means, sending again, connecting
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

import msgspec

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.smpp import bodies as b
from offhook.smpp import events as e
from offhook.smpp.pace import Pace
from offhook.smpp.pdu import HEADER, MAX_SEQUENCE, Framer, decode_body, encode, encode_bare, salvage_response
from offhook.smpp.tlv import Tlvs, find_integer
from offhook.smpp.vocabulary import RESPONSE, VERSION_3_4, Command, Status, Tag, status_name


class Role(Enum):
    """Which side of the session we are."""

    ESME = auto()
    SMSC = auto()


class State(Enum):
    """Session states (2.2), of both roles."""

    OPEN = auto()
    BINDING = auto()
    BOUND_RX = auto()
    BOUND_TX = auto()
    BOUND_TRX = auto()
    UNBINDING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Timers in seconds (7.2) and limits of a session.

    Attributes:
        window: requests that may wait for their response at a time.
        rate: requests a second that we send at most, or None.
        session_init: from connection to bound, else the session ends.
        enquire_link: silence of the peer after which we ask whether it is there.
        response: how long a response may take before `Overdue` is reported, and the session's own requests may
            wait; a later response is still taken.
        assembly: how long a PDU may take from its first octet to its last, else the session ends.
        inactivity: silence of the peer after which the session ends, or None: enquire_link decides.
    """

    window: int = 100
    rate: float | None = None
    session_init: float = 10.0
    enquire_link: float = 30.0
    response: float = 30.0
    assembly: float = 10.0
    inactivity: float | None = None


BOUND: Final = frozenset({State.BOUND_RX, State.BOUND_TX, State.BOUND_TRX})

BUSY: Final = frozenset({Status.RTHROTTLED, Status.RMSGQFUL})
"""Statuses that say "not now": the request was not taken and may be asked again."""

_BIND_STATES: Final = {
    Command.BIND_RECEIVER: State.BOUND_RX,
    Command.BIND_TRANSMITTER: State.BOUND_TX,
    Command.BIND_TRANSCEIVER: State.BOUND_TRX,
}

_TRANSMITTER: Final = frozenset({State.BOUND_TX, State.BOUND_TRX})
_RECEIVER: Final = frozenset({State.BOUND_RX, State.BOUND_TRX})

ALLOWED: Final[dict[tuple[Role, int], frozenset[State]]] = {
    (Role.ESME, Command.SUBMIT_SM): _TRANSMITTER,
    (Role.ESME, Command.SUBMIT_MULTI): _TRANSMITTER,
    (Role.ESME, Command.QUERY_SM): _TRANSMITTER,
    (Role.ESME, Command.CANCEL_SM): _TRANSMITTER,
    (Role.ESME, Command.REPLACE_SM): _TRANSMITTER,
    (Role.ESME, Command.DATA_SM): _TRANSMITTER,
    (Role.SMSC, Command.DELIVER_SM): _RECEIVER,
    (Role.SMSC, Command.DATA_SM): _RECEIVER,
    (Role.SMSC, Command.ALERT_NOTIFICATION): _RECEIVER,
}
"""In which states a side may send a request of the application (table 2-1)."""

MOST_OVERDUE: Final = 10_000
"""Overdue requests whose response is still recognised; of more, the oldest are forgotten."""

_RESPONSE_BODIES: Final = {
    Command.BIND_RECEIVER: b.BindReceiverResp,
    Command.BIND_TRANSMITTER: b.BindTransmitterResp,
    Command.BIND_TRANSCEIVER: b.BindTransceiverResp,
}


class Session:
    """One SMPP session over one connection.

    Args:
        role: which side we are.
        now: the time of the connection, in seconds of the clock that every later call uses.
    """

    def __init__(self, role: Role, config: SessionConfig, now: float) -> None:
        self.role = role
        self.config = config
        self.state = State.OPEN
        self.peer_version = VERSION_3_4
        self._peer_role = Role.SMSC if role is Role.ESME else Role.ESME
        self._framer = Framer()
        self._pace = Pace(config.rate)
        self._out: list[bytes] = []
        self._events: list[e.Event] = []
        self._sequence = 0
        self._window: dict[int, tuple[object, float]] = {}
        self._overdue: dict[int, object] = {}
        self._control: dict[int, float] = {}
        self._held_back = False
        self._partial_since: float | None = None
        self._bind: b.Bind | None = None
        self._started = now
        self._heard = now

    # What the owner reads.

    def data_to_send(self) -> bytes:
        """The octets to write to the connection, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def events(self) -> Sequence[e.Event]:
        """What happened since the last call."""
        events, self._events = self._events, []
        return events

    def capacity(self, now: float) -> int:
        """How many requests may be sent now: the room in the window, within the pace that the peer bears."""
        room = self.config.window - len(self._window)
        if room <= 0 or self.state not in BOUND:
            return 0
        allowance = self._pace.allowance(now)
        # Whoever is told less than there is room for is woken when the pace opens, be that before the timer
        # is asked for.
        self._held_back = allowance < room
        return min(room, allowance)

    @property
    def waiting(self) -> int:
        """Requests of the owner that wait for their response."""
        return len(self._window)

    @property
    def _closed(self) -> bool:
        return self.state is State.CLOSED

    def next_timer(self, now: float) -> float | None:
        """When `tick` wants to be called next."""
        if self.state is State.CLOSED:
            return None
        times = [self._link_deadline()]
        if self._window:
            times.append(next(iter(self._window.values()))[1])
        if self._control:
            times.append(min(self._control.values()))
        if self._held_back:
            times.append(self._pace.opens_at(now))
        if self._partial_since is not None:
            times.append(self._partial_since + self.config.assembly)
        return min(times)

    # What the owner does.

    def bind(self, bind: b.Bind, now: float) -> None:
        """ESME: ask for a bind. `Bound` or `BindRefused` follows."""
        if self.role is not Role.ESME or self.state is not State.OPEN:
            raise LocalProtocolError(f"cannot bind: the session is {self.state.name}")
        self._bind = bind
        self._send_control(bind, now)
        self.state = State.BINDING

    def accept_bind(self, request: e.BindRequested, system_id: str, now: float) -> None:
        """SMSC: let the peer in. One that has gone in the meantime stays away."""
        command = Command(request.bind.command)
        if self.state is State.CLOSED:
            return
        if self.state is not State.BINDING:
            raise LocalProtocolError(f"no bind to accept: the session is {self.state.name}")
        self.peer_version = request.bind.interface_version
        version: Tlvs = (
            ((Tag.SC_INTERFACE_VERSION, bytes((VERSION_3_4,))),) if self.peer_version >= VERSION_3_4 else ()
        )
        self._out.append(encode(_RESPONSE_BODIES[command](system_id, version), request.sequence))
        self._heard = now
        self._become_bound(command, request.bind.system_id)

    def refuse_bind(self, request: e.BindRequested, status: int) -> None:
        """SMSC: turn the peer away and close."""
        if self.state is State.CLOSED:
            return
        self._out.append(encode_bare(RESPONSE | request.bind.command, request.sequence, status))
        self._close(f"bind refused with {status_name(status)}")

    def outbind(self, system_id: str, password: str) -> None:
        """SMSC: ask the ESME to bind on this connection."""
        if self.role is not Role.SMSC or self.state is not State.OPEN:
            raise LocalProtocolError(f"cannot outbind: the session is {self.state.name}")
        self._out.append(encode(b.Outbind(system_id, password), self._next_sequence()))

    def request(self, body: b.Body, token: object, now: float) -> int:
        """Send a request of the application; `token` comes back in its `Answered`, `Throttled` or `Unanswered`.

        Returns its sequence_number. Optional parameters are left out for a peer of an older version (1.7 of
        3.4).

        Raises:
            LocalProtocolError: the state does not allow it, the window is full, or the body cannot be
                encoded. The
                session is unharmed.
        """
        if self.state not in ALLOWED.get((self.role, body.command), ()):
            raise LocalProtocolError(
                f"{type(body).__name__} is not allowed: the session is {self.state.name}"
            )
        if len(self._window) >= self.config.window:
            raise LocalProtocolError("the window is full")
        if self.peer_version < VERSION_3_4 and isinstance(body, b.ShortMessage | b.DataSm) and body.tlvs:
            body = msgspec.structs.replace(body, tlvs=())
        sequence = self._sequence = self._sequence % MAX_SEQUENCE + 1
        self._out.append(encode(body, sequence))
        if body.command != Command.ALERT_NOTIFICATION:
            self._window[sequence] = (token, now + self.config.response)
        self._pace.spend(1, now)
        return sequence

    def respond(self, sequence: int, response: b.Body, status: int = 0) -> None:
        """Answer a `Requested`; with a status other than zero only the header goes out (3.2)."""
        if self.state is State.CLOSED:
            return
        data = encode_bare(response.command, sequence, status) if status else encode(response, sequence)
        self._out.append(data)

    def unbind(self, now: float) -> None:
        """End the session in an orderly way; `Closed` follows."""
        if self.state not in BOUND:
            self._close("closed before it was bound")
            return
        self._send_control(b.Unbind(), now)
        self.state = State.UNBINDING

    # What happens to the session.

    def receive(self, data: bytes, now: float) -> None:
        """Octets came from the peer. Never raises: what is malformed is answered and told as an event."""
        if self._closed:
            return
        self._heard = now
        try:
            for pdu in self._framer.feed(data):
                self._partial_since = None
                self._receive_pdu(pdu, now)
                if self._closed:
                    return
            if not self._framer.partial:
                self._partial_since = None
            elif self._partial_since is None:
                self._partial_since = now
        except RemoteProtocolError as error:
            self._violation(error)
            self._out.append(encode_bare(Command.GENERIC_NACK, 0, error.status or Status.RINVCMDLEN))
            self._close("the stream cannot be framed any more")

    def tick(self, now: float) -> None:
        """Time has passed: look after responses, the idle link, an unfinished PDU and a bind that does not come.

        Whoever the pace held back asks for the capacity again.
        """
        if self.state is State.CLOSED:
            return
        if self._held_back and self._pace.opens_at(now) <= now:
            self._held_back = False
        while self._window:
            sequence, (token, deadline) = next(iter(self._window.items()))
            if deadline > now:
                break
            del self._window[sequence]
            self._remember_overdue(sequence, token)
            self._events.append(e.Overdue(token))
        if self._partial_since is not None and self._partial_since + self.config.assembly <= now:
            self._close("a PDU did not become whole in time")
        elif any(deadline <= now for deadline in self._control.values()):
            self._close("the peer does not respond")
        elif self._link_deadline() <= now:
            self._idle(now)

    def _remember_overdue(self, sequence: int, token: object) -> None:
        self._overdue[sequence] = token
        if len(self._overdue) > MOST_OVERDUE:
            del self._overdue[next(iter(self._overdue))]

    def connection_lost(self) -> None:
        """The connection is gone."""
        self._out.clear()
        self._close("the connection was lost")

    def _receive_pdu(self, pdu: bytes, now: float) -> None:
        _, command, status, sequence = HEADER.unpack_from(pdu)
        if command & RESPONSE:
            self._receive_response(command, status, sequence, pdu, now)
            return
        try:
            body = decode_body(command, pdu)
        except RemoteProtocolError as error:
            self._refuse(command, sequence, error)
            return
        self._receive_request(command, sequence, body, now)

    def _receive_response(self, command: int, status: int, sequence: int, pdu: bytes, now: float) -> None:
        entry = self._window.pop(sequence, None)
        if entry is not None:
            self._answer(entry[0], command, status, pdu, now)
        elif sequence in self._overdue:
            self._answer(self._overdue.pop(sequence), command, status, pdu, now)
        elif self._control.pop(sequence, None) is not None:
            self._control_answered(command, status, sequence, pdu)
        # Anything else answers nothing we asked: there is no one to tell.

    def _answer(self, token: object, command: int, status: int, pdu: bytes, now: float) -> None:
        if status in BUSY:
            self._pace.refused(now)
            self._events.append(e.Throttled(token, status))
            return
        # The header decides: what was taken is not sent again because the body beside it is odd.
        body = self._read_response(command, pdu) if status == 0 else None
        if command == Command.GENERIC_NACK:
            status = status or Status.RUNKNOWNERR
        self._events.append(e.Answered(token, status, body))

    def _control_answered(self, command: int, status: int, sequence: int, pdu: bytes) -> None:
        if self.state is State.UNBINDING and sequence == self._sequence:
            # The unbind was our last request. Whatever answers it, nothing is left to wait for.
            self._close("unbound")
        elif self.state is State.BINDING and self._bind is not None:
            self._bind_answered(self._bind, command, status, pdu)

    def _bind_answered(self, bind: b.Bind, command: int, status: int, pdu: bytes) -> None:
        if status or command != RESPONSE | bind.command:
            self._events.append(e.BindRefused(status or Status.RBINDFAIL))
            self._close(f"the bind was refused with {status_name(status or Status.RBINDFAIL)}")
            return
        # An SMSC that does not tell its version should be taken for an older one (4.1.2), but many that
        # leave it out are 3.4 and take optional parameters; only one that names an older version goes
        # without.
        body = self._read_response(command, pdu)
        answer = body if isinstance(body, b.BindResp) else b.BindResp()
        self.peer_version = find_integer(answer.tlvs, Tag.SC_INTERFACE_VERSION) or VERSION_3_4
        self._become_bound(Command(bind.command), answer.system_id)

    def _read_response(self, command: int, pdu: bytes) -> b.Body | None:
        """The body of a response that says ESME_ROK: as it is laid out, else as much as can be read of it."""
        try:
            return decode_body(command, pdu)
        except RemoteProtocolError as error:
            self._violation(error)
        return salvage_response(command, pdu)

    def _receive_request(self, command: int, sequence: int, body: b.Body, now: float) -> None:
        if isinstance(body, b.ShortMessage) and self.state in ALLOWED.get((self._peer_role, command), ()):
            self._events.append(e.Requested(sequence, body))
        elif isinstance(body, b.EnquireLink):
            self._out.append(encode_bare(RESPONSE | command, sequence))
        elif isinstance(body, b.Unbind):
            self._out.append(encode_bare(RESPONSE | command, sequence))
            self._close("the peer unbound")
        elif isinstance(body, b.Bind):
            self._receive_bind(sequence, body)
        elif isinstance(body, b.Outbind) and self.role is Role.ESME and self.state is State.OPEN:
            self._events.append(e.Outbound(body.system_id, body.password))
        elif self.state in ALLOWED.get((self._peer_role, command), ()):
            self._events.append(e.Requested(sequence, body))
        else:
            detail = f"{type(body).__name__} is not allowed: the session is {self.state.name}"
            self._refuse(command, sequence, RemoteProtocolError(detail, Status.RINVBNDSTS))

    def _receive_bind(self, sequence: int, bind: b.Bind) -> None:
        if self.role is Role.SMSC and self.state is State.OPEN:
            self.state = State.BINDING
            self._events.append(e.BindRequested(sequence, bind))
            return
        status = Status.RINVBNDSTS if self.role is Role.ESME else Status.RALYBND
        self._refuse(bind.command, sequence, RemoteProtocolError("the bind is out of place", status))

    def _refuse(self, command: int, sequence: int, error: RemoteProtocolError) -> None:
        """Answer a request that is malformed or out of place; an unknown one has no response but generic_nack."""
        status = error.status or Status.RSYSERR
        answerable = status != Status.RINVCMDID and command not in (
            Command.OUTBIND,
            Command.ALERT_NOTIFICATION,
        )
        answer = RESPONSE | command if answerable else Command.GENERIC_NACK
        self._out.append(encode_bare(answer, sequence, status))
        self._violation(error)

    def _violation(self, error: RemoteProtocolError) -> None:
        self._events.append(e.ProtocolViolation(error.status or 0, str(error)))

    def _become_bound(self, command: Command, peer: str) -> None:
        self.state = _BIND_STATES[command]
        self._events.append(e.Bound(peer))

    def _send_control(self, body: b.Body, now: float) -> None:
        sequence = self._next_sequence()
        self._out.append(encode(body, sequence))
        self._control[sequence] = now + self.config.response

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % MAX_SEQUENCE + 1
        return self._sequence

    def _link_deadline(self) -> float:
        """When the link has been silent for too long for the state it is in."""
        if self.state not in BOUND:
            return (
                self._started + self.config.session_init
                if self.state is not State.UNBINDING
                else float("inf")
            )
        if self._control:
            return float("inf") if self.config.inactivity is None else self._heard + self.config.inactivity
        silence = self.config.enquire_link
        return self._heard + (
            silence if self.config.inactivity is None else min(silence, self.config.inactivity)
        )

    def _idle(self, now: float) -> None:
        if self.state not in BOUND:
            self._close("no bind was made in time")
        elif self.config.inactivity is not None and now - self._heard >= self.config.inactivity:
            self._close("the peer was silent for too long")
        else:
            self._send_control(b.EnquireLink(), now)

    def _close(self, reason: str) -> None:
        if self.state is State.CLOSED:
            return
        self.state = State.CLOSED
        self._events.extend(e.Unanswered(token) for token, _ in self._window.values())
        self._window.clear()
        self._overdue.clear()
        self._control.clear()
        self._events.append(e.Closed(reason))
