"""What comes in: octets to messages, messages to transactions, dialogs and new legs (RFC 3261 sections 8.2, 18)."""

from __future__ import annotations

from offhook.errors import RemoteProtocolError
from offhook.sip.admission import KNOWN_METHODS, Refusal, admit
from offhook.sip.body import SDP
from offhook.sip.callee import IncomingSession
from offhook.sip.caller import OutgoingSession
from offhook.sip.core import Core
from offhook.sip.events import Refused, RegisterRequest
from offhook.sip.flow import Flow
from offhook.sip.framing import PING, PONG, StreamFramer
from offhook.sip.grammar import split_list
from offhook.sip.headers import Via
from offhook.sip.message import REASONS, Field, Request, Response, response_to
from offhook.sip.outbox import Packet, packet
from offhook.sip.parser import BadMessageError, check_essentials, parse_message, salvage
from offhook.sip.replaces import replaces_of_invite
from offhook.sip.session import SessionState
from offhook.sip.timers import Timer
from offhook.sip.transaction_table import ServerTransaction, reply_flow

_RETRY_LATER: Field = ("Retry-After", "5")
"""Seconds that a peer should wait when this side has no room for another call."""
_SHORTEST = 32
"""Keep-alives of phones over UDP are shorter; the shortest message is longer."""


class Reception:
    """The receiving side of one endpoint.

    `waiting` holds the requests that the application has yet to answer.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._streams: dict[Flow, _Stream] = {}
        self._partial = 0
        self.waiting: dict[int, Waiting] = {}

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take a datagram, or a piece of a stream."""
        if not flow.reliable:
            self._receive_message(data, flow, now)
            return
        stream = self._streams.get(flow)
        if stream is None:
            stream = self._streams[flow] = _Stream(self, flow)
        before = stream.framer.size
        messages = stream.framer.feed(data)
        self._partial += stream.framer.size - before
        stream.watch(self._core, bool(messages), now)
        for message in messages:
            if message == PING:
                self._core.outbox.send_raw(flow, PONG)
            else:
                self._receive_message(message, flow, now)
        if stream.framer.fault is not None:
            self._give_up(stream.framer.fault, flow, now)
        elif self._partial > self._core.config.max_partial_octets:
            most = max(self._streams.values(), key=lambda stream: stream.framer.size)
            self.close(most.flow, "too many incomplete messages", now)

    def _give_up(self, fault: tuple[RemoteProtocolError, bytes], flow: Flow, now: float) -> None:
        """Answer what can be answered of the message that broke a stream, then close it (section 18.3)."""
        error, head = fault
        request = salvage(head)
        if request is not None and error.status is not None:
            self._refuse(request, error.status, str(error), flow, now)
        self.close(flow, str(error), now)

    def close(self, flow: Flow, reason: str, now: float) -> None:
        """Give a connection up."""
        self._core.outbox.close(flow, reason)
        self.flow_closed(flow, now)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection is gone."""
        stream = self._streams.pop(flow, None)
        if stream is not None:
            self._partial -= stream.framer.size
            stream.stop(self._core)
        self._core.transactions.flow_closed(flow, now)
        self._core.connection_lost(flow)

    def _receive_message(self, data: bytes, flow: Flow, now: float) -> None:
        if len(data) < _SHORTEST:
            return
        try:
            message = parse_message(data)
        except BadMessageError as error:
            self._log(Packet(data, _first_line(data), ""), flow, now)
            if error.request is not None and error.status is not None:
                self._refuse(error.request, error.status, str(error), flow, now)
            return
        item = Packet(data, message.summary, message.get("Call-ID") or "")
        try:
            check_essentials(message)
            if isinstance(message, Response):
                self._log(item, flow, now)
                self._core.transactions.on_response(message, now)
            else:
                self._on_request(_stamped(message, flow), item, flow, now)
        except RemoteProtocolError as error:
            if isinstance(message, Request):
                self._log(item, flow, now)
                self._refuse(message, error.status or 400, str(error), flow, now)

    def _on_request(self, request: Request, item: Packet, flow: Flow, now: float) -> None:
        core = self._core
        new_invite = request.method == "INVITE" and request.to.tag is None
        if core.transactions.on_request(request, now):
            self._log(item, flow, now)
            return
        if not new_invite:
            self._log(item, flow, now)
        if request.method == "ACK":
            session = core.find(request)
            if session is not None:
                session.on_ack(request, now)
            return
        if self._too_many(request):
            self._refuse(request, 503, "Too Many Requests Pending", flow, now)
            return
        refusal = self._admit(request)
        transaction = core.transactions.accept(request, flow, len(item.data))
        if refusal is None and new_invite:
            refusal = self._open_leg(transaction, item, flow, now)
        elif new_invite:
            self._log(item, flow, now)
        if refusal is not None:
            self._answer(transaction, refusal.status, now, refusal.fields)
            self._tell_refusal(request, refusal.status, REASONS.get(refusal.status, ""), flow)
        elif not new_invite:
            self._work_on(transaction, flow, now)

    def _too_many(self, request: Request) -> bool:
        """Whether peers make this side keep so much that a request is not taken; only then a dialog is looked for."""
        transactions = self._core.transactions
        return transactions.full(in_dialog=False) and transactions.full(
            in_dialog=self._core.find(request) is not None
        )

    def _admit(self, request: Request) -> Refusal | None:
        try:
            core = self._core
            methods = core.methods if request.to.tag is None else core.dialog_methods
            return admit(request, methods, core.extensions)
        except RemoteProtocolError as error:
            return Refusal(error.status or 400)

    def _open_leg(
        self, transaction: ServerTransaction, item: Packet, flow: Flow, now: float
    ) -> Refusal | None:
        """Make a leg of a new INVITE, unless it is a copy (8.2.2.2), our own come back, or one too many."""
        core, request = self._core, transaction.request
        refusal = None
        own = core.dialogs.get((request.call_id, request.from_.tag or ""))
        key = (request.from_.tag or "", request.call_id, request.cseq.number)
        if key in core.invites or (
            isinstance(own, OutgoingSession) and own.calls(request.uri) and not core.config.calls_itself
        ):
            refusal = Refusal(482)
        elif len(core.legs) >= core.config.max_legs:
            refusal = Refusal(503, (_RETRY_LATER,))
        if refusal is not None:
            self._log(item, flow, now)
            return refusal
        try:
            replaces = self._replaced(request)
            session = IncomingSession(core, core.new_id(), transaction, flow, replaces)
        except RemoteProtocolError as error:
            self._log(item, flow, now)
            return Refusal(error.status or 400)
        core.add(session)
        self._log(item, flow, now)
        session.start(now)
        return None

    def _replaced(self, invite: Request) -> int | None:
        """The leg that an INVITE is to take the place of (RFC 3891 section 3).

        Raises:
            RemoteProtocolError: 400 when it cannot be told, 481 when there is no such dialog or its call still rings,
                603 when it ends, 486 when only one that rings is wanted.
        """
        if not self._core.config.transfers or (replaces := replaces_of_invite(invite)) is None:
            return None
        session = self._core.replaced(replaces)
        if session is None or session.dialog is None or session.state is SessionState.RINGING:
            raise RemoteProtocolError("there is no such dialog to replace", 481)
        if not session.replaceable:
            raise RemoteProtocolError("the dialog to replace ends", 603)
        if replaces.early_only:
            raise RemoteProtocolError("the dialog to replace is no early one", 486)
        return session.leg

    def _work_on(self, transaction: ServerTransaction, flow: Flow, now: float) -> None:
        """Take a request that is admitted, and no new INVITE."""
        request = transaction.request
        if request.method == "CANCEL":
            self._cancel(transaction, now)
        elif request.to.tag is not None:
            session = self._core.find(request)
            if session is None:
                self._answer(transaction, 481, now)
            else:
                session.receive(transaction, now)
        elif request.method == "OPTIONS":
            self._answer(
                transaction, 200, now, (self._core.allow, ("Accept", SDP), ("Accept-Encoding", "identity"))
            )
        elif request.method == "REGISTER":
            self._register(transaction, flow, now)
        else:
            self._answer(transaction, 481, now)

    def _cancel(self, transaction: ServerTransaction, now: float) -> None:
        """Section 9.2: 200 when there is something to cancel, even when it is too late to."""
        cancel = transaction.request
        invite = self._core.transactions.find_invite(cancel)
        self._answer(transaction, 481 if invite is None else 200, now)
        if invite is not None and invite.user is not None:
            invite.user.on_cancel(invite, cancel, now)

    def _register(self, transaction: ServerTransaction, flow: Flow, now: float) -> None:
        if not transaction.request.to.uri.is_sip:
            self._answer(transaction, 400, now)
            return
        number = self._core.new_id()
        self.waiting[number] = Waiting(self, number, transaction, flow, now)
        self._core.outbox.emit(RegisterRequest(number, transaction.request, flow))

    def answer_waiting(
        self, number: int, status: int, now: float, reason: str | None, fields: tuple[Field, ...]
    ) -> bool:
        """Answer a request that waited; False when it no longer does."""
        waiting = self.waiting.pop(number, None)
        if waiting is None:
            return False
        self._core.timers.stop(waiting.timer)
        self._answer(waiting.transaction, status, now, fields, reason)
        return True

    def start_timer(self, owner: Waiting | _Stream, interval: float, name: str, now: float) -> Timer:
        """Run a timer for a part of the reception."""
        return self._core.timers.start(now + interval, owner, name)

    @property
    def partial_timeout(self) -> float:
        """How long a message may take to come in."""
        return self._core.config.partial_timeout

    @property
    def patience(self) -> float:
        """How long a request may wait for the application: then its sender has given up."""
        return 64 * self._core.config.t1

    def _answer(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        fields: tuple[Field, ...] = (),
        reason: str | None = None,
    ) -> None:
        core = self._core
        response = response_to(
            transaction.request, status, reason, to_tag=core.token(), fields=(*fields, core.server)
        )
        transaction.respond(response, now)

    def _refuse(self, request: Request, status: int, why: str, flow: Flow, now: float) -> None:
        """Answer without a transaction a request that cannot have one; the reason phrase says why."""
        if request.method == "ACK":
            return
        if request.method not in KNOWN_METHODS and status == 400:
            status, why = 501, "Not Implemented"
        core = self._core
        rows: tuple[Field, ...] = (core.server,)
        if status == 501:
            rows = (core.allow, *rows)
        elif status == 503:
            rows = (_RETRY_LATER, *rows)
        response = response_to(request, status, why, to_tag=core.token(), fields=rows)
        try:
            to = reply_flow(_stamped(request, flow), flow)
        except RemoteProtocolError:
            to = flow
        core.outbox.send(to, packet(response), now, connect=False)
        self._tell_refusal(request, status, why, flow)

    def _tell_refusal(self, request: Request, status: int, why: str, flow: Flow) -> None:
        self._core.outbox.emit(Refused(request.method, status, why, flow))

    def _log(self, item: Packet, flow: Flow, now: float) -> None:
        self._core.outbox.received(flow, item, now)


class Waiting:
    """A request that waits for the application's answer."""

    __slots__ = ("_number", "_reception", "flow", "timer", "transaction")

    def __init__(
        self, reception: Reception, number: int, transaction: ServerTransaction, flow: Flow, now: float
    ) -> None:
        self._reception = reception
        self._number = number
        self.transaction = transaction
        self.flow = flow
        self.timer = reception.start_timer(self, reception.patience, "waiting", now)

    def on_timer(self, name: str, now: float) -> None:
        """The application never answered."""
        self._reception.answer_waiting(self._number, 500, now, None, ())


class _Stream:
    """One connection's framer, and the time its current message may still take."""

    __slots__ = ("_reception", "_timer", "flow", "framer")

    def __init__(self, reception: Reception, flow: Flow) -> None:
        self._reception = reception
        self.flow = flow
        self.framer = StreamFramer()
        self._timer: Timer | None = None

    def watch(self, core: Core, completed: bool, now: float) -> None:
        """Run a timer while a message is incomplete, a fresh one for each."""
        if completed or not self.framer.partial:
            self.stop(core)
        if self.framer.partial and self._timer is None:
            self._timer = self._reception.start_timer(self, self._reception.partial_timeout, "partial", now)

    def stop(self, core: Core) -> None:
        """Stop the timer."""
        if self._timer is not None:
            core.timers.stop(self._timer)
            self._timer = None

    def on_timer(self, name: str, now: float) -> None:
        """The message took too long."""
        self._reception.close(self.flow, "message incomplete for too long", now)


def _stamped(request: Request, flow: Flow) -> Request:
    """Note in the topmost Via where the request came from (section 18.2.1, RFC 3581 section 4)."""
    via = request.via
    names = [name for name, _ in via.parameters]
    wants_rport = "rport" in names
    if not wants_rport and via.host.strip("[]") == flow.remote.host:
        return request
    parameters = tuple(item for item in via.parameters if item[0] not in ("received", "rport"))
    parameters += (("received", flow.remote.host),)
    if wants_rport:
        parameters += (("rport", str(flow.remote.port)),)
    top = str(Via(via.transport, via.host, via.port, parameters))
    fields = list(request.fields)
    index = next(index for index, field in enumerate(fields) if field[0] == "Via")
    rest = split_list(fields[index][1])[1:]
    fields[index] = ("Via", ", ".join([top, *rest]))
    return Request(tuple(fields), request.body, request.method, request.uri)


def _first_line(data: bytes) -> str:
    return data[:200].split(b"\r\n", 1)[0].decode("utf-8", "replace")
