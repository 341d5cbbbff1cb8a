"""A SIP user agent, both roles, without I/O: what an application sees of this package (RFC 3261 sections 8 to 15).

Drive it with `receive`, `flow_closed` and `tick`; after each of these and after each command do what `actions`
returns and handle what `events` returns; call `tick` again no later than `next_timer`.

Commands on a leg that has already ended do nothing and return False: the event that says so is on its way. A command
that the leg's state forbids is a `LocalProtocolError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from offhook.sip.config import EndpointConfig
from offhook.sip.digest import Credentials, Password
from offhook.sip.events import Event
from offhook.sip.flow import Action, Flow
from offhook.sip.headers import NameAddr
from offhook.sip.message import Field, Request
from offhook.sip.registrar import Binding


class Endpoint:
    """One user agent over any number of flows.

    Args:
        config: see `EndpointConfig`.
        tokens: returns a fresh random token (RFC 3261 `token`, 64 bits or more) at each call; tags, branches,
            Call-IDs and nonces are made of them.
    """

    def __init__(self, config: EndpointConfig, tokens: Callable[[], str]) -> None: ...

    # The transports' side.

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """Take a datagram, or any piece of a stream, that came by `flow`. Never raises for what a peer sends."""

    def flow_closed(self, flow: Flow, now: float) -> None:
        """The connection of `flow` closed, or could not be opened: what waits for it fails with "transport"."""

    def tick(self, now: float) -> None:
        """Run every timer due at `now`."""

    def next_timer(self) -> float | None:
        """When `tick` is next due, in the clock of `now`; None when no timer runs."""
        return None

    def actions(self) -> list[Action]:
        """What to send and close, in order; forgotten once returned."""
        return []

    def events(self) -> list[Event]:
        """What happened, in order; forgotten once returned."""
        return []

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
        timeout: float | None = None,
        max_forwards: int = 70,
        call_id: str | None = None,
    ) -> int:
        """Call somebody. Returns the leg; ends in Answered or Failed.

        Args:
            destination: where the INVITE goes; requests in the dialog follow the route set and Contact.
            body: the SDP offer.
            headers: more rows, such as P-Asserted-Identity, Diversion or X-….
            credentials: answer to a 401 or 407, once (and once more when the nonce was stale).
            timeout: seconds to a final response, after which the leg fails with 408 and is cancelled. Without it
                64*T1 (32 s) apply until a provisional response comes, and no limit afterwards.
            max_forwards: of the call this one continues, less one.
            call_id: made from a token when not given.
        """
        return 0

    def cancel(self, leg: int, now: float, reason: str | None = None) -> bool:
        """Give up a call not yet answered; `reason` is a Reason header. Ends in Failed (487) at the peer's answer.

        Before the first provisional response the CANCEL waits for one (section 9.1). If a 2xx crosses it, the call
        is hung up at once and still ends in Failed (487).
        """
        return False

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
        """Send 180 or 183 (early media with `sdp`). Repeated each minute until answered (section 13.3.1.1)."""
        return False

    def answer(self, leg: int, sdp: bytes, now: float, *, headers: Iterable[Field] = ()) -> bool:
        """Send 200, again and again until the ACK comes: Confirmed or AckTimeout follows."""
        return False

    def reject(
        self,
        request: int,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: Iterable[Field] = (),
    ) -> bool:
        """Refuse a waiting INVITE, re-INVITE or REGISTER with a 3xx to 6xx. Ends a leg without further event."""
        return False

    # Authentication, for any waiting leg or request.

    def challenge(self, request: int, now: float, *, realm: str | None = None, proxy: bool = False) -> bool:
        """Refuse with 401 (407 when `proxy`) and a fresh nonce; ends the leg without event, a new INVITE follows."""
        return False

    def authorization_username(self, request: Request) -> str | None:
        """The username that a request claims, None when it carries no digest; to fetch its password first."""
        return None

    def verify(
        self,
        request: Request,
        lookup: Callable[[str], Password | None],
        now: float,
        *,
        realm: str | None = None,
    ) -> str | None:
        """The username that a request proves to be, None when it does not: challenge it then.

        Checked: our nonce and realm, its age, nc rising, the response. `lookup` gives the password of a username.
        """
        return None

    # In a call.

    def bye(self, leg: int, now: float, reason: str | None = None) -> bool:
        """Hang up; `reason` is a Reason header. Ends in Ended.

        On our own INVITE not yet answered it does what cancel does; on an answer not yet acknowledged it waits for
        the ACK (section 15).
        """
        return False

    def reinvite(self, leg: int, sdp: bytes, now: float) -> bool:
        """Change the session: ReinviteAnswered or ReinviteFailed follows. Glare (491) is retried by itself."""
        return False

    def answer_reinvite(self, leg: int, sdp: bytes, now: float) -> bool:
        """Accept the peer's waiting re-INVITE."""
        return False

    # The registrar.

    def accept_register(self, request_id: int, aor: str, now: float) -> bool:
        """Do what a waiting REGISTER asks for the bindings of `aor` and answer it (200, 400, 423, 503…)."""
        return False

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """Where `aor` can be reached at `now`, most preferred first. Call with `request_uri=str(binding.contact)`."""
        return []

    # What is known of a leg.

    def call_id(self, leg: int) -> str | None:
        """The Call-ID of a live leg."""
        return None

    def dialog_flow(self, leg: int) -> Flow | None:
        """The flow of a live leg."""
        return None
