"""Changing a session by re-INVITE, both ways (RFC 3261 section 14), with glare. Hold is in the offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import LocalProtocolError
from offhook.sip.acceptance import Acceptance
from offhook.sip.body import SDP, session_description
from offhook.sip.events import Reinvite, ReinviteAnswered, ReinviteConfirmed, ReinviteFailed
from offhook.sip.message import REASONS, Field, Request, Response
from offhook.sip.transaction_table import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from offhook.sip.session import Session

_GONE = (408, 481)
"""Statuses that end the dialog itself (section 12.2.1.2)."""


class Renegotiation:
    """The re-INVITEs of one session: at most one from each side at a time.

    Its session comes with each call: two objects that hold each other are freed by the garbage collector alone.
    """

    __slots__ = ("_acceptance", "_acknowledged", "_asked", "_offer", "_waiting")

    def __init__(self) -> None:
        self._offer: bytes | None = None
        # Our re-INVITE while it has no final response.
        self._asked: ClientTransaction | None = None
        self._waiting: ServerTransaction | None = None
        self._acceptance: Acceptance | None = None
        # CSeq of our re-INVITE that got its 2xx; a 2xx that comes again is acknowledged again.
        self._acknowledged: int | None = None

    # Ours.

    def offer(self, session: Session, sdp: bytes, now: float) -> None:
        """Send a re-INVITE, unless the peer's own came first: that fails like any glare.

        Raises:
            LocalProtocolError: another of our own is under way.
        """
        if self._offer is not None:
            raise LocalProtocolError("a re-INVITE is already under way")
        if self._waiting is not None:
            session.emit(ReinviteFailed(session.leg, 491, REASONS[491]))
            return
        self._offer = sdp
        self._send(session, now)

    def retry(self, session: Session, now: float) -> None:
        """Send it again after glare, unless the peer's own re-INVITE is waiting."""
        if self._offer is None:
            return
        if self._waiting is not None:
            self._wait(session, now)
        else:
            self._send(session, now)

    def on_response(
        self, session: Session, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        """Take a response to our re-INVITE."""
        cseq = transaction.request.cseq.number
        if response.status < 200:
            return
        self._asked = None
        if response.status < 300:
            self._accepted(session, cseq, response, now)
        elif self._offer is None:
            return
        elif response.status == 491:
            self._wait(session, now)
        elif session.auth.take(response):
            self._send(session, now)
        else:
            self._offer = None
            session.emit(ReinviteFailed(session.leg, response.status, response.reason))
            if response.status in _GONE:
                session.drop("remote", now)

    def _accepted(self, session: Session, cseq: int, response: Response, now: float) -> None:
        first = self._acknowledged != cseq
        if first:
            session.confirmed_dialog.refresh_by_response(response)
        self._acknowledged = cseq
        session.acknowledge(cseq, now)
        if first and self._offer is not None:
            self._offer = None
            session.emit(ReinviteAnswered(session.leg, session_description(response), response))

    def _send(self, session: Session, now: float) -> None:
        core = session.core
        contact = core.contact(session.confirmed_dialog.flow)
        rows: tuple[Field, ...] = (contact, core.allow, *core.supported, ("Content-Type", SDP))
        self._asked = session.request("INVITE", now, rows, self._offer or b"")

    def _wait(self, session: Session, now: float) -> None:
        """Section 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other side up to 2."""
        delay = session.core.jitter()
        session.start_timer("glare", 2.1 + 1.9 * delay if session.owns_call_id else 2.0 * delay, now)

    # The peer's.

    def on_invite(self, session: Session, transaction: ServerTransaction, now: float) -> None:
        """Take a re-INVITE of the peer's (section 14.2)."""
        ours_under_way = self._offer is not None and not session.runs_timer("glare")
        if ours_under_way or not (session.settled or session.ringing):
            session.respond(transaction, 491, now)
        elif session.ringing or self._waiting is not None or self._acceptance is not None:
            retry: Field = ("Retry-After", str(int(session.core.jitter() * 10)))
            session.respond(transaction, 500, now, fields=(retry,))
        else:
            session.confirmed_dialog.refresh_by_request(transaction.request, transaction.source)
            self._waiting = transaction
            transaction.user = session
            session.respond(transaction, 100, now)
            session.emit(Reinvite(session.leg, transaction.request, session_description(transaction.request)))

    def answer(self, session: Session, sdp: bytes, now: float) -> bool:
        """Accept the waiting re-INVITE; False when none is waiting, as after a CANCEL."""
        transaction = self._waiting
        if transaction is None:
            return False
        self._waiting = None
        response = session.accepting(transaction, sdp)
        offered = session_description(transaction.request) is None
        self._acceptance = Acceptance(session.core, transaction, response, session, now, offered=offered)
        return True

    def reject(
        self,
        session: Session,
        status: int,
        now: float,
        reason: str | None = None,
        fields: tuple[Field, ...] = (),
    ) -> bool:
        """Refuse the waiting re-INVITE; False when none is waiting."""
        transaction, self._waiting = self._waiting, None
        if transaction is None:
            return False
        session.respond(transaction, status, now, reason=reason, fields=fields)
        return True

    def on_cancel(self, session: Session, transaction: ServerTransaction, now: float) -> None:
        """The peer takes its re-INVITE back."""
        if transaction is self._waiting:
            self.reject(session, 487, now)

    def on_ack(self, session: Session, request: Request) -> None:
        """Take the ACK of our 2xx."""
        acceptance = self._acceptance
        if acceptance is None or acceptance.cseq != request.cseq.number:
            return
        acceptance.stop()
        self._acceptance = None
        sdp = session_description(request)
        if acceptance.offered and sdp is not None:
            session.emit(ReinviteConfirmed(session.leg, sdp))

    def on_unacknowledged(self, session: Session, now: float) -> None:
        """No ACK came for our 2xx: the dialog ends (section 14.2)."""
        self._acceptance = None
        session.drop("timeout", now)

    def abandon(self, session: Session, now: float) -> None:
        """The session ends: answer what waits, repeat nothing."""
        self.reject(session, 487, now)
        self._offer = None
        if self._acceptance is not None:
            self._acceptance.stop()
            self._acceptance = None

    def finish(self, session: Session, now: float) -> None:
        """The session is over: a re-INVITE that was told to wait may wait for as long as any request."""
        if self._asked is not None:
            session.start_timer("unanswered", 64 * session.core.config.t1, now)

    def forget(self) -> None:
        """No final response came to our re-INVITE."""
        if self._asked is not None:
            self._asked.abandon()
