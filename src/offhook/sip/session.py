"""An INVITE session within its dialog: hanging up, changing the session, INFO (RFC 3261 sections 13 to 15, 6086).

How a session comes to its dialog is the matter of its two kinds, `caller.py` and `callee.py`; changing it by
`renegotiation.py`; going on with somebody else by `referral.py`.
"""

from __future__ import annotations

from enum import StrEnum

from offhook.errors import LocalProtocolError
from offhook.sip.body import SDP
from offhook.sip.client_auth import ClientAuth
from offhook.sip.core import Core
from offhook.sip.dialog import Dialog
from offhook.sip.events import Ended, Event, Info, Source
from offhook.sip.message import Field, Request, Response, response_to
from offhook.sip.outbox import packet
from offhook.sip.referral import Referral
from offhook.sip.renegotiation import Renegotiation
from offhook.sip.timers import Timer
from offhook.sip.transaction_table import ClientTransaction, ServerTransaction


class SessionState(StrEnum):
    """Where a session stands.

    CALLING -> CONFIRMED for a caller, RINGING -> ACCEPTED -> CONFIRMED for a callee; then ENDING -> ENDED. A
    session that never gets to a dialog goes to ENDED directly.
    """

    CALLING = "calling"  # our INVITE has no final response
    RINGING = "ringing"  # the peer's INVITE has no final response
    ACCEPTED = "accepted"  # our 2xx has no ACK
    CONFIRMED = "confirmed"
    ENDING = "ending"  # our BYE has no answer
    ENDED = "ended"


SDP_TYPE: Field = ("Content-Type", SDP)


class Session:
    """One leg. `silent` once its last event is out while it still tidies up."""

    def __init__(
        self, core: Core, leg: int, call_id: str, local_tag: str, state: SessionState, auth: ClientAuth
    ) -> None:
        self.core = core
        self.leg = leg
        self.call_id = call_id
        self.local_tag = local_tag
        self.state = state
        self.auth = auth
        self.dialog: Dialog | None = None
        self.silent = False
        self.renegotiation = Renegotiation()
        self.referral = Referral()
        self._timers: dict[str, Timer] = {}
        self._bye_reason: str | None = None

    owns_call_id = False
    """Whether the Call-ID is of our making, which settles who waits longer after glare."""

    invite_key: tuple[str, str, int] | None = None
    """Of a callee: From tag, Call-ID and CSeq number of its INVITE."""

    @property
    def settled(self) -> bool:
        """Whether the first offer and answer are through, so that the session may be changed."""
        return self.state is SessionState.CONFIRMED

    @property
    def replaceable(self) -> bool:
        """Whether it is answered, by either side, and not over."""
        return self.state in (SessionState.ACCEPTED, SessionState.CONFIRMED)

    @property
    def ringing(self) -> bool:
        """Whether the peer's INVITE that began it waits for our final response."""
        return self.state is SessionState.RINGING

    @property
    def confirmed_dialog(self) -> Dialog:
        """The dialog, of a session that has one.

        Raises:
            LocalProtocolError: it has none yet.
        """
        if self.dialog is None:
            raise LocalProtocolError(f"leg {self.leg} is {self.state}: it has no dialog")
        return self.dialog

    # Commands.

    def bye(self, now: float, reason: str | None) -> None:
        """Hang up in a state that has a dialog; the sessions' kinds see to the others."""
        if self.state is SessionState.CONFIRMED:
            self.send_bye(now, reason)

    def reinvite(self, sdp: bytes, now: float) -> None:
        """Offer a change of the session.

        Raises:
            LocalProtocolError: the session is not confirmed, or a re-INVITE is under way.
        """
        if self.state is not SessionState.CONFIRMED:
            raise LocalProtocolError(f"leg {self.leg} is {self.state}: it cannot be changed")
        self.renegotiation.offer(self, sdp, now)

    def refer(self, refer_to: str, now: float) -> None:
        """Ask the peer to go on with somebody else.

        Raises:
            LocalProtocolError: the session is not confirmed, or a REFER is under way.
        """
        if self.state is not SessionState.CONFIRMED:
            raise LocalProtocolError(f"leg {self.leg} is {self.state}: it cannot be referred")
        self.referral.refer(self, refer_to, now)

    def send_bye(self, now: float, reason: str | None) -> None:
        """Send BYE, whatever the state."""
        self.state = SessionState.ENDING
        self._bye_reason = reason
        self.renegotiation.abandon(self, now)
        self.referral.abandon(self, now)
        fields: tuple[Field, ...] = () if reason is None else (("Reason", reason),)
        self.request("BYE", now, fields)

    def request(
        self, method: str, now: float, fields: tuple[Field, ...] = (), body: bytes = b""
    ) -> ClientTransaction:
        """Send a request in the dialog; responses come to `on_response`."""
        dialog = self.confirmed_dialog
        auth = self.auth.fields(method, dialog.target)
        rows = (*fields, *auth, self.core.user_agent)
        flow = dialog.flow
        request = dialog.next_request(method, self.core.via(flow), rows, body)
        return self.core.transactions.request(request, flow, self, now)

    def acknowledge(self, cseq: int, now: float) -> None:
        """Send the ACK of a 2xx (section 13.2.2.4): once for each time the 2xx comes."""
        dialog = self.confirmed_dialog
        auth = self.auth.fields("ACK", dialog.target)
        flow = dialog.flow
        ack = dialog.request("ACK", cseq, self.core.via(flow), auth)
        self.core.outbox.send(flow, packet(ack), now)

    # What comes from the peer.

    def receive(self, transaction: ServerTransaction, now: float) -> None:
        """Take an admitted request in the dialog, other than ACK."""
        request = transaction.request
        if not self.confirmed_dialog.take_remote_seq(request.cseq.number):
            self.respond(transaction, 500, now)
        elif request.method == "BYE":
            self.on_bye(transaction, now)
        elif request.method == "INVITE":
            self.renegotiation.on_invite(self, transaction, now)
        elif request.method == "REFER":
            self.referral.on_refer(self, transaction, now)
        elif request.method == "NOTIFY":
            self.referral.on_notify(self, transaction, now)
        elif request.method == "SUBSCRIBE":
            self.referral.on_subscribe(self, transaction, now)
        else:
            self.respond(
                transaction, 200, now, fields=(self.core.allow,) if request.method == "OPTIONS" else ()
            )
            if request.method == "INFO" and request.body and request.content_type is not None:
                self.emit(Info(self.leg, request.content_type, request.body))

    def on_ack(self, request: Request, now: float) -> None:
        """Take the ACK of our 2xx."""
        self.renegotiation.on_ack(self, request)

    def on_unacknowledged(self, now: float) -> None:
        """No ACK came for our 2xx."""
        self.renegotiation.on_unacknowledged(self, now)

    def on_cancel(self, transaction: ServerTransaction, cancel: Request, now: float) -> None:
        """The peer takes an INVITE back."""
        self.renegotiation.on_cancel(self, transaction, now)

    def on_bye(self, transaction: ServerTransaction, now: float) -> None:
        """Answer the peer's BYE (section 15.1.2)."""
        reason = transaction.request.get("Reason")
        self.respond(transaction, 200, now)
        self.renegotiation.abandon(self, now)
        self.referral.abandon(self, now)
        self.end("remote", now, reason)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Take the response to a request in the dialog."""
        if transaction.request.method == "INVITE":
            self.renegotiation.on_response(self, transaction, response, now)
        elif transaction.request.method == "REFER":
            self.referral.on_refer_response(self, response, now)
        elif transaction.request.method == "NOTIFY":
            self.referral.on_notify_response(self, transaction, response, now)
        elif response.status >= 200 and self.state is SessionState.ENDING:
            if self.auth.take(response):
                self.send_bye(now, self._bye_reason)
            else:
                self.end("local", now)

    def on_failure(self, transaction: ClientTransaction, source: Source, now: float) -> None:
        """No response came: the peer is gone (section 12.2.1.2), unless it only does not care for NOTIFYs."""
        if transaction.request.method == "NOTIFY":
            self.referral.on_notify_lost(self)
            return
        if transaction.request.method == "REFER":
            self.referral.on_refer_lost(self, source)
            if self.state is SessionState.ENDING:
                return
        if self.state is SessionState.ENDING:
            self.end(source, now)
        elif self.state is not SessionState.ENDED:
            self.drop(source, now)

    # What the kinds and the parts use.

    def respond(
        self,
        transaction: ServerTransaction,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        fields: tuple[Field, ...] = (),
        body: bytes = b"",
    ) -> None:
        """Answer a request of the peer's."""
        rows = fields if status == 100 else (*fields, self.core.server)
        tag = None if status == 100 else self.local_tag
        response = response_to(transaction.request, status, reason, to_tag=tag, fields=rows, body=body)
        transaction.respond(response, now)

    def accepting(
        self, transaction: ServerTransaction, sdp: bytes, fields: tuple[Field, ...] = ()
    ) -> Response:
        """The 200 to an INVITE of the peer's."""
        rows = self.dialog_fields(transaction, fields)
        return response_to(
            transaction.request,
            200,
            to_tag=self.local_tag,
            fields=(*rows, self.core.server, SDP_TYPE),
            body=sdp,
        )

    def dialog_fields(self, transaction: ServerTransaction, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """Rows of a response that makes or refreshes a dialog (section 12.1.1)."""
        routes = [("Record-Route", row) for row in transaction.request.get_all("Record-Route")]
        core = self.core
        return (*routes, core.contact(self.confirmed_dialog.flow), core.allow, *core.supported, *fields)

    def drop(self, source: Source, now: float) -> None:
        """End a call whose peer does not answer; a BYE goes out for the case that it still listens."""
        self.emit(Ended(self.leg, source))
        self.silent = True
        self.send_bye(now, None)

    def end(self, source: Source, now: float, reason: str | None = None) -> None:
        """The dialog is over."""
        self.emit(Ended(self.leg, source, reason))
        self.finish(now)

    def finish(self, now: float) -> None:
        """Nothing more is to be said about this leg."""
        self.state = SessionState.ENDED
        self.silent = True
        for name in list(self._timers):
            self.stop_timer(name)
        self.renegotiation.finish(self, now)
        self.core.remove(self, now)

    def emit(self, event: Event) -> None:
        """Tell the application, unless the last event is out."""
        if not self.silent:
            self.core.outbox.emit(event)

    def start_timer(self, name: str, interval: float, now: float) -> None:
        """Have `on_timer(name)` called after `interval`."""
        self.stop_timer(name)
        self._timers[name] = self.core.timers.start(now + interval, self, name)

    def runs_timer(self, name: str) -> bool:
        """Whether that timer runs."""
        return name in self._timers

    def stop_timer(self, name: str) -> None:
        """Forget a timer."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            self.core.timers.stop(timer)

    def on_timer(self, name: str, now: float) -> None:
        """A timer of this session fired."""
        self._timers.pop(name, None)
        if name == "glare":
            self.renegotiation.retry(self, now)
        elif name == "unanswered":
            self.renegotiation.forget()
        elif name == "referred":
            self.referral.expire(self, now)
        elif name == "referring":
            self.referral.give_up(self)
