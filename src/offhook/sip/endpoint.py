"""A SIP user agent, both roles, without I/O: what an application sees of this package (RFC 3261).

Drive it with `receive`, `flow_closed` and `tick`; after each of these and after each command do what
`actions` returns and handle what `events` returns; call `tick` again no later than `next_timer`.

Commands on a leg that has already ended do nothing and return False: the event that says so is on its way. A
command that the leg's state forbids is a `LocalProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.sip.attempt import Invitation, Target
from offhook.sip.callee import IncomingSession
from offhook.sip.caller import OutgoingSession
from offhook.sip.config import EndpointConfig
from offhook.sip.core import Core
from offhook.sip.digest import Credentials, Password, Verifier, parse_digest
from offhook.sip.events import Event
from offhook.sip.flow import Action, Address, Flow
from offhook.sip.headers import NameAddr
from offhook.sip.message import Field, Request, checked_fields, checked_text
from offhook.sip.reception import Reception
from offhook.sip.registrar import Binding, Outcome, Registrar
from offhook.sip.session import Session
from offhook.sip.uri import parse_uri


class Endpoint:
    """One user agent over any number of flows.

    Args:
        config: see `EndpointConfig`.
        tokens: returns a fresh random token (RFC 3261 `token`, 64 bits or more) at each call; tags, branches,
            Call-IDs and nonces are made of them.
    """

    def __init__(self, config: EndpointConfig, tokens: Callable[[], str]) -> None:
        self._core = Core(config, tokens)
        self._reception = Reception(self._core)
        self._registrar = Registrar(config)
        self._verifier = Verifier(config.nonce_secret, config.digest_algorithms, config.nonce_lifetime)

    # The transports' side.

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take a datagram, or any piece of a stream, that came by `flow`.

        Never raises for what a peer sends.
        """
        self._reception.receive(data, flow, now)

    def flow_closed(self, flow: Flow, now: float) -> None:
        """A connection closed, or could not be opened: what waits for it fails with "transport"."""
        self._reception.flow_closed(flow, now)
        self._registrar.connection_lost(flow)

    def tick(self, now: float) -> None:
        """Run every timer due at `now`."""
        self._core.timers.fire(now)

    def next_timer(self) -> float | None:
        """When `tick` is next due, in the clock of `now`; None when no timer runs."""
        return self._core.timers.next()

    def actions(self) -> list[Action]:
        """What to send and close, in order; forgotten once returned."""
        return self._core.outbox.take_actions()

    def events(self) -> list[Event]:
        """What happened, in order; forgotten once returned."""
        return self._core.outbox.take_events()

    # Calling.

    def invite(
        self,
        now: float,
        *,
        request_uri: str,
        from_: NameAddr,
        to: NameAddr,
        destination: Flow,
        body: bytes,
        headers: Iterable[Field] = (),
        credentials: Credentials | None = None,
        beside: Iterable[Target] = (),
        otherwise: Iterable[Target] = (),
        timeout: float | None = None,
        max_forwards: int = 70,
        call_id: str | None = None,
    ) -> int:
        """Call somebody. Returns the leg; ends in Answered or Failed.

        Args:
            destination: where the INVITE goes; requests in the dialog follow the route set and Contact.
            body: the SDP offer.
            headers: more rows for every target, such as P-Asserted-Identity, Diversion or X-….
            credentials: answer to a 401 or 407, once (and once more when the nonce was stale).
            beside: targets that ring at the same time; the first to answer has the call.
            otherwise: targets to call one after the other when the call could not be taken by those before: they
                said 503 or nothing at all, or could not be reached (event Rerouted).
            timeout: seconds to a final response, after which the leg fails with 408 and is cancelled. Without
                it 64*T1 (32 s) apply until a provisional response comes, and no limit afterwards.
            max_forwards: of the call this one continues, less one.
            call_id: made from a token when not given.
        """
        first = Target(request_uri, str(to), destination, credentials=credentials)
        rounds = ((first, *beside), *((target,) for target in otherwise))
        core = self._core
        tag = core.token()
        invitation = Invitation(
            from_=checked_text(str(from_.with_tag(tag))),
            body=body,
            headers=checked_fields(headers),
            rounds=tuple(tuple(_checked(target) for target in round) for round in rounds),
            max_forwards=max_forwards,
            timeout=timeout,
        )
        session = OutgoingSession(core, core.new_id(), call_id or core.token(), tag, invitation)
        core.add(session)
        session.start(now)
        return session.leg

    def cancel(self, leg: int, now: float, reason: str | None = None) -> bool:
        """Give up a call not yet answered; `reason` is a Reason header. Failed (487) follows.

        Before the first provisional response the CANCEL waits for one (section 9.1). If a 2xx crosses it, the
        call is hung up at once and still ends in Failed (487). One whose Answered is on its way is hung up.
        """
        session = self._live(leg)
        if session is not None:
            if not isinstance(session, OutgoingSession):
                raise LocalProtocolError(f"leg {leg} is a call of the peer's: it is not ours to cancel")
            session.bye(now, _text(reason))
        return session is not None

    # Being called.

    def provisional(
        self,
        leg: int,
        status: int,
        now: float,
        *,
        sdp: bytes | None = None,
        reason: str | None = None,
        headers: Iterable[Field] = (),
    ) -> bool:
        """Send 180 or 183 (early media with `sdp`).

        Repeated each minute until answered (section 13.3.1.1).
        """
        session = self._called(leg)
        if session is not None:
            session.provisional(status, now, sdp, _text(reason), checked_fields(headers))
        return session is not None

    def answer(self, leg: int, sdp: bytes, now: float, *, headers: Iterable[Field] = ()) -> bool:
        """Send 200, again and again until the ACK comes: Confirmed or AckTimeout follows."""
        session = self._called(leg)
        if session is not None:
            session.answer(sdp, now, checked_fields(headers))
        return session is not None

    def reject(
        self,
        request: int,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: Iterable[Field] = (),
    ) -> bool:
        """Refuse a waiting INVITE, re-INVITE or REGISTER with a 3xx to 6xx.

        Ends a leg without further event.
        """
        return self._refuse(request, status, now, _text(reason), checked_fields(headers, contact=True))

    # Authentication, for any waiting leg or request.

    def challenge(self, request: int, now: float, *, realm: str | None = None, proxy: bool = False) -> bool:
        """Refuse with 401 (407 when `proxy`) and a fresh nonce; ends a leg without event."""
        asked = self._waiting_request(request)
        if asked is None:
            return False
        realm = realm or self._core.config.realm
        stale = any(self._verifier.is_stale(given, now) for given in _digests(asked, realm))
        values = self._verifier.challenges(realm, self._core.token(), now, stale=stale)
        name = "Proxy-Authenticate" if proxy else "WWW-Authenticate"
        return self._refuse(
            request, 407 if proxy else 401, now, None, tuple((name, value) for value in values)
        )

    def authorization_username(self, request: Request, *, realm: str | None = None) -> str | None:
        """The username that a request claims, None when it carries no digest; to fetch its password first."""
        realm = realm or self._core.config.realm
        return next((given["username"] for given in _digests(request, realm) if "username" in given), None)

    def verify(
        self,
        request: Request,
        lookup: Callable[[str], Password | None],
        now: float,
        *,
        realm: str | None = None,
    ) -> str | None:
        """The username that a request proves to be, None when it does not: challenge it then.

        Checked: our nonce and realm, its age, nc rising, the response. `lookup` gives the password of a
        username.
        """
        realm = realm or self._core.config.realm
        for given in _digests(request, realm):
            username = given.get("username", "")
            password = lookup(username)
            if password is not None and self._verifier.verify(given, request.method, realm, password, now):
                return username
        return None

    # In a call.

    def bye(self, leg: int, now: float, reason: str | None = None) -> bool:
        """Hang up; `reason` is a Reason header. Ends in Ended.

        On our own INVITE not yet answered it does what cancel does; on an answer not yet acknowledged it
        waits for the ACK (section 15).
        """
        session = self._live(leg)
        if session is not None:
            session.bye(now, _text(reason))
        return session is not None

    def reinvite(self, leg: int, sdp: bytes, now: float) -> bool:
        """Change the session: ReinviteAnswered or ReinviteFailed follows.

        Glare (491) is retried by itself.
        """
        session = self._live(leg)
        if session is not None:
            session.reinvite(sdp, now)
        return session is not None

    def answer_reinvite(self, leg: int, sdp: bytes, now: float) -> bool:
        """Accept the peer's waiting re-INVITE."""
        session = self._live(leg)
        return session is not None and session.renegotiation.answer(session, sdp, now)

    # Transfers.

    def refer(self, leg: int, refer_to: str, now: float) -> bool:
        """Ask the peer to call somebody else instead: ReferAnswered follows, then Notified until it is over.

        `refer_to` is a URI, with headers where the call is to have them. On an answer not yet acknowledged it waits
        for the ACK.
        """
        session = self._live(leg)
        if session is not None:
            session.refer(checked_text(refer_to), now)
        return session is not None

    def accept_refer(self, leg: int, now: float) -> bool:
        """Accept the peer's REFER that waits (202): notify_refer tells it more."""
        session = self._live(leg)
        return session is not None and session.referral.accept(session, now)

    def refuse_refer(self, leg: int, status: int, now: float) -> bool:
        """Refuse the peer's REFER that waits."""
        session = self._live(leg)
        return session is not None and session.referral.refuse(session, status, now)

    def notify_refer(self, leg: int, status: int, reason: str, now: float) -> bool:
        """Tell what the call has come to that the peer's REFER asked for; 200 and above is the last that is told."""
        session = self._live(leg)
        return session is not None and session.referral.notify(session, status, checked_text(reason), now)

    # The registrar.

    def accept_register(self, request_id: int, aor: str, now: float) -> bool:
        """Do what a waiting REGISTER asks for the bindings of `aor` and answer it (200, 400, 423, 503…)."""
        waiting = self._reception.waiting.get(request_id)
        if waiting is None:
            return False
        try:
            outcome = self._registrar.register(aor, waiting.transaction.request, waiting.flow, now)
        except RemoteProtocolError as error:
            outcome = Outcome(error.status or 400)
        return self._reception.answer_waiting(request_id, outcome.status, now, None, outcome.fields)

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """Where `aor` can be reached at `now`, most preferred first.

        Call with `request_uri=str(binding.contact)`.
        """
        return self._registrar.bindings(aor, now)

    def restore_binding(self, aor: str, binding: Binding) -> None:
        """Take over a binding that an earlier life of this endpoint wrote down."""
        self._registrar.restore(aor, binding)

    # What is known of a leg.

    def call_id(self, leg: int) -> str | None:
        """The Call-ID of a live leg."""
        session = self._core.legs.get(leg)
        return None if session is None else session.call_id

    def advertised(self, flow: Flow) -> Address:
        """Our address for the peers of `flow`, in Via and Contact."""
        return self._core.advertised(flow)

    def forget_log(self, leg: int, call_id: str) -> None:
        """Make no more message logs for a leg that is over: nobody will ask what came late."""
        self._core.outbox.forget(leg, call_id)

    def _live(self, leg: int) -> Session | None:
        session = self._core.legs.get(leg)
        return None if session is None or session.silent else session

    def _called(self, leg: int) -> IncomingSession | None:
        session = self._live(leg)
        if session is not None and not isinstance(session, IncomingSession):
            raise LocalProtocolError(f"leg {leg} is a call that we made: it is not ours to answer")
        return session

    def _waiting_request(self, number: int) -> Request | None:
        """The request that a number names while it waits for an answer."""
        waiting = self._reception.waiting.get(number)
        if waiting is not None:
            return waiting.transaction.request
        session = self._live(number)
        return session.transaction.request if isinstance(session, IncomingSession) else None

    def _refuse(
        self, number: int, status: int, now: float, reason: str | None, fields: tuple[Field, ...]
    ) -> bool:
        if self._reception.answer_waiting(number, status, now, reason, fields):
            return True
        session = self._live(number)
        if session is None:
            return False
        if not session.renegotiation.reject(session, status, now, reason, fields):
            if not isinstance(session, IncomingSession):
                raise LocalProtocolError(f"leg {number} has nothing to refuse")
            session.reject(status, now, reason, fields)
        return True


def _checked(target: Target) -> Target:
    """A target whose rows can be sent. Raises LocalProtocolError."""
    try:
        parse_uri(target.request_uri)
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"cannot call: {error}") from None
    return replace(target, to=checked_text(target.to), headers=checked_fields(target.headers))


def _text(reason: str | None) -> str | None:
    return None if reason is None else checked_text(reason)


def _digests(request: Request, realm: str) -> list[dict[str, str]]:
    """The digest credentials for `realm` in a request; malformed ones and other schemes prove nothing."""
    found = []
    for name in ("Authorization", "Proxy-Authorization"):
        for row in request.get_all(name):
            try:
                given = parse_digest(row)
            except RemoteProtocolError:
                continue
            if given is not None and given.get("realm") == realm:
                found.append(given)
    return found
