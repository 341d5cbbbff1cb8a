"""The calling side of a session until it is answered: RFC 3261 sections 9.1, 13.2 and 22.2.

A call may have several targets: those of one round ring together and the first to answer has the call; the next round
begins when the one before could not be reached (RFC 3263 section 4.3: the same Call-ID, new transactions). What an
attempt was told is `attempt.py`'s.
"""

from __future__ import annotations

from collections import deque

from offhook.sip.attempt import Attempt, Failure, Invitation, best
from offhook.sip.body import SDP, session_description
from offhook.sip.client_auth import ClientAuth
from offhook.sip.core import Core
from offhook.sip.dialog import Dialog, dialog_of_response
from offhook.sip.events import Answered, Failed, Provisional, Rerouted, Source, Trying
from offhook.sip.message import REASONS, Field, Request, Response
from offhook.sip.outbox import packet
from offhook.sip.session import Session, SessionState
from offhook.sip.transaction_table import ClientTransaction


class OutgoingSession(Session):
    """A leg of our making."""

    owns_call_id = True

    def __init__(self, core: Core, leg: int, call_id: str, local_tag: str, invitation: Invitation) -> None:
        auth = ClientAuth(None, core.token)
        super().__init__(core, leg, call_id, local_tag, SessionState.CALLING, auth)
        self.invitation = invitation
        self._cseq = 0
        self._rounds = deque(invitation.rounds)
        # Every attempt so far; those of the present round are the last `_ringing`.
        self._attempts: list[Attempt] = []
        self._ringing = 0
        self._cancelling = False
        self._cancel_reason: str | None = None
        self._forks: dict[str, Dialog] = {}

    def calls(self, request_uri: str) -> bool:
        """Whether one of our INVITEs has this Request-URI."""
        return any(target.request_uri == request_uri for round in self.invitation.rounds for target in round)

    def start(self, now: float) -> None:
        """Send the INVITE."""
        self._start_round(now)
        if self.invitation.timeout is not None:
            self.start_timer("answer", self.invitation.timeout, now)

    def bye(self, now: float, reason: str | None) -> None:
        """Give the call up, as soon as the peer may be told (section 9.1); hang up one that is answered by then."""
        if self.state is not SessionState.CALLING:
            super().bye(now, reason)
        elif not self._cancelling:
            self._cancelling = True
            self._cancel_reason = reason
            self.stop_timer("silence")
            self._let_go(self._round, now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        attempt = self._attempt_of(transaction)
        if attempt is None:
            if transaction.request.method != "CANCEL":
                super().on_response(transaction, response, now)
            return
        attempt.heard = True
        if response.status < 200:
            self._on_provisional(attempt, response, now)
        elif response.status < 300:
            self._on_success(attempt, transaction.request, response, now)
        else:
            self._on_refusal(attempt, response, now)

    def on_failure(self, transaction: ClientTransaction, source: Source, now: float) -> None:
        attempt = self._attempt_of(transaction)
        if attempt is not None:
            self._on_attempt_over(attempt.lost(source), now)
        elif transaction.request.method != "CANCEL":
            super().on_failure(transaction, source, now)

    def on_timer(self, name: str, now: float) -> None:
        super().on_timer(name, now)
        if name == "answer":
            detail = next((item.silence("timeout") for item in self._round if not item.heard), "")
            self.emit(Failed(self.leg, 408, REASONS[408], "timeout", detail=detail))
            self.silent = True
            self.bye(now, None)
        elif name == "silence":
            self._on_silence(now)
        elif name == "cancel":
            self._on_cancel_ignored(now)

    def finish(self, now: float) -> None:
        super().finish(now)
        for attempt in self._attempts:
            if attempt.proceeding and not attempt.cancel_sent and attempt.transaction is not None:
                attempt.transaction.abandon()
        if any(attempt.proceeding for attempt in self._attempts):
            self._await_cancels(now)

    # The attempts.

    @property
    def _round(self) -> list[Attempt]:
        return self._attempts[-self._ringing :]

    def _attempt_of(self, transaction: ClientTransaction) -> Attempt | None:
        return next((item for item in self._attempts if item.transaction is transaction), None)

    def _start_round(self, now: float) -> None:
        """Call the next targets; all with one CSeq, by which a phone known by two bindings sees one call."""
        self._cseq += 1
        targets = self._rounds.popleft()
        tokens = self.core.token
        self._attempts += [
            Attempt(item, ClientAuth(item.credentials, tokens), self._cseq) for item in targets
        ]
        self._ringing = len(targets)
        for attempt in self._round:
            self._send_invite(attempt, now)
        if self._rounds:
            self.start_timer("silence", self.core.config.silence_timeout, now)

    def _on_silence(self, now: float) -> None:
        """Nobody of this round has said a word: the next one is called, not half a minute later but at once."""
        quiet = self._round
        self._let_go(quiet, now)
        for attempt in quiet:
            attempt.leave()
        self._reroute(Failure(408, REASONS[408], "timeout", None, quiet[0].silence("timeout")), now)

    def _reroute(self, failure: Failure, now: float) -> None:
        self.emit(Rerouted(self.leg, failure.status, failure.reason, failure.source, failure.detail))
        self._start_round(now)

    def _on_attempt_over(self, failure: Failure, now: float) -> None:
        """One target will not have the call."""
        if self.dialog is not None or self.state is not SessionState.CALLING:
            return
        failures = [item.failure for item in self._round if item.failure is not None]
        if failure.status >= 600:
            self._let_go(self._round, now)
            self._fail(failure, now)
        elif len(failures) < self._ringing:
            return
        elif self._rounds and not self._cancelling and all(item.is_unavailability for item in failures):
            self.stop_timer("silence")
            self._reroute(best(failures), now)
        else:
            self._fail(best(failures), now)

    def _let_go(self, attempts: list[Attempt], now: float) -> None:
        """Cancel attempts, each as soon as its target has said something."""
        for attempt in attempts:
            attempt.unwanted = True
            if attempt.proceeding:
                self._send_cancel(attempt, now)

    # What comes of an attempt.

    def _on_provisional(self, attempt: Attempt, response: Response, now: float) -> None:
        self.stop_timer("silence")
        if attempt.unwanted:
            self._send_cancel(attempt, now)
        elif response.status == 100:
            self.emit(Trying(self.leg))
        else:
            # Of several that ring nobody's early media is the call's.
            sdp = session_description(response) if self._ringing == 1 else None
            self.emit(Provisional(self.leg, response.status, response.reason, sdp, response))

    def _on_success(self, attempt: Attempt, request: Request, response: Response, now: float) -> None:
        """A 2xx: the call's, the same again, or another fork's, which nobody wants (section 13.2.2.4)."""
        cseq = request.cseq.number
        if self.dialog is None and self.state is SessionState.CALLING:
            self.dialog = dialog_of_response(request, response, attempt.target.destination)
            self.auth = attempt.auth
            self.acknowledge(cseq, now)
            self._let_go([item for item in self._attempts if item is not attempt], now)
            self._on_answer(response, now)
        elif self.dialog is not None and (response.to.tag or "") == self.dialog.remote_tag:
            self.acknowledge(cseq, now)
        else:
            self._part_from_fork(attempt, request, response, now)

    def _on_answer(self, response: Response, now: float) -> None:
        for name in ("answer", "silence"):
            self.stop_timer(name)
        self.state = SessionState.CONFIRMED
        if self._cancelling:
            self.emit(Failed(self.leg, 487, REASONS[487], "local"))
            self.silent = True
            self.send_bye(now, self._cancel_reason)
        else:
            self.emit(Answered(self.leg, session_description(response), response))

    def _on_refusal(self, attempt: Attempt, response: Response, now: float) -> None:
        if not attempt.unwanted and attempt.auth.take(response):
            attempt.cseq += 1
            self._cseq = max(self._cseq, attempt.cseq)
            self._send_invite(attempt, now)
        else:
            self._on_attempt_over(attempt.refused(response), now)

    def _fail(self, failure: Failure, now: float) -> None:
        self.emit(
            Failed(self.leg, failure.status, failure.reason, failure.source, failure.response, failure.detail)
        )
        self.finish(now)

    # What is sent.

    def _send_invite(self, attempt: Attempt, now: float) -> None:
        core, target = self.core, attempt.target
        rows: tuple[Field, ...] = (
            ("Via", core.via(target.destination)),
            ("Max-Forwards", str(self.invitation.max_forwards)),
            ("From", self.invitation.from_),
            ("To", target.to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{attempt.cseq} INVITE"),
            core.contact(target.destination),
            core.allow,
            *core.supported,
            core.user_agent,
            *self.invitation.headers,
            *target.headers,
            *attempt.auth.fields("INVITE", target.request_uri),
            ("Content-Type", SDP),
        )
        request = Request(rows, self.invitation.body, "INVITE", target.request_uri)
        attempt.transaction = core.transactions.request(request, target.destination, self, now)

    def _send_cancel(self, attempt: Attempt, now: float) -> None:
        """CANCEL copies what makes the INVITE's transaction; a peer that ignores it has 64*T1 to do so."""
        if attempt.cancel_sent or attempt.transaction is None:
            return
        attempt.cancel_sent = True
        invite = attempt.transaction.request
        reason = () if self._cancel_reason is None else (("Reason", self._cancel_reason),)
        copied = tuple((name, invite.require(name)) for name in ("Via", "From", "To", "Call-ID"))
        rows: tuple[Field, ...] = (
            *copied,
            ("Max-Forwards", "70"),
            ("CSeq", f"{attempt.cseq} CANCEL"),
            *reason,
            self.core.user_agent,
        )
        request = Request(rows, b"", "CANCEL", invite.uri)
        self.core.transactions.request(request, attempt.target.destination, self, now)
        self._await_cancels(now)

    def _await_cancels(self, now: float) -> None:
        self.start_timer("cancel", 64 * self.core.config.t1, now)

    def _on_cancel_ignored(self, now: float) -> None:
        """A cancelled INVITE has no final response: it is forgotten."""
        for attempt in self._attempts:
            if attempt.cancel_sent and attempt.proceeding and attempt.transaction is not None:
                attempt.transaction.abandon()
        if self._cancelling and self.state is SessionState.CALLING:
            self._fail(Failure(487, REASONS[487], "timeout", None, ""), now)

    def _part_from_fork(self, attempt: Attempt, request: Request, response: Response, now: float) -> None:
        tag = response.to.tag or ""
        known = self._forks.get(tag)
        dialog = known or dialog_of_response(request, response, attempt.target.destination)
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
