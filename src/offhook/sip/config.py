"""The settings of an endpoint: RFC 3261's timers and what this user agent says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from offhook.sip.flow import Address


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Settings of one `Endpoint`. Times are in seconds.

    Attributes:
        nonce_secret: key of the digest nonces; random, and the same for as long as the nonces shall be valid.
        realm: the digest realm of challenges for which none is given.
        user_agent: User-Agent and Server header.
        contact_user: user part of Contact.
        registrar: whether REGISTER is taken (event RegisterRequest); otherwise it is answered 405.
        transfers: whether REFER is taken in dialogs, and Replaces in INVITEs; otherwise they are answered 405 and
            passed over.
        public: by transport, the address to write in Via and Contact instead of `flow.local` (behind a 1:1
            NAT).
        max_legs: live legs beyond which a new INVITE is answered 503 with Retry-After.
        max_transaction_octets: what requests of peers may weigh together while their transactions live (32 s after
            the answer); a new request beyond it is answered 503 and forgotten. Those in a dialog may go half as
            far beyond.
        max_settled_octets: what those of them may weigh that have been refused, or have asked for nothing but an
            answer; the oldest are forgotten.
        t1, t2, t4: RFC 3261 table 4.
        digest_algorithms: in the order offered. MD5 alone by default: phones in use (baresip 1.0, with all that
            is built on its library) give up when any challenge beside it names an algorithm they do not know.
        silence_timeout: how long the targets of a call may say nothing before the next ones are called.
        nonce_lifetime: age at which a nonce is stale.
        max_partial_octets: what all streams together may hold of messages that are not complete; the one that
            holds most is closed when that is more.
        partial_timeout: a stream whose message is not complete after this is closed.
        calls_itself: whether an INVITE of our own that comes back is a call to ourselves; a loop (482) otherwise.
        log_messages: whether SipMessageLog events are made.
    """

    nonce_secret: bytes
    realm: str = "offhook"
    user_agent: str = "Offhook"
    contact_user: str = "offhook"
    registrar: bool = True
    transfers: bool = False
    public: Mapping[str, Address] = field(default_factory=dict)
    max_legs: int = 5000
    max_transaction_octets: int = 96 * 1024 * 1024
    max_settled_octets: int = 8 * 1024 * 1024
    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    digest_algorithms: tuple[str, ...] = ("MD5",)
    silence_timeout: float = 4.0
    nonce_lifetime: float = 300.0
    register_min_expires: int = 60
    register_default_expires: int = 3600
    register_max_expires: int = 7200
    max_bindings: int = 10
    max_aors: int = 100_000
    max_partial_octets: int = 16 * 1024 * 1024
    partial_timeout: float = 10.0
    calls_itself: bool = False
    log_messages: bool = True
