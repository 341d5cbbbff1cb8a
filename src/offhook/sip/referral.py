"""REFER within a dialog, both ways, and the subscription that each makes (RFC 3515, RFC 4488, RFC 6665).

The one who is referred tells by NOTIFY what becomes of the INVITE that it was asked for. What a REFER leads to is the
application's business; here is how it is answered, and for how long there is anything to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.sip.events import Notified, ReferAnswered, Referred, Source
from offhook.sip.grammar import parameter, parse_parameters
from offhook.sip.headers import parse_name_addr, parse_name_addrs
from offhook.sip.message import REASONS, Field, Request, Response
from offhook.sip.replaces import Replaces, replaces_of_uri
from offhook.sip.sipfrag import CONTENT_TYPE, SIPFRAG, read_status, status_line
from offhook.sip.transaction_table import ClientTransaction, ServerTransaction
from offhook.sip.uri import Uri

if TYPE_CHECKING:
    from offhook.sip.session import Session

SUBSCRIPTION_SECONDS = 180.0
"""How long either side tells, or is told, of one REFER: longer than any telephone rings."""
LONGEST_REFER_TO = 1024
"""Octets. Twilio takes 256, which is too little for a Replaces with the Call-IDs that phones make."""

_GONE = (408, 481)
"""Statuses of a REFER that end the dialog itself (section 12.2.1.2)."""
_ALLOW_EVENTS: Field = ("Allow-Events", "refer")
_UNTOLD: Field = ("Refer-Sub", "false")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a REFER asks for. `subscribed`: whether its sender wants to hear what comes of it (RFC 4488)."""

    refer_to: Uri
    replaces: Replaces | None
    subscribed: bool


def read_wish(request: Request) -> Wish:
    """Read a REFER.

    Raises:
        RemoteProtocolError: 400 without exactly one Refer-To that can be read, 416 for one that is no telephone's
            address, 603 for one that asks for another request than INVITE.
    """
    rows = request.get_all("Refer-To")
    if sum(map(len, rows)) > LONGEST_REFER_TO:
        raise RemoteProtocolError("Refer-To too long", 400)
    given = parse_name_addrs(rows)
    if len(given) != 1:
        raise RemoteProtocolError("a REFER needs one Refer-To", 400)
    uri = given[0].uri
    if uri.scheme.lower() not in ("sip", "sips", "tel"):
        raise RemoteProtocolError("Refer-To is no address to call", 416)
    if (uri.parameter("method") or "INVITE").upper() != "INVITE":
        raise RemoteProtocolError("Refer-To asks for something else than a call", 603)
    wanted = (request.get("Refer-Sub") or "true").partition(";")[0].strip().lower()
    return Wish(uri, replaces_of_uri(uri), wanted != "false")


def _expires(given: str | None) -> int:
    """For how many seconds somebody wants to be told; not for longer than we tell. Raises RemoteProtocolError."""
    text = str(int(SUBSCRIPTION_SECONDS)) if given is None else given.strip()
    if not (text.isascii() and text.isdigit()):
        raise RemoteProtocolError("Expires is a number of seconds", 400)
    return min(int(text[:10]), int(SUBSCRIPTION_SECONDS))


class Referral:
    """The REFERs of one session: at most one from each side at a time.

    Its session comes with each call, as a `Renegotiation`'s does.
    """

    __slots__ = (
        "_asked",
        "_event",
        "_of",
        "_over",
        "_rows",
        "_subscribed",
        "_taken",
        "_told",
        "_until",
        "_waiting",
    )

    def __init__(self) -> None:
        # The peer's: one without a final response; the Event of the NOTIFYs about the last that was accepted, its CSeq,
        # until when they go out, and the response that the last one told of.
        self._waiting: tuple[ServerTransaction, Wish] | None = None
        self._event: str | None = None
        self._of = 0
        self._until = 0.0
        self._told = (100, REASONS[100])
        self._taken = 0
        # Ours: one without a final response, its rows, the CSeq of that whose NOTIFYs are taken, and whether one of
        # those was the last.
        self._asked: ClientTransaction | None = None
        self._rows: tuple[Field, ...] = ()
        self._subscribed: int | None = None
        self._over = False

    # The peer's.

    def on_refer(self, session: Session, transaction: ServerTransaction, now: float) -> None:
        """Take a REFER: the application answers it."""
        if not session.settled or self._waiting is not None or self._event is not None:
            session.respond(transaction, 491, now)
            return
        try:
            wish = read_wish(transaction.request)
        except RemoteProtocolError as error:
            session.respond(transaction, error.status or 400, now)
            return
        self._waiting = transaction, wish
        session.start_timer("referred", 64 * session.core.config.t1, now)
        replaced = session.core.replaced(wish.replaces) if wish.replaces is not None else None
        leg = replaced.leg if replaced is not None and replaced.replaceable else None
        session.emit(Referred(session.leg, transaction.request, wish.refer_to, wish.replaces, leg))

    def accept(self, session: Session, now: float) -> bool:
        """Say 202, and 100 in a NOTIFY; False when no REFER waits."""
        if self._waiting is None:
            return False
        transaction, wish = self._waiting
        self._stop_waiting(session)
        contact = session.core.contact(session.confirmed_dialog.flow)
        session.respond(transaction, 202, now, fields=(contact,) if wish.subscribed else (contact, _UNTOLD))
        # The id may be left out of the first subscription's NOTIFYs, and old phones know none (section 2.4.6).
        event = f"refer;id={transaction.request.cseq.number}" if self._taken else "refer"
        self._taken += 1
        if wish.subscribed:
            self._event, self._of = event, transaction.request.cseq.number
            self._until = now + SUBSCRIPTION_SECONDS
            session.start_timer("referred", SUBSCRIPTION_SECONDS, now)
            self.notify(session, 100, REASONS[100], now)
        return True

    def refuse(self, session: Session, status: int, now: float) -> bool:
        """Refuse the REFER that waits; False when none does."""
        if self._waiting is None:
            return False
        transaction, _ = self._waiting
        self._stop_waiting(session)
        session.respond(transaction, status, now)
        return True

    def notify(self, session: Session, status: int, reason: str, now: float) -> bool:
        """Tell what has become of the call that was asked for; False when nobody wants to know (any more)."""
        if self._event is None:
            return False
        self._told = status, reason
        left = max(0, int(self._until - now))
        state = f"active;expires={left}" if status < 200 else "terminated;reason=noresource"
        self._send_notify(session, self._event, state, now)
        if status >= 200:
            self._forget_subscriber(session)
        return True

    def on_subscribe(self, session: Session, transaction: ServerTransaction, now: float) -> None:
        """Take a SUBSCRIBE that is to prolong what a REFER has begun, or (Expires: 0) to end it (section 2.4.4).

        Nothing else is subscribed to. What is told at once is what was told last (RFC 6665 section 4.2.1.2).
        """
        request = transaction.request
        given = request.get("Event") or ""
        package, _, _ = given.partition(";")
        if package.strip().lower() != "refer":
            session.respond(transaction, 489, now, fields=(_ALLOW_EVENTS,))
            return
        try:
            about = parameter(parse_parameters(given, len(package)), "id")
            seconds = _expires(request.get("Expires"))
        except RemoteProtocolError as error:
            session.respond(transaction, error.status or 400, now)
            return
        if self._event is None or about not in (None, str(self._of)):
            session.respond(transaction, 481, now)
            return
        contact = session.core.contact(session.confirmed_dialog.flow)
        session.respond(transaction, 200, now, fields=(("Expires", str(seconds)), contact))
        if seconds:
            self._until = now + seconds
            session.start_timer("referred", seconds, now)
            self.notify(session, *self._told, now)
        else:
            self._send_notify(session, self._event, "terminated;reason=timeout", now)
            self._forget_subscriber(session)

    def on_notify_response(
        self, session: Session, transaction: ClientTransaction, response: Response, now: float
    ) -> None:
        """Take the answer to a NOTIFY: after one that is refused there are no more (RFC 6665 section 4.2.2)."""
        if response.status < 300:
            return
        request = transaction.request
        if session.settled and session.auth.take(response):
            self._send_notify(session, request.require("Event"), request.require("Subscription-State"), now)
        else:
            self._forget_subscriber(session)

    def on_notify_lost(self, session: Session) -> None:
        """Whoever sent the REFER does not listen to what comes of it, which is no reason to end the call."""
        self._forget_subscriber(session)

    def expire(self, session: Session, now: float) -> None:
        """The application has not answered the REFER, or has had nothing to tell in all that time."""
        if self._event is not None:
            self._send_notify(session, self._event, "terminated;reason=timeout", now)
            self._forget_subscriber(session)
        self.refuse(session, 500, now)

    def _send_notify(self, session: Session, event: str, state: str, now: float) -> None:
        rows: tuple[Field, ...] = (
            ("Event", event),
            ("Subscription-State", state),
            session.core.contact(session.confirmed_dialog.flow),
            session.core.allow,
            ("Content-Type", CONTENT_TYPE),
        )
        session.request("NOTIFY", now, rows, status_line(*self._told))

    def _stop_waiting(self, session: Session) -> None:
        self._waiting = None
        session.stop_timer("referred")

    def _forget_subscriber(self, session: Session) -> None:
        self._event = None
        if self._waiting is None:
            session.stop_timer("referred")

    # Ours.

    def refer(self, session: Session, refer_to: str, now: float) -> None:
        """Send a REFER, in our name of the dialog (RFC 3892).

        Raises:
            LocalProtocolError: another of our own is under way.
        """
        if self._asked is not None or (self._subscribed is not None and not self._over):
            raise LocalProtocolError("a REFER is already under way")
        us = parse_name_addr(session.confirmed_dialog.local).uri
        self._rows = ("Refer-To", f"<{refer_to}>"), ("Referred-By", f"<{us.without_headers()}>")
        self._send_refer(session, now)

    def on_refer_response(self, session: Session, response: Response, now: float) -> None:
        """Take a response to our REFER."""
        if response.status < 200 or self._asked is None:
            return
        self._asked = None
        if response.status >= 300 and session.settled and session.auth.take(response):
            self._send_refer(session, now)
            return
        untold = (response.get("Refer-Sub") or "").strip().lower() == "false"
        if response.status >= 300 or untold:
            self._unsubscribe(session)
        session.emit(ReferAnswered(session.leg, response.status, response.reason))
        if response.status in _GONE:
            session.drop("remote", now)
        elif response.status < 300 and untold:
            session.emit(Notified(session.leg, None, "", over=True))

    def on_refer_lost(self, session: Session, source: Source) -> None:
        """No response came to our REFER."""
        self._asked = None
        self._unsubscribe(session)
        status = 503 if source == "transport" else 408
        session.emit(ReferAnswered(session.leg, status, REASONS[status]))

    def on_notify(self, session: Session, transaction: ServerTransaction, now: float) -> None:
        """Take a NOTIFY about our REFER, which may come before its 202 (section 2.4.4)."""
        request = transaction.request
        try:
            refusal = self._refusal(request)
        except RemoteProtocolError as error:
            refusal = error.status or 400
        if refusal is not None:
            session.respond(transaction, refusal, now, fields=(_ALLOW_EVENTS,) if refusal == 489 else ())
            return
        session.respond(transaction, 200, now)
        state = (request.get("Subscription-State") or "active").partition(";")[0].strip().lower()
        told = read_status(request.body)
        status, reason = told or (None, "")
        last = state == "terminated" or (status is not None and status >= 200)
        if not self._over:
            session.emit(Notified(session.leg, status, reason, over=last))
            self._over = last
        if state == "terminated":
            self._unsubscribe(session)

    def give_up(self, session: Session) -> None:
        """Nobody has told what became of it."""
        if not self._over:
            session.emit(Notified(session.leg, None, "", over=True))
        self._unsubscribe(session)

    def _refusal(self, request: Request) -> int | None:
        """The status to refuse a NOTIFY with, None when it is about our REFER. Raises RemoteProtocolError."""
        given = request.get("Event") or ""
        package, _, _ = given.partition(";")
        if package.strip().lower() != "refer":
            return 489
        about = parameter(parse_parameters(given, len(package)), "id")
        if self._subscribed is None or about not in (None, str(self._subscribed)):
            return 481
        if not request.body:
            return None
        if request.content_type != SIPFRAG:
            return 415
        return None if read_status(request.body) is not None else 400

    def _send_refer(self, session: Session, now: float) -> None:
        contact = session.core.contact(session.confirmed_dialog.flow)
        self._asked = session.request("REFER", now, (*self._rows, contact, session.core.allow))
        self._subscribed = self._asked.request.cseq.number
        self._over = False
        session.start_timer("referring", SUBSCRIPTION_SECONDS, now)

    def _unsubscribe(self, session: Session) -> None:
        self._subscribed = None
        self._over = True
        session.stop_timer("referring")

    # The end.

    def abandon(self, session: Session, now: float) -> None:
        """The session ends: answer what waits, tell nothing more. What is still told is heard until it has ended."""
        self.refuse(session, 487, now)
        self._forget_subscriber(session)
