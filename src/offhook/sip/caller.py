"""The calling side of a session until it is answered: RFC 3261 sections 9.1, 13.2 and 22.2."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.sip.admission import SDP
from offhook.sip.client_auth import ClientAuth
from offhook.sip.core import Core
from offhook.sip.dialog import Dialog, dialog_of_response
from offhook.sip.events import Answered, Failed, Provisional, Source
from offhook.sip.flow import Flow
from offhook.sip.message import REASONS, Field, Request, Response
from offhook.sip.outbox import packet
from offhook.sip.session import Session, SessionState
from offhook.sip.transaction import State
from offhook.sip.transaction_table import ClientTransaction


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a call is placed with; see `Endpoint.invite`. `from_` has its tag."""

    request_uri: str
    from_: str
    to: str
    body: bytes
    headers: tuple[Field, ...]
    destination: Flow
    max_forwards: int
    timeout: float | None


class OutgoingSession(Session):
    """A leg of our making."""

    owns_call_id = True

    def __init__(
        self, core: Core, leg: int, call_id: str, local_tag: str, auth: ClientAuth, invitation: Invitation
    ) -> None:
        super().__init__(core, leg, call_id, local_tag, SessionState.CALLING, auth)
        self.invitation = invitation
        self._cseq = 0
        self._transaction: ClientTransaction | None = None
        self._cancelling = False
        self._cancel_reason: str | None = None
        self._cancel_sent = False
        self._forks: dict[str, Dialog] = {}

    def start(self, now: float) -> None:
        """Send the INVITE."""
        self._send_invite(now)
        if self.invitation.timeout is not None:
            self.start_timer("answer", self.invitation.timeout, now)

    def cancel(self, now: float, reason: str | None) -> None:
        """Give the call up, as soon as the peer may be told (section 9.1)."""
        if self.state is not SessionState.CALLING or self._cancelling:
            return
        self._cancelling = True
        self._cancel_reason = reason
        if self._transaction is not None and self._transaction.state is State.PROCEEDING:
            self._send_cancel(now)

    def bye(self, now: float, reason: str | None) -> None:
        if self.state is SessionState.CALLING:
            self.cancel(now, reason)
        else:
            super().bye(now, reason)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if transaction is not self._transaction:
            if transaction.request.method != "CANCEL":
                super().on_response(transaction, response, now)
        elif response.status < 200:
            self._on_provisional(response, now)
        elif response.status < 300:
            self._on_success(transaction.request, response, now)
        else:
            self._on_refusal(response, now)

    def on_failure(self, transaction: ClientTransaction, source: Source, now: float) -> None:
        if transaction is self._transaction:
            self._fail(503 if source == "transport" else 408, None, source, now)
        elif transaction.request.method != "CANCEL":
            super().on_failure(transaction, source, now)

    def on_timer(self, name: str, now: float) -> None:
        super().on_timer(name, now)
        if name == "answer":
            self.emit(Failed(self.leg, 408, REASONS[408], "timeout"))
            self.silent = True
            self.cancel(now, None)
        elif name == "cancel":
            self._fail(487, None, "timeout", now)

    def finish(self, now: float) -> None:
        super().finish(now)
        if self._transaction is not None and self._transaction.state is State.PROCEEDING:
            self._transaction.abandon()

    def _on_provisional(self, response: Response, now: float) -> None:
        if self._cancelling:
            self._send_cancel(now)
        elif response.status > 100:
            sdp = response.body if response.content_type == SDP else b""
            self.emit(Provisional(self.leg, response.status, response.reason, sdp or None, response))

    def _on_success(self, request: Request, response: Response, now: float) -> None:
        """A 2xx: the call's, the same again, or another fork's, which nobody wants (section 13.2.2.4)."""
        cseq = request.cseq.number
        if self.dialog is None:
            self.dialog = dialog_of_response(request, response, self.invitation.destination)
            self.acknowledge(cseq, now)
            self._on_answer(response, now)
        elif (response.to.tag or "") == self.dialog.remote_tag:
            self.acknowledge(cseq, now)
        else:
            self._part_from_fork(request, response, now)

    def _on_answer(self, response: Response, now: float) -> None:
        for name in ("answer", "cancel"):
            self.stop_timer(name)
        self.state = SessionState.CONFIRMED
        if self._cancelling:
            self.emit(Failed(self.leg, 487, REASONS[487], "local"))
            self.silent = True
            self.send_bye(now, self._cancel_reason)
        else:
            self.emit(Answered(self.leg, response.body or None, response))

    def _on_refusal(self, response: Response, now: float) -> None:
        if not self._cancelling and self.auth.take(response):
            self._send_invite(now)
        else:
            self._fail(response.status, response, "remote", now)

    def _fail(self, status: int, response: Response | None, source: Source, now: float) -> None:
        reason = REASONS.get(status, "Unknown") if response is None else response.reason
        self.emit(Failed(self.leg, status, reason, source, response))
        self.finish(now)

    def _send_invite(self, now: float) -> None:
        self._cseq += 1
        core, invitation = self.core, self.invitation
        rows: tuple[Field, ...] = (
            ("Via", core.via(invitation.destination)),
            ("Max-Forwards", str(invitation.max_forwards)),
            ("From", invitation.from_),
            ("To", invitation.to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} INVITE"),
            core.contact(invitation.destination),
            core.allow,
            core.user_agent,
            *invitation.headers,
            *self.auth.fields("INVITE", invitation.request_uri),
            ("Content-Type", SDP),
        )
        request = Request(rows, invitation.body, "INVITE", invitation.request_uri)
        self._transaction = core.transactions.request(request, invitation.destination, self, now)

    def _send_cancel(self, now: float) -> None:
        """CANCEL copies what makes the INVITE's transaction; a peer that ignores it has 64*T1 to do so."""
        if self._cancel_sent or self._transaction is None:
            return
        self._cancel_sent = True
        invite = self._transaction.request
        reason = () if self._cancel_reason is None else (("Reason", self._cancel_reason),)
        copied = tuple((name, invite.require(name)) for name in ("Via", "From", "To", "Call-ID"))
        rows: tuple[Field, ...] = (
            *copied,
            ("Max-Forwards", "70"),
            ("CSeq", f"{self._cseq} CANCEL"),
            *reason,
            self.core.user_agent,
        )
        request = Request(rows, b"", "CANCEL", invite.uri)
        self.core.transactions.request(request, self.invitation.destination, self, now)
        self.start_timer("cancel", 64 * self.core.config.t1, now)

    def _part_from_fork(self, request: Request, response: Response, now: float) -> None:
        tag = response.to.tag or ""
        known = self._forks.get(tag)
        dialog = known or dialog_of_response(request, response, self.invitation.destination)
        ack = dialog.request("ACK", request.cseq.number, self.core.via(dialog.flow))
        self.core.outbox.send(dialog.flow, packet(ack), now)
        if known is None:
            self._forks[tag] = dialog
            bye = dialog.next_request("BYE", self.core.via(dialog.flow))
            self.core.transactions.request(bye, dialog.flow, _Farewell(), now)


class _Farewell:
    """Who sends a BYE and does not care what becomes of it."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """The other fork is gone."""

    def on_failure(self, transaction: ClientTransaction, source: Source, now: float) -> None:
        """The other fork was gone already."""
