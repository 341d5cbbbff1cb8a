"""What an endpoint tells the application: one frozen value a fact.

A `leg` is one INVITE session seen from this side: it is named by a number from the moment the INVITE is sent
or comes in until exactly one of `Failed`, `Cancelled`, `AckTimeout` or `Ended` ends it. A `request` number
names a request outside any leg that waits for an answer.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from offhook.sip.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.replaces import Replaces
from offhook.sip.uri import Uri

Source = Literal["remote", "timeout", "transport", "local"]
"""Who ended or failed a leg: the peer by a message, the absence of one, the transport below, or this side."""


class IncomingInvite(Struct, frozen=True):
    """A new INVITE, already answered with 100. Answer with provisional, answer, reject or challenge.

    `sdp` is the offer, None when the caller leaves the offer to this side. `flow.remote` is the peer's real
    address. `replaces` is the leg that it is to take the place of (RFC 3891), which is answered and lives: whether
    the caller may have it is for the application to find out.
    """

    leg: int
    request: Request
    flow: Flow
    sdp: bytes | None
    replaces: int | None = None


class Trying(Struct, frozen=True):
    """A 100 came for our INVITE: somebody is there, and works on it."""

    leg: int


class Rerouted(Struct, frozen=True):
    """Our INVITE could not be taken by its first targets, and was sent to the next; the fields are `Failed`'s."""

    leg: int
    status: int
    reason: str
    source: Source
    detail: str


class Provisional(Struct, frozen=True):
    """A 1xx other than 100 came for our INVITE; `sdp` is early media's answer, if it brings one."""

    leg: int
    status: int
    reason: str
    sdp: bytes | None
    response: Response


class Answered(Struct, frozen=True):
    """Our INVITE was answered with a 2xx, which has been acknowledged."""

    leg: int
    sdp: bytes | None
    response: Response


class Failed(Struct, frozen=True):
    """Our INVITE ended without a call. The last event of a leg.

    `status` is the peer's final status, 408 when none came in time, 503 when the transport failed, 487 when
    this side cancelled. `response` is the peer's final response, if there was one (Contact of a 3xx, Warning,
    Reason…). `detail` says in words what was wrong when there was none: who did not answer, or could not be
    reached.
    """

    leg: int
    status: int
    reason: str
    source: Source
    response: Response | None = None
    detail: str = ""


class Cancelled(Struct, frozen=True):
    """The caller cancelled an INVITE that was not yet answered; it has got its 487. The last event of a leg.

    `reason` is the CANCEL's Reason header ("SIP;cause=200;text=…" when another phone took the call).
    """

    leg: int
    reason: str | None


class Confirmed(Struct, frozen=True):
    """The caller's ACK came for our 2xx. `sdp` is the answer when the 2xx carried the offer."""

    leg: int
    sdp: bytes | None


class AckTimeout(Struct, frozen=True):
    """No ACK came for our 2xx within 32 s; a BYE has been sent. The last event of a leg."""

    leg: int


class Reinvite(Struct, frozen=True):
    """The peer changes the session (hold, resume, new address). Answer with answer_reinvite or reject.

    `sdp` is the offer, None when the peer asks for one.
    """

    leg: int
    request: Request
    sdp: bytes | None


class ReinviteConfirmed(Struct, frozen=True):
    """The ACK of a re-INVITE came with the answer to the offer of our 2xx."""

    leg: int
    sdp: bytes


class ReinviteAnswered(Struct, frozen=True):
    """Our re-INVITE was accepted; `sdp` is the answer."""

    leg: int
    sdp: bytes | None
    response: Response


class ReinviteFailed(Struct, frozen=True):
    """Our re-INVITE was refused; the session stays as it was. Glare (491) has been retried before."""

    leg: int
    status: int
    reason: str


class Ended(Struct, frozen=True):
    """The dialog is over. The last event of a leg.

    `source` says who ended it: "remote" a BYE came (`reason` is its Reason header), "local" our BYE was
    answered, "timeout" or "transport" the peer is gone (a request in the dialog had no answer, or answered
    408 or 481).
    """

    leg: int
    source: Source
    reason: str | None = None


class Info(Struct, frozen=True):
    """An INFO in the dialog, already answered with 200. `dtmf_relay.parse` reads DTMF bodies."""

    leg: int
    content_type: str
    body: bytes


class Referred(Struct, frozen=True):
    """A REFER in the dialog: the peer wants the call to go on with somebody else. Answer with accept_refer or
    refuse_refer, then tell by notify_refer what has become of it.

    `replaces` is the dialog whose place the call is to take, `replaced` its leg, if it is one of this endpoint's.
    """

    leg: int
    request: Request
    refer_to: Uri
    replaces: Replaces | None
    replaced: int | None


class ReferAnswered(Struct, frozen=True):
    """The final response to our REFER; 408 or 503 when none came, at which the leg ends too."""

    leg: int
    status: int
    reason: str


class Notified(Struct, frozen=True):
    """The peer tells what has become of our REFER: the last response to its INVITE, None if it says none.

    `over`: nothing more will be told. That is so too when nothing was told in three minutes.
    """

    leg: int
    status: int | None
    reason: str
    over: bool


class RegisterRequest(Struct, frozen=True):
    """A REGISTER waits for challenge, reject or accept_register."""

    request_id: int
    request: Request
    flow: Flow


class Refused(Struct, frozen=True):
    """The endpoint itself refused a request, before the application heard of it; `reason` says why."""

    method: str
    status: int
    reason: str
    flow: Flow


class SipMessageLog(Struct, frozen=True):
    """One message as sent or received, retransmissions included. `leg` is None outside any."""

    leg: int | None
    call_id: str
    direction: Literal["received", "sent"]
    summary: str
    data: bytes
    flow: Flow
    at: float


LegEvent = (
    Trying
    | Rerouted
    | Provisional
    | Answered
    | Failed
    | Cancelled
    | Confirmed
    | AckTimeout
    | Reinvite
    | ReinviteConfirmed
    | ReinviteAnswered
    | ReinviteFailed
    | Ended
    | Info
    | Referred
    | ReferAnswered
    | Notified
)
"""What happens on a leg that is known."""

Event = IncomingInvite | LegEvent | RegisterRequest | Refused | SipMessageLog
