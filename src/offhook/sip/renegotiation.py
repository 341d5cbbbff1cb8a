"""Changing a session by re-INVITE, both ways (RFC 3261 section 14), with glare. Hold is in the offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.errors import LocalProtocolError
from offhook.sip.acceptance import Acceptance
from offhook.sip.admission import SDP, offered_sdp
from offhook.sip.events import Reinvite, ReinviteAnswered, ReinviteConfirmed, ReinviteFailed
from offhook.sip.message import REASONS, Field, Request, Response
from offhook.sip.transaction_table import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from offhook.sip.session import Session

#: Statuses that end the dialog itself (section 12.2.1.2).
_GONE = (408, 481)


class Renegotiation:
    """The re-INVITEs of one session: at most one of ours and one of the peer's at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._offer: bytes | None = None
        self._waiting: ServerTransaction | None = None
        self._acceptance: Acceptance | None = None
        #: CSeq of our re-INVITE that got its 2xx; a 2xx that comes again is acknowledged again.
        self._acknowledged: int | None = None

    # Ours.

    def offer(self, sdp: bytes, now: float) -> None:
        """Send a re-INVITE, unless the peer's own came first: that fails like any glare.

        Raises:
            LocalProtocolError: another one of ours is under way.
        """
        session = self._session
        if self._offer is not None:
            raise LocalProtocolError("a re-INVITE is already under way")
        if self._waiting is not None:
            session.emit(ReinviteFailed(session.leg, 491, REASONS[491]))
            return
        self._offer = sdp
        self._send(now)

    def retry(self, now: float) -> None:
        """Send it again after glare, unless the peer's own re-INVITE is waiting."""
        if self._offer is None:
            return
        if self._waiting is not None:
            self._wait(now)
        else:
            self._send(now)

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        """Take a response to our re-INVITE."""
        session, cseq = self._session, transaction.request.cseq.number
        if response.status < 200:
            return
        if response.status < 300:
            self._accepted(cseq, response, now)
        elif self._offer is None:
            return
        elif response.status == 491:
            self._wait(now)
        elif session.auth.take(response):
            self._send(now)
        else:
            self._offer = None
            session.emit(ReinviteFailed(session.leg, response.status, response.reason))
            if response.status in _GONE:
                session.drop("remote", now)

    def _accepted(self, cseq: int, response: Response, now: float) -> None:
        session = self._session
        first = self._acknowledged != cseq
        if first:
            session.confirmed_dialog.refresh_target(response)
        self._acknowledged = cseq
        session.acknowledge(cseq, now)
        if first and self._offer is not None:
            self._offer = None
            session.emit(ReinviteAnswered(session.leg, response.body or None, response))

    def _send(self, now: float) -> None:
        session = self._session
        contact = session.core.contact(session.confirmed_dialog.flow)
        rows: tuple[Field, ...] = (contact, session.core.allow, ("Content-Type", SDP))
        session.request("INVITE", now, rows, self._offer or b"")

    def _wait(self, now: float) -> None:
        """Section 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other side up to 2."""
        session = self._session
        delay = session.core.jitter()
        session.start_timer("glare", 2.1 + 1.9 * delay if session.owns_call_id else 2.0 * delay, now)

    # The peer's.

    def on_invite(self, transaction: ServerTransaction, now: float) -> None:
        """Take a re-INVITE of the peer's (section 14.2)."""
        session = self._session
        ours_under_way = self._offer is not None and not session.runs_timer("glare")
        if ours_under_way or not session.settled:
            session.respond(transaction, 491, now)
        elif self._waiting is not None or self._acceptance is not None:
            retry: Field = ("Retry-After", str(int(session.core.jitter() * 10)))
            session.respond(transaction, 500, now, fields=(retry,))
        else:
            session.confirmed_dialog.refresh_target(transaction.request)
            self._waiting = transaction
            transaction.user = session
            session.respond(transaction, 100, now)
            session.emit(Reinvite(session.leg, transaction.request, offered_sdp(transaction.request)))

    def answer(self, sdp: bytes, now: float) -> bool:
        """Accept the waiting re-INVITE; False when none is waiting, as after a CANCEL."""
        session, transaction = self._session, self._waiting
        if transaction is None:
            return False
        self._waiting = None
        response = session.accepting(transaction, sdp)
        offered = offered_sdp(transaction.request) is None
        self._acceptance = Acceptance(session.core, transaction, response, self, now, offered=offered)
        return True

    def reject(self, status: int, now: float, reason: str | None, fields: tuple[Field, ...]) -> bool:
        """Refuse the waiting re-INVITE; False when none is waiting."""
        transaction, self._waiting = self._waiting, None
        if transaction is None:
            return False
        self._session.respond(transaction, status, now, reason=reason, fields=fields)
        return True

    def on_cancel(self, transaction: ServerTransaction, now: float) -> None:
        """The peer takes its re-INVITE back."""
        if transaction is self._waiting:
            self.reject(487, now, None, ())

    def on_ack(self, request: Request, now: float) -> None:
        """Take the ACK of our 2xx."""
        acceptance = self._acceptance
        if acceptance is None or acceptance.cseq != request.cseq.number:
            return
        acceptance.stop()
        self._acceptance = None
        sdp = offered_sdp(request)
        if acceptance.offered and sdp is not None:
            self._session.emit(ReinviteConfirmed(self._session.leg, sdp))

    def on_unacknowledged(self, now: float) -> None:
        """No ACK came for our 2xx: the dialog ends (section 14.2)."""
        self._acceptance = None
        self._session.drop("timeout", now)

    def abandon(self, now: float) -> None:
        """The session ends: answer what waits, repeat nothing."""
        self.reject(487, now, None, ())
        self._offer = None
        if self._acceptance is not None:
            self._acceptance.stop()
            self._acceptance = None
