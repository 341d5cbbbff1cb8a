"""All transactions of an endpoint: matching (RFC 3261 sections 17.1.3, 17.2.3), timers and retransmission.

A retransmitted request, and the ACK of a non-2xx, end here. A retransmitted 2xx passes (RFC 6026), because
only the session that sent the ACK can send it again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container
from typing import Protocol

from offhook.errors import RemoteProtocolError
from offhook.sip.config import EndpointConfig
from offhook.sip.events import Source
from offhook.sip.flow import DEFAULT_PORT, Address, Flow
from offhook.sip.headers import MAGIC_COOKIE, Via
from offhook.sip.message import Request, Response
from offhook.sip.outbox import Outbox, Packet, packet
from offhook.sip.timers import Timer, Timers
from offhook.sip.transaction import (
    CLIENT,
    INVITE_CLIENT,
    INVITE_SERVER,
    SERVER,
    STARTS,
    Effect,
    Input,
    State,
    Table,
    response_input,
)

Key = tuple[str, ...]

TRANSACTION_OCTETS = 2048
"""What a transaction weighs besides the octets of its messages: the objects that they are read into."""
_KEPT = frozenset({"Via", "From", "To", "Call-ID", "CSeq"})

TIMER_D = 32.0
"""Timer D on unreliable transports: at least 32 s (section 17.1.1.2)."""


class TransactionUser(Protocol):
    """Who sent a request through a client transaction."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """A response came; of final ones only the first, but for 2xx to INVITE."""

    def on_failure(self, transaction: ClientTransaction, source: Source, now: float) -> None:
        """No final response will come: "timeout" or "transport"."""


class CancelUser(Protocol):
    """Who works on an INVITE of the peer's."""

    def on_cancel(self, transaction: ServerTransaction, cancel: Request, now: float) -> None:
        """The peer no longer wants the INVITE answered (section 9.2)."""


class _Transaction(ABC):
    """One transaction: its state, its running timers, and the packet it may have to send again."""

    __slots__ = ("_elapsed", "_growth", "_owner", "_timers", "flow", "key", "packet", "state", "table")

    def __init__(self, owner: TransactionTable, key: Key, table: Table, state: State, flow: Flow) -> None:
        self._owner = owner
        self._timers: dict[Input, Timer] = {}
        self._growth = 0
        self._elapsed: Input | None = None
        self.key = key
        self.table = table
        self.state = state
        self.flow = flow
        self.packet: Packet | None = None

    def feed(self, item: Input, now: float, response: Response | None = None) -> None:
        """Take one input as the table says; inputs that the state has no row for are ignored."""
        transition = self.table[self.state].get(item)
        if transition is None:
            return
        state, effects = transition
        if state is not self.state:
            self.state = state
            self._stop_timers(self.table[state])
        if state is State.TERMINATED:
            self._owner.remove(self)
        for effect in effects:
            self._do(effect, now, response)
        if state is State.TERMINATED:
            self.release()
        elif self._elapsed is not None:
            item, self._elapsed = self._elapsed, None
            self.feed(item, now)

    def on_timer(self, name: str, now: float) -> None:
        """One of its timers fired."""
        item = Input(name)
        self._timers.pop(item, None)
        self.feed(item, now)

    def start(self, item: Input, now: float) -> None:
        """Start a timer; one that a reliable transport makes zero long fires when the transition is through."""
        interval = self._interval(item)
        if interval is None:
            return
        if interval == 0:
            self._elapsed = item
        else:
            self._timers[item] = self._owner.timers.start(now + interval, self, item)

    def _stop_timers(self, rows: Container[Input]) -> None:
        for item in [item for item in self._timers if item not in rows]:
            self._owner.timers.stop(self._timers.pop(item))

    def _interval(self, item: Input) -> float | None:
        """Table 4 of RFC 3261; None for a timer that a reliable transport does not need."""
        config = self._owner.config
        if item in (Input.TIMER_A, Input.TIMER_E, Input.TIMER_G):
            if self.flow.reliable:
                return None
            return self._next_retransmission(item)
        if self.flow.reliable and item in (Input.TIMER_D, Input.TIMER_I, Input.TIMER_J, Input.TIMER_K):
            return 0
        if item is Input.TIMER_D:
            return TIMER_D
        if item in (Input.TIMER_I, Input.TIMER_K):
            return config.t4
        return 64 * config.t1

    def _next_retransmission(self, item: Input) -> float:
        config = self._owner.config
        interval: float = config.t1 * 2**self._growth
        self._growth += 1
        if item is Input.TIMER_A:
            return interval
        if item is Input.TIMER_E and self.state is State.PROCEEDING:
            return config.t2
        return min(interval, config.t2)

    def _do(self, effect: Effect, now: float, response: Response | None) -> None:
        timer = STARTS.get(effect)
        if timer is not None:
            self.start(timer, now)
        elif effect is Effect.TRANSMIT:
            self.transmit(now)
        else:
            self._do_own(effect, now, response)

    def abandon(self) -> None:
        """Forget the transaction: nobody waits for its end."""
        self.state = State.TERMINATED
        self._stop_timers({})
        self._owner.remove(self)
        self.release()

    @abstractmethod
    def release(self) -> None:
        """Let go of the user, who holds the transaction: neither needs a garbage collector to be freed."""

    @abstractmethod
    def transmit(self, now: float) -> None:
        """Send the packet."""

    @abstractmethod
    def _do_own(self, effect: Effect, now: float, response: Response | None) -> None:
        """Carry out an effect that is not the same for both sides."""


class ClientTransaction(_Transaction):
    """Our request. `user` gets its responses."""

    __slots__ = ("_ack", "request", "user")

    def __init__(
        self, owner: TransactionTable, key: Key, request: Request, flow: Flow, user: TransactionUser
    ) -> None:
        invite = request.method == "INVITE"
        table, state = (INVITE_CLIENT, State.CALLING) if invite else (CLIENT, State.TRYING)
        super().__init__(owner, key, table, state, flow)
        self.packet = packet(request)
        self.request = request
        self.user: TransactionUser | None = user
        self._ack: Packet | None = None

    def release(self) -> None:
        self.user = None

    def stop_retransmitting(self) -> None:
        """Send the INVITE no more. A response that comes all the same is awaited as long as before (timer B)."""
        if (timer := self._timers.pop(Input.TIMER_A, None)) is not None:
            self._owner.timers.stop(timer)

    def transmit(self, now: float) -> None:
        if self.packet is not None:
            self._owner.outbox.send(self.flow, self.packet, now)

    def _do_own(self, effect: Effect, now: float, response: Response | None) -> None:
        user = self.user
        if user is not None and effect is Effect.REPORT_TIMEOUT:
            user.on_failure(self, "timeout", now)
        elif user is not None and effect is Effect.REPORT_TRANSPORT:
            user.on_failure(self, "transport", now)
        elif user is not None and response is not None and effect is Effect.DELIVER:
            user.on_response(self, response, now)
        elif response is not None and effect is Effect.ACKNOWLEDGE:
            if self._ack is None:
                self._ack = packet(acknowledgement(self.request, response))
            self._owner.outbox.send(self.flow, self._ack, now)


class ServerTransaction(_Transaction):
    """A request of the peer's, which came by `source`. `user` hears of a CANCEL.

    `flow` is where its responses go; `octets` is what it counts for among all that strangers make this side keep.
    """

    __slots__ = ("octets", "request", "source", "user")

    def __init__(
        self, owner: TransactionTable, key: Key, request: Request, source: Flow, octets: int
    ) -> None:
        invite = request.method == "INVITE"
        table, state = (INVITE_SERVER, State.PROCEEDING) if invite else (SERVER, State.TRYING)
        super().__init__(owner, key, table, state, reply_flow(request, source))
        self.source = source
        self.request = request
        self.octets = octets
        self.user: CancelUser | None = None

    def release(self) -> None:
        self.user = None

    def respond(self, response: Response, now: float) -> None:
        """Send a response; one that comes too late for the transaction is dropped."""
        item = response_input(response.status)
        if item in self.table[self.state]:
            self.packet = packet(response)
            if item is not Input.PROVISIONAL:
                self._shrink(self.packet)
            self.feed(item, now)
            if item is not Input.PROVISIONAL and self._is_cheap(response):
                self._owner.settled(self)

    def _is_cheap(self, response: Response) -> bool:
        """Whether a copy of the request, were it taken for a new one, would only be answered in the same way again."""
        return response.status >= 300 or (self.request.method != "INVITE" and self.request.to.tag is None)

    def _shrink(self, answer: Packet) -> None:
        """Keep of an answered request what later responses and messages are matched with, and no more."""
        rows = tuple(field for field in self.request.fields if field[0] in _KEPT)
        octets = TRANSACTION_OCTETS + len(answer.data) + sum(len(value) for _, value in rows)
        self._owner.octets += octets - self.octets
        self.octets = octets
        self.request = Request(rows, b"", self.request.method, self.request.uri)

    def transmit(self, now: float) -> None:
        if self.packet is not None:
            self._owner.outbox.send(self.flow, self.packet, now, connect=False)

    def _do_own(self, effect: Effect, now: float, response: Response | None) -> None:
        """Every effect of the server tables is a transmission or a timer."""


class TransactionTable:
    """Every live transaction, by the key that its messages carry.

    `octets` is what the requests of peers weigh together, for as long as their transactions live. Those that have been
    refused, or asked for nothing but an answer, are most of what strangers send: of these the oldest are forgotten
    when they are too many, and a copy that still comes is answered anew (section 8.2.7).
    """

    def __init__(self, config: EndpointConfig, timers: Timers, outbox: Outbox) -> None:
        self.config = config
        self.timers = timers
        self.outbox = outbox
        self.octets = 0
        self._settled: dict[ServerTransaction, None] = {}
        self._settled_octets = 0
        self._transactions: dict[Key, _Transaction] = {}
        self._by_stream: dict[tuple[str, Address], set[ClientTransaction]] = {}

    def __len__(self) -> int:
        return len(self._transactions)

    def request(self, request: Request, flow: Flow, user: TransactionUser, now: float) -> ClientTransaction:
        """Send a request in a new client transaction."""
        key = ("client", request.via.branch, request.method)
        transaction = ClientTransaction(self, key, request, flow, user)
        self._transactions[key] = transaction
        if flow.reliable:
            self._by_stream.setdefault((flow.transport, flow.remote), set()).add(transaction)
        transaction.transmit(now)
        if request.method == "INVITE":
            transaction.start(Input.TIMER_A, now)
            transaction.start(Input.TIMER_B, now)
        else:
            transaction.start(Input.TIMER_E, now)
            transaction.start(Input.TIMER_F, now)
        return transaction

    def on_response(self, response: Response, now: float) -> bool:
        """Give a response to its transaction; False when it belongs to none."""
        transaction = self._transactions.get(("client", response.via.branch, response.cseq.method))
        if transaction is None:
            return False
        transaction.feed(response_input(response.status), now, response)
        return True

    def on_request(self, request: Request, now: float) -> bool:
        """Absorb a retransmission, or the ACK of a non-2xx; False when the request is new."""
        transaction = self._transactions.get(server_key(request, request.method))
        if transaction is None:
            return False
        if request.method != "ACK":
            transaction.feed(Input.REQUEST, now)
            return True
        if transaction.state is State.ACCEPTED:
            return False
        transaction.feed(Input.ACK, now)
        return True

    def full(self, *, in_dialog: bool) -> bool:
        """Whether peers make this side keep as much as it may.

        Those in a dialog may add half as much again: a flood of strangers must not keep a call from being ended.
        """
        limit = self.config.max_transaction_octets
        return self.octets >= (limit + limit // 2 if in_dialog else limit)

    def accept(self, request: Request, flow: Flow, size: int) -> ServerTransaction:
        """Open the server transaction of a new request of `size` octets that came by `flow`."""
        key = server_key(request, request.method)
        transaction = ServerTransaction(self, key, request, flow, size + TRANSACTION_OCTETS)
        self._transactions[key] = transaction
        self.octets += transaction.octets
        return transaction

    def settled(self, transaction: ServerTransaction) -> None:
        """A transaction has had an answer that can be given again; it is kept for as long as there is room."""
        if transaction.state is State.TERMINATED:
            return
        self._settled[transaction] = None
        self._settled_octets += transaction.octets
        while self._settled_octets > self.config.max_settled_octets:
            next(iter(self._settled)).abandon()

    def find_invite(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL means (section 9.2)."""
        found = self._transactions.get(server_key(cancel, "INVITE"))
        return found if isinstance(found, ServerTransaction) else None

    def flow_closed(self, flow: Flow, now: float) -> None:
        """Fail what waits for an answer on a connection, or from a peer that no datagram can be sent to."""
        for transaction in self._clients_of(flow):
            transaction.feed(Input.TRANSPORT_ERROR, now)

    def _clients_of(self, flow: Flow) -> list[ClientTransaction]:
        """Streams close often, and are indexed; that the kernel refuses a datagram is rare."""
        if flow.reliable:
            return list(self._by_stream.get((flow.transport, flow.remote), ()))
        clients = [item for item in self._transactions.values() if isinstance(item, ClientTransaction)]
        return [item for item in clients if not item.flow.reliable and item.flow.remote == flow.remote]

    def remove(self, transaction: _Transaction) -> None:
        """Forget a terminated transaction."""
        self._transactions.pop(transaction.key, None)
        if isinstance(transaction, ServerTransaction):
            self.octets -= transaction.octets
            if transaction in self._settled:
                del self._settled[transaction]
                self._settled_octets -= transaction.octets
        elif isinstance(transaction, ClientTransaction) and transaction.flow.reliable:
            stream = (transaction.flow.transport, transaction.flow.remote)
            waiting = self._by_stream.get(stream)
            if waiting is not None:
                waiting.discard(transaction)
                if not waiting:
                    del self._by_stream[stream]


def server_key(request: Request, method: str) -> Key:
    """What identifies the server transaction of a request (section 17.2.3), RFC 2543's included."""
    via = request.via
    method = "INVITE" if method == "ACK" else method
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return ("server", branch, via.sent_by, method)
    return (
        "server",
        request.uri,
        request.from_.tag or "",
        request.call_id,
        str(request.cseq.number),
        str(via),
        method,
    )


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses go: the connection; the source with rport (RFC 3581); else sent-by's port (18.2.2)."""
    via = request.via
    if flow.reliable or via_wants_rport(via):
        return flow
    return Flow(flow.transport, flow.local, Address(flow.remote.host, via.port or DEFAULT_PORT))


def via_wants_rport(via: Via) -> bool:
    """Whether the sender asked for RFC 3581."""
    return any(name == "rport" for name, _ in via.parameters)


def acknowledgement(request: Request, response: Response) -> Request:
    """The ACK of a non-2xx final response (section 17.1.1.3)."""
    to = response.get("To")
    if to is None:
        raise RemoteProtocolError("To is missing", None)
    routes = [("Route", value) for value in request.get_all("Route")]
    fields = (
        ("Via", request.require("Via")),
        ("Max-Forwards", "70"),
        *routes,
        ("From", request.require("From")),
        ("To", to),
        ("Call-ID", request.call_id),
        ("CSeq", f"{request.cseq.number} ACK"),
    )
    return Request(fields, b"", "ACK", request.uri)
