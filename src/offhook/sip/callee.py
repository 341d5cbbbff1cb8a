"""The called side of a session until it is confirmed: RFC 3261 sections 9.2 and 13.3."""

from __future__ import annotations

from offhook.errors import LocalProtocolError
from offhook.sip.acceptance import Acceptance
from offhook.sip.body import session_description
from offhook.sip.client_auth import ClientAuth
from offhook.sip.core import Core
from offhook.sip.dialog import dialog_of_request
from offhook.sip.events import AckTimeout, Cancelled, Confirmed, Ended, IncomingInvite
from offhook.sip.flow import Flow
from offhook.sip.headers import parse_delta_seconds
from offhook.sip.message import Field, Request
from offhook.sip.session import SDP_TYPE, Session, SessionState
from offhook.sip.transaction import Input
from offhook.sip.transaction_table import ServerTransaction

PROVISIONAL_INTERVAL = 60.0
"""Section 13.3.1.1: proxies give an INVITE up three minutes after the last provisional response."""


class IncomingSession(Session):
    """A leg of the peer's making."""

    def __init__(
        self, core: Core, leg: int, transaction: ServerTransaction, flow: Flow, replaces: int | None = None
    ) -> None:
        """Open the session; `replaces` is the leg that it is to take the place of.

        Raises:
            RemoteProtocolError: 400, the INVITE cannot make a dialog.
        """
        request = transaction.request
        auth = ClientAuth(None, core.token)
        super().__init__(core, leg, request.call_id, core.token(), SessionState.RINGING, auth)
        self.dialog = dialog_of_request(request, self.local_tag, flow)
        self.invite_key = (request.from_.tag or "", request.call_id, request.cseq.number)
        self.transaction = transaction
        transaction.user = self
        self._flow = flow
        self._replaces = replaces
        self._acceptance: Acceptance | None = None
        self._bye_waits: tuple[str | None] | None = None
        self._refer_waits: str | None = None

    def start(self, now: float) -> None:
        """Answer 100 and tell the application."""
        request = self.transaction.request
        self.respond(self.transaction, 100, now)
        expires = parse_delta_seconds(request.get("Expires") or "")
        if expires:
            self.start_timer("expires", expires, now)
        offer = session_description(request)
        self.emit(IncomingInvite(self.leg, request, self._flow, offer, self._replaces))

    def provisional(
        self, status: int, now: float, sdp: bytes | None, reason: str | None, fields: tuple[Field, ...]
    ) -> None:
        """Send a 1xx."""
        self._expect_ringing()
        rows = self.dialog_fields(self.transaction, fields)
        typed = (*rows, SDP_TYPE) if sdp else rows
        self.respond(self.transaction, status, now, reason=reason, fields=typed, body=sdp or b"")
        self.start_timer("provisional", PROVISIONAL_INTERVAL, now)

    def answer(self, sdp: bytes, now: float, fields: tuple[Field, ...]) -> None:
        """Send the 200 until it is acknowledged."""
        self._expect_ringing()
        self._stop_ringing()
        self.state = SessionState.ACCEPTED
        response = self.accepting(self.transaction, sdp, fields)
        offered = session_description(self.transaction.request) is None
        self._acceptance = Acceptance(self.core, self.transaction, response, self, now, offered=offered)

    def reject(self, status: int, now: float, reason: str | None, fields: tuple[Field, ...]) -> None:
        """Refuse the INVITE."""
        self._expect_ringing()
        self.respond(self.transaction, status, now, reason=reason, fields=fields)
        self.finish(now)

    def bye(self, now: float, reason: str | None) -> None:
        if self.state is SessionState.RINGING:
            self.respond(self.transaction, 480, now)
            self.emit(Ended(self.leg, "local"))
            self.finish(now)
        elif self.state is SessionState.ACCEPTED:
            self._bye_waits = (reason,)
        else:
            super().bye(now, reason)

    def refer(self, refer_to: str, now: float) -> None:
        if self.state is SessionState.ACCEPTED:
            self._refer_waits = refer_to
        else:
            super().refer(refer_to, now)

    def on_ack(self, request: Request, now: float) -> None:
        acceptance = self._acceptance
        if acceptance is None or request.cseq.number != acceptance.cseq:
            super().on_ack(request, now)
            return
        acceptance.stop()
        self._acceptance = None
        self.state = SessionState.CONFIRMED
        self.emit(Confirmed(self.leg, session_description(request) if acceptance.offered else None))
        if self._bye_waits is not None:
            self.send_bye(now, self._bye_waits[0])
        elif self._refer_waits is not None:
            super().refer(self._refer_waits, now)

    def on_unacknowledged(self, now: float) -> None:
        """Section 13.3.1.4: without an ACK the session ends."""
        if self._acceptance is None:
            super().on_unacknowledged(now)
            return
        self._acceptance = None
        self.emit(AckTimeout(self.leg))
        self.silent = True
        self.send_bye(now, None)

    def on_cancel(self, transaction: ServerTransaction, cancel: Request, now: float) -> None:
        if transaction is not self.transaction:
            super().on_cancel(transaction, cancel, now)
        elif self.state is SessionState.RINGING:
            self._give_up(cancel.get("Reason"), now)

    def on_bye(self, transaction: ServerTransaction, now: float) -> None:
        if self.state is SessionState.RINGING:
            reason = transaction.request.get("Reason")
            self.respond(transaction, 200, now)
            self._give_up(reason, now)
            return
        if self._acceptance is not None:
            self._acceptance.stop()
            self._acceptance = None
        super().on_bye(transaction, now)

    def on_timer(self, name: str, now: float) -> None:
        super().on_timer(name, now)
        if name == "provisional":
            self.transaction.feed(Input.PROVISIONAL, now)
            self.start_timer(name, PROVISIONAL_INTERVAL, now)
        elif name == "expires":
            self._give_up(None, now)

    def _give_up(self, reason: str | None, now: float) -> None:
        self.respond(self.transaction, 487, now)
        self.emit(Cancelled(self.leg, reason))
        self.finish(now)

    def _stop_ringing(self) -> None:
        self.stop_timer("provisional")
        self.stop_timer("expires")

    def _expect_ringing(self) -> None:
        if self.state is not SessionState.RINGING:
            raise LocalProtocolError(f"leg {self.leg} is {self.state}: its INVITE has its final response")
