"""What an endpoint tells the application: one frozen value a fact.

A `leg` is one INVITE session seen from this side: it is named by a number from the moment the INVITE is sent
or comes in until exactly one of `Failed`, `Cancelled`, `AckTimeout` or `Ended` ends it. A `request` number
names a request outside any leg that waits for an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from offhook.sip.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.replaces import Replaces
from offhook.sip.uri import Uri

Source = Literal["remote", "timeout", "transport", "local"]
"""Who ended or failed a leg: the peer by a message, the absence of one, the transport below, or this side."""


@dataclass(frozen=True, slots=True)
class IncomingInvite:
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


@dataclass(frozen=True, slots=True)
class Trying:
    """A 100 came for our INVITE: somebody is there, and works on it."""

    leg: int


@dataclass(frozen=True, slots=True)
class Rerouted:
    """Our INVITE could not be taken by its first targets, and was sent to the next; the fields are `Failed`'s."""

    leg: int
    status: int
    reason: str
    source: Source
    detail: str


@dataclass(frozen=True, slots=True)
class Provisional:
    """A 1xx other than 100 came for our INVITE; `sdp` is early media's answer, if it brings one."""

    leg: int
    status: int
    reason: str
    sdp: bytes | None
    response: Response


@dataclass(frozen=True, slots=True)
class Answered:
    """Our INVITE was answered with a 2xx, which has been acknowledged."""

    leg: int
    sdp: bytes | None
    response: Response


@dataclass(frozen=True, slots=True)
class Failed:
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


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller cancelled an INVITE that was not yet answered; it has got its 487. The last event of a leg.

    `reason` is the CANCEL's Reason header ("SIP;cause=200;text=…" when another phone took the call).
    """

    leg: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The caller's ACK came for our 2xx. `sdp` is the answer when the 2xx carried the offer."""

    leg: int
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class AckTimeout:
    """No ACK came for our 2xx within 32 s; a BYE has been sent. The last event of a leg."""

    leg: int


@dataclass(frozen=True, slots=True)
class Reinvite:
    """The peer changes the session (hold, resume, new address). Answer with answer_reinvite or reject.

    `sdp` is the offer, None when the peer asks for one.
    """

    leg: int
    request: Request
    sdp: bytes | None


@dataclass(frozen=True, slots=True)
class ReinviteConfirmed:
    """The ACK of a re-INVITE came with the answer to the offer of our 2xx."""

    leg: int
    sdp: bytes


@dataclass(frozen=True, slots=True)
class ReinviteAnswered:
    """Our re-INVITE was accepted; `sdp` is the answer."""

    leg: int
    sdp: bytes | None
    response: Response


@dataclass(frozen=True, slots=True)
class ReinviteFailed:
    """Our re-INVITE was refused; the session stays as it was. Glare (491) has been retried before."""

    leg: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The dialog is over. The last event of a leg.

    `source` says who ended it: "remote" a BYE came (`reason` is its Reason header), "local" our BYE was
    answered, "timeout" or "transport" the peer is gone (a request in the dialog had no answer, or answered
    408 or 481).
    """

    leg: int
    source: Source
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Info:
    """An INFO in the dialog, already answered with 200. `dtmf_relay.parse` reads DTMF bodies."""

    leg: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Referred:
    """A REFER in the dialog: the peer wants the call to go on with somebody else. Answer with accept_refer or
    refuse_refer, then tell by notify_refer what has become of it.

    `replaces` is the dialog whose place the call is to take, `replaced` its leg, if it is one of this endpoint's.
    """

    leg: int
    request: Request
    refer_to: Uri
    replaces: Replaces | None
    replaced: int | None


@dataclass(frozen=True, slots=True)
class ReferAnswered:
    """The final response to our REFER; 408 or 503 when none came, at which the leg ends too."""

    leg: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Notified:
    """The peer tells what has become of our REFER: the last response to its INVITE, None if it says none.

    `over`: nothing more will be told. That is so too when nothing was told in three minutes.
    """

    leg: int
    status: int | None
    reason: str
    over: bool


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """A REGISTER waits for challenge, reject or accept_register."""

    request_id: int
    request: Request
    flow: Flow


@dataclass(frozen=True, slots=True)
class Refused:
    """The endpoint itself refused a request, before the application heard of it; `reason` says why."""

    method: str
    status: int
    reason: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class SipMessageLog:
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
