"""The leg of a call: its SIP dialog and its RTP session, kept in step by offer/answer (RFC 3264).

Knows nothing of what the call is for. An outbound leg is opened, placed, and told the answer that came; an inbound
one is opened with the offer that came, and answered when its call says so. Either may be re-negotiated by the
peer's re-INVITE. What media finds it cannot do, and a host name that does not resolve, come as
`media.protocol.RemoteRefused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from offhook.clock import monotonic
from offhook.media.client import MediaClient
from offhook.media.protocol import LONGEST_BUFFER_MS, Codec, Counters
from offhook.sdp import negotiate
from offhook.sdp.negotiate import NotAcceptable
from offhook.signalling.transports import SipTransports
from offhook.sip.attempt import Target
from offhook.sip.digest import Credentials
from offhook.sip.flow import Flow
from offhook.sip.headers import NameAddr
from offhook.sip.message import REASONS, Field
from offhook.voice.keys import KeyPresses
from offhook.voice.links import End, Link

_CALL_SID = "X-Twilio-CallSid"
"""By this header Twilio's SIP names the call; a peer finds the call's resource and timeline by it."""


MAX_FORWARDS = 70
"""Of a call that follows from no other (RFC 3261 section 8.1.1.6)."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an INVITE goes and what it says about the parties.

    `beside` are targets that ring at the same time, `otherwise` those to call when the call cannot be taken.
    """

    flow: Flow
    request_uri: str
    from_: NameAddr
    to: NameAddr
    headers: tuple[Field, ...] = ()
    credentials: Credentials | None = None
    beside: tuple[Target, ...] = ()
    otherwise: tuple[Target, ...] = ()
    max_forwards: int = MAX_FORWARDS


class InRoom(Protocol):
    """Whoever may be in a room of a media worker: a leg, or what stands in for one."""

    def number_in(self, media: MediaClient, room: int) -> int:
        """The number under which it is in the room, 0 when it is not there."""


def mix(
    media: MediaClient,
    room: int,
    number: int,
    *,
    heard: bool,
    hears: bool,
    coaches: InRoom | None,
    buffer_ms: int,
) -> None:
    """Give what a room knows as `number` its part there; `coaches` alone hears it."""
    coached = coaches.number_in(media, room) if coaches is not None else 0
    # Who coaches somebody who is not there is heard by nobody, rather than by all.
    heard = heard and (coaches is None or coached > 0)
    media.mix(room, number, heard=heard, hears=hears, coaches=coached, buffer_ms=buffer_ms)


class Leg:
    """One leg. `sip` and `rtp` are its numbers towards the endpoint and `media`, the worker that carries it.

    `hops_left` is how many more calls in a row may follow from this one (Max-Forwards).
    `call_sid` names the call towards the peer, once it is set.
    unlinked: is told why this leg cannot be joined with another media worker, and so hears nobody there.
    agreed: whether offer and answer have been exchanged; without it there is no audio. keys: tells a key that came
    twice from two keys.
    """

    def __init__(self, transports: SipTransports, media: MediaClient, session_id: int) -> None:
        self._transports = transports
        self._endpoint = transports.endpoint
        self.media = media
        self._session_id = session_id
        self._version = 1
        self._offer = b""
        self._answer = b""
        self._taken: negotiate.Negotiated | None = None
        self._host = ""
        self._port = 0
        self._closed = False
        self._link: Link | End | None = None
        self._room: tuple[MediaClient, int] | None = None
        self.unlinked: Callable[[str], None] | None = None
        self.agreed = False
        self.keys = KeyPresses()
        self.sip: int | None = None
        self.rtp = 0
        self.call_id: str | None = None
        self.call_sid: str | None = None
        self.hops_left = MAX_FORWARDS

    @property
    def name(self) -> tuple[int, int]:
        """By which this node's media workers know the leg: the worker, and the leg's number there."""
        return self.media.worker, self.rtp

    @property
    def connected(self) -> bool:
        """Whether the worker that carries it is there."""
        return self.media.connected

    @property
    def _headers(self) -> tuple[Field, ...]:
        return ((_CALL_SID, self.call_sid),) if self.call_sid is not None else ()

    async def open(self, flow: Flow) -> None:
        """Bind the RTP session's ports where `flow` leaves this machine, to be told its peer as SIP's address is.

        Raises:
            MediaError: there are no ports, or no media worker.
        """
        opened = await self.media.open_leg(flow.local.host)
        self.rtp, self._port = opened.leg, opened.port
        self._host = self._endpoint.advertised(flow).host

    # Calling

    def place(self, destination: Destination) -> int:
        """Send the INVITE; the SIP leg's number."""
        self._offer = negotiate.offer(self._host, self._port, session_id=self._session_id)
        self.sip = self._endpoint.invite(
            monotonic(),
            request_uri=destination.request_uri,
            from_=destination.from_,
            to=destination.to,
            destination=destination.flow,
            body=self._offer,
            headers=(*destination.headers, *self._headers),
            credentials=destination.credentials,
            beside=destination.beside,
            otherwise=destination.otherwise,
            max_forwards=destination.max_forwards,
        )
        self.hops_left = destination.max_forwards
        self.call_id = self._endpoint.call_id(self.sip)
        return self.sip

    def answered(self, sdp: bytes | None) -> None:
        """The peer answered, or sent early media; its silence counts from now on.

        Raises NotAcceptable when its answer cannot be used, and when there is none and never was.
        """
        self.media.expect(self.rtp)
        if sdp is not None:
            self._agree(negotiate.read_answer(self._offer, sdp))
        elif not self.agreed:
            raise NotAcceptable("the peer has answered without a session description")

    def cancel(self) -> None:
        """Give up the INVITE."""
        if self.sip is not None and self._endpoint.cancel(self.sip, monotonic()):
            self._transports.flush()

    # Being called

    def take(self, sip: int, offer: bytes | None, hops_left: int = MAX_FORWARDS) -> None:
        """Prepare the answer to an inbound INVITE. Raises NotAcceptable."""
        self.sip = sip
        self.hops_left = hops_left
        self.call_id = self._endpoint.call_id(sip)
        self.prepare(offer)

    def prepare(self, offer: bytes | None) -> None:
        """Prepare the answer to an offer, or (None) an offer. Raises NotAcceptable."""
        if offer is None:
            self._offer = self._answer = negotiate.offer(self._host, self._port, session_id=self._session_id)
            self._taken = None
        else:
            agreed = negotiate.answer(offer, self._host, self._port, session_id=self._session_id)
            self._answer = agreed.body
            self._taken = agreed

    def replace(self, sip: int) -> None:
        """Go on with another peer, whose INVITE has been prepared for, and hang up on the one before."""
        old, self.sip = self.sip, sip
        self.call_id = self._endpoint.call_id(sip)
        self.accept()
        if old is not None:
            self._endpoint.bye(old, monotonic())

    def ring(self) -> None:
        """Send 180."""
        if self.sip is not None:
            self._endpoint.provisional(self.sip, 180, monotonic(), headers=self._headers)
            self._transports.flush()

    def accept(self) -> None:
        """Send 200 with our answer (or, where the caller left it to us, our offer); audio goes out from now on."""
        if self.sip is not None:
            if self._taken is not None:
                self._agree(self._taken)
            self.media.expect(self.rtp)
            self._endpoint.answer(self.sip, self._answer, monotonic(), headers=self._headers)
            self._transports.flush()

    def confirmed(self, sdp: bytes | None) -> None:
        """The ACK came; it has the answer when ours was the offer, and means nothing else.

        Raises NotAcceptable when there is no answer, or none that can be used.
        """
        if self._taken is None:
            self.answered(sdp)

    def refuse(self, status: int, reason: str, headers: Iterable[Field] = ()) -> None:
        """Answer with a final failure."""
        if self.sip is not None:
            self._endpoint.reject(
                self.sip, status, monotonic(), reason=reason, headers=(*headers, *self._headers)
            )
            self._transports.flush()

    # In a call

    def reinvited(self, offer: bytes | None) -> None:
        """Answer the peer's re-INVITE: hold, resume or a new address. Raises NotAcceptable."""
        assert self.sip is not None
        self._version += 1
        if offer is None:
            self._offer = body = negotiate.offer(
                self._host, self._port, session_id=self._session_id, version=self._version
            )
        else:
            agreed = negotiate.answer(
                offer, self._host, self._port, session_id=self._session_id, version=self._version
            )
            body = agreed.body
            self._agree(agreed)
        self._endpoint.answer_reinvite(self.sip, body, monotonic())
        self._transports.flush()

    def hang_up(self) -> None:
        """Send BYE."""
        if self.sip is not None and self._endpoint.bye(self.sip, monotonic()):
            self._transports.flush()

    def refer(self, uri: str) -> None:
        """Ask the peer to call `uri` instead. Raises LocalProtocolError while an earlier REFER is under way."""
        if self.sip is not None and self._endpoint.refer(self.sip, uri, monotonic()):
            self._transports.flush()

    def answer_refer(self, status: int) -> None:
        """Accept the peer's REFER (202), or refuse it."""
        if self.sip is None:
            return
        if status < 300:
            self._endpoint.accept_refer(self.sip, monotonic())
        else:
            self._endpoint.refuse_refer(self.sip, status, monotonic())
        self._transports.flush()

    def notify_referrer(self, status: int) -> None:
        """Tell the peer what its REFER has come to."""
        if self.sip is not None:
            self._endpoint.notify_refer(self.sip, status, REASONS[status], monotonic())
            self._transports.flush()

    def bridge(self, other: Leg, *, detect_star: bool) -> None:
        """Let this leg and another one hear each other; `detect_star`: look for ``*`` in what is said here."""
        self._unlink()
        other._unlink()
        if other.media is self.media:
            self.media.bridge(self.rtp, other.rtp, detect_inband=detect_star)
            return
        link = self._link = other._link = Link(
            self.media, other.media, (self._link_failed, other._link_failed)
        )
        self.media.bridge(self.rtp, link.near.number, detect_inband=detect_star)
        other.media.bridge(other.rtp, link.far.number, detect_inband=detect_star)

    def join(self, end: End, *, detect_star: bool = False) -> None:
        """Let this leg and a leg or room of another node, to which a link leads from `end`, hear each other."""
        self._unlink()
        self._link = end
        self.media.bridge(self.rtp, end.number, detect_inband=detect_star)

    def part(self) -> None:
        """Leave the other node, if this leg has joined a leg or room there."""
        if isinstance(self._link, End):
            self.unbridge()

    def unbridge(self) -> None:
        """Let this leg hear nobody."""
        self._unlink()
        self.media.unbridge(self.rtp)

    def mix(
        self,
        media: MediaClient,
        room: int,
        *,
        heard: bool,
        hears: bool,
        coaches: InRoom | None = None,
        buffer_ms: int = LONGEST_BUFFER_MS,
    ) -> int:
        """Take this leg into a room of a media worker, or change its part there; `coaches` alone hears it.

        `buffer_ms`: how late its audio may come to be heard there.
        Returns the number under which it is in the room.
        """
        number = self._enter(media, room)
        mix(media, room, number, heard=heard, hears=hears, coaches=coaches, buffer_ms=buffer_ms)
        return number

    def unmix(self) -> None:
        """Take this leg out of its room."""
        self._unlink()
        self.media.unmix(self.rtp)

    def _enter(self, media: MediaClient, room: int) -> int:
        """The number under which this leg is in a room: that of a link's far end when the room is elsewhere."""
        if not (number := self.number_in(media, room)):
            self._unlink()
            self._room = media, room
            if media is self.media:
                return self.rtp
            self._link = link = Link(self.media, media, (self._link_failed,))
            self.media.bridge(self.rtp, link.near.number)
            number = link.far.number
        return number

    def number_in(self, media: MediaClient, room: int) -> int:
        """The number under which this leg is in a room, 0 when it is not there."""
        if self._room != (media, room):
            return 0
        return self._link.far.number if isinstance(self._link, Link) else self.rtp

    def _link_failed(self, why: str) -> None:
        if self.unlinked is not None:
            self.unlinked(why)

    def _unlink(self) -> None:
        """Leave the bridge or room at another worker, if this leg is in one."""
        self._room = None
        if self._link is not None:
            self._link.close()
            self._link = None

    async def close(self) -> Counters | None:
        """Free the RTP session; what passed through it, None when it was closed before. Raises MediaError."""
        if self._closed or not self.rtp:
            return None
        self._closed = True
        self.unlinked = None
        self._unlink()
        return await self.media.close_leg(self.rtp)

    def _agree(self, agreed: negotiate.Negotiated) -> None:
        """Tell media what the two ends agreed on."""
        self.agreed = True
        self.media.set_remote(
            self.rtp,
            agreed.remote_host,
            agreed.remote_port,
            _codec(agreed.codec.name),
            agreed.payload_type,
            agreed.dtmf_payload_type,
            send=agreed.send,
            receive=agreed.receive,
            heard=tuple((number, _codec(name)) for number, name in agreed.heard),
            dtmf_heard=agreed.dtmf_heard,
            ptime=agreed.ptime,
        )


def _codec(name: str) -> Codec:
    return "PCMA" if name == "PCMA" else "PCMU"
