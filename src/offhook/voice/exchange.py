"""The live calls of a voice node, and what they share.

Routes what SIP, media and streams report to the call it concerns. Holds the node's connections; decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from offhook.calls import events
from offhook.calls.call import Call
from offhook.clock import monotonic, new_sid, utcnow
from offhook.config import Settings
from offhook.delivery.client import WebhookClient
from offhook.media import protocol
from offhook.media.client import MediaClient, MediaError
from offhook.signalling.transports import SipTransports
from offhook.sip import dtmf_relay
from offhook.sip import events as sip
from offhook.sip.flow import Flow
from offhook.store.erasure import ORIGIN
from offhook.store.leases import Lease
from offhook.store.records import AccountRecord, CallRecord, MessageRecord, TimelineKind
from offhook.store.store import Store
from offhook.streams.client import StreamsClient
from offhook.streams.protocol import RecordingFinished
from offhook.twiml import effects as twiml
from offhook.twiml.events import DigitPressed, MessageQueued
from offhook.voice import notes
from offhook.voice.early_messages import EarlyMessages
from offhook.voice.leg import Destination, Leg
from offhook.voice.recorder import Recorder
from offhook.voice.refusals import Refusals
from offhook.voice.routing import Routing
from offhook.voice.session import CallSession

if TYPE_CHECKING:
    from offhook.voice.inbound import Inbound
    from offhook.voice.phones import Phones

logger = logging.getLogger(__name__)

#: How long a new call waits for a media worker that is being started again.
_MEDIA_PATIENCE = 5.0


class Exchange:
    """Everything that live calls need, and the calls themselves."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        http: WebhookClient,
        transports: SipTransports,
        routing: Routing,
    ) -> None:
        self.settings = settings
        self.store = store
        self.lease: Lease
        self.http = http
        self.transports = transports
        self.routing = routing
        self.inbound: Inbound
        self.phones: Phones
        self.streams: StreamsClient
        self._media: MediaClient | None = None
        self._media_back = asyncio.Event()
        self._sessions: dict[str, CallSession] = {}
        self._by_sip: dict[int, CallSession] = {}
        self._by_rtp: dict[int, CallSession] = {}
        self._recordings: dict[str, Recorder] = {}
        self.early_messages = EarlyMessages()
        self.refusals = Refusals()
        self._kept: set[asyncio.Task[None]] = set()
        self._last_session = 0
        self._left = asyncio.Event()

    # What calls need

    @property
    def media(self) -> MediaClient:
        """The media worker. Raises MediaError while there is none."""
        if self._media is None:
            raise MediaError("no media worker")
        return self._media

    def use_media(self, client: MediaClient | None) -> None:
        """A media worker was connected, or is gone: its legs, and so their calls, are lost then."""
        self._media = client
        if client is not None:
            self._media_back.set()
        else:
            self._media_back.clear()
            for session in list(self._sessions.values()):
                session.feed(events.MediaLost("the media worker has gone"))
            self._by_rtp.clear()

    async def open_leg(self, flow: Flow) -> Leg:
        """A leg with its RTP ports bound, for a peer of `flow`; waits a while for a media worker. Raises MediaError."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_MEDIA_PATIENCE):
                await self._media_back.wait()
        self._last_session += 1
        leg = Leg(self.transports, self.media, self._last_session)
        await leg.open(flow)
        return leg

    async def put_on_record(self, record: CallRecord, leg: Leg) -> None:
        """Insert the row of a call whose leg is open; the leg is closed if that fails."""
        try:
            await self.store.calls.insert(record)
        except BaseException:
            await leg.close()
            raise

    def new_session(
        self,
        call: Call,
        record: CallRecord,
        account: AccountRecord,
        leg: Leg,
        *,
        destination: Destination | None = None,
        parent: tuple[CallSession, int] | None = None,
    ) -> CallSession:
        """A live call; give it `Began` to start it."""
        session = CallSession(self, call, record, account, leg, destination=destination, parent=parent)
        self._sessions[call.sid] = session
        if leg.media is self._media:
            self._by_rtp[leg.rtp] = session
        else:
            lost = events.MediaLost("the media worker has gone")
            asyncio.get_running_loop().call_soon(session.feed, lost)
        if leg.sip is not None:
            self.attach(leg.sip, session)
        return session

    def session(self, sid: str) -> CallSession | None:
        """A live call by its SID."""
        return self._sessions.get(sid)

    @property
    def live(self) -> list[CallSession]:
        """All live calls."""
        return list(self._sessions.values())

    async def empty(self) -> None:
        """Return when no call is live any more."""
        while self._sessions:
            self._left.clear()
            await self._left.wait()

    def attach(self, leg: int, session: CallSession) -> None:
        """From now on what happens on a SIP leg concerns this call; so does what happened before."""
        self._by_sip[leg] = session
        for log in self.early_messages.take(leg):
            self._log_message(session, log)

    def detach(self, session: CallSession) -> None:
        """A call has ended and left."""
        self._sessions.pop(session.call.sid, None)
        self._left.set()
        if self._by_rtp.get(session.leg.rtp) is session:
            del self._by_rtp[session.leg.rtp]
        if session.leg.sip is not None:
            self._by_sip.pop(session.leg.sip, None)

    def attach_recording(self, sid: str, recorder: Recorder) -> None:
        """The end of a recording concerns this recorder."""
        self._recordings[sid] = recorder

    def detach_recording(self, sid: str) -> None:
        """A recording is complete."""
        self._recordings.pop(sid, None)

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task that nothing else waits for."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    async def owns(self, account_sid: str, number: str) -> bool:
        """Whether an account may show `number` as its caller id."""
        found = await self.store.numbers.cached.get(number)
        return found is not None and found.account_sid == account_sid

    async def send_message(self, session: CallSession, effect: twiml.SendMessage) -> None:
        """``<Sms>`` in a call: queue a text."""
        now = utcnow()
        message = MessageRecord(
            sid=new_sid("SM"),
            account_sid=session.account.sid,
            to=effect.to,
            from_=effect.from_,
            body=effect.body,
            status="queued",
            direction="outbound-call",
            date_created=now,
            date_updated=now,
            status_callback=effect.status_callback,
            request={ORIGIN: session.record.sid},
        )
        allowed = await self.owns(session.account.sid, effect.from_)
        if allowed:
            await self.store.messages.create_message(message)
        if effect.awaited:
            session.feed(MessageQueued(effect.message, message.sid, "sent" if allowed else "failed"))

    # What is reported

    def on_sip(self, happened: list[sip.Event]) -> None:
        """Events of the SIP endpoint, in order."""
        for event in happened:
            try:
                self._on_sip(event)
            except Exception:
                logger.exception("a SIP event could not be handled")

    def _on_sip(self, event: sip.Event) -> None:
        if isinstance(event, sip.SipMessageLog):
            self._on_log(event)
        elif isinstance(event, sip.IncomingInvite):
            self.keep(asyncio.create_task(self.inbound.admit(event)))
        elif isinstance(event, sip.RegisterRequest):
            self.keep(asyncio.create_task(self.phones.register(event)))
        elif isinstance(event, sip.Refused):
            self.refusals.note(event.flow, event.method, event.status, event.reason, monotonic())
        elif (session := self._by_sip.get(event.leg)) is not None:
            _on_leg(session, event)
        elif isinstance(event, sip.Cancelled | sip.Ended):
            self.inbound.given_up(event.leg)

    def _on_log(self, log: sip.SipMessageLog) -> None:
        if log.leg is None:
            return
        if (session := self._by_sip.get(log.leg)) is not None:
            self._log_message(session, log)
        else:
            self.early_messages.add(log.leg, log)

    @staticmethod
    def _log_message(session: CallSession, log: sip.SipMessageLog) -> None:
        session.note(TimelineKind.SIP, log.summary, notes.sip_message(log))

    def on_media(self, event: protocol.Event) -> None:
        """An event of the media worker."""
        if isinstance(event, protocol.Load) or (session := self._by_rtp.get(event.leg)) is None:
            return
        match event:
            case protocol.PlayFinished():
                session.play_finished(event)
            case protocol.PlayStarted():
                session.note(TimelineKind.MEDIA, "playing", {"delay_ms": event.delay_ms})
            case protocol.Digit():
                _pressed(session, event.digit, event.source)
            case protocol.FirstPacket():
                session.note(TimelineKind.RTP, "first packet", {"from": f"{event.host}:{event.port}"})
            case protocol.SourceChanged():
                session.note(TimelineKind.RTP, "source changed", {"to": f"{event.host}:{event.port}"})
            case protocol.RemoteRefused():
                session.note(TimelineKind.SDP, "not acceptable", {"reason": event.reason})
                if session.call.is_answered:
                    session.notify(32102, event.reason, "")
                    _without_audio(session)
            case protocol.RtpTimeout():
                if session.call.is_answered:
                    session.note(TimelineKind.RTP, "timeout", {"silent_seconds": event.silent_seconds})
                    session.feed(events.MediaLost("No audio has come from the far end."))

    def on_recording(self, event: RecordingFinished) -> None:
        """A recording's file is complete."""
        if (recorder := self._recordings.get(event.sid)) is not None:
            recorder.finished(event)


def _on_leg(session: CallSession, event: sip.Event) -> None:
    """What happened on the SIP leg of a live call."""
    leg = session.leg
    match event:
        case sip.Provisional():
            early = event.sdp is not None and session.negotiate(lambda: leg.answered(event.sdp))
            session.feed(events.LegRinging(early))
        case sip.Answered():
            if session.negotiate(lambda: leg.answered(event.sdp)):
                session.feed(events.LegAnswered())
            else:
                _without_audio(session)
        case sip.Rerouted():
            session.note(TimelineKind.SIP, "next trunk", notes.unreached(event))
        case sip.Failed():
            if event.detail:
                session.note(TimelineKind.SIP, "unreached", notes.unreached(event))
            source = events.FailureSource(event.source)
            session.feed(events.LegFailed(event.status, event.reason, source))
        case sip.Cancelled() | sip.Ended():
            session.feed(events.LegEnded())
        case sip.AckTimeout():
            session.notify(32022, "No ACK came for the answer.", "")
            session.feed(events.LegEnded())
        case sip.Confirmed():
            if not session.negotiate(lambda: leg.confirmed(event.sdp)):
                _without_audio(session)
        case sip.ReinviteConfirmed():
            session.negotiate(lambda: leg.answered(event.sdp))
        case sip.Reinvite():
            if not session.negotiate(lambda: leg.reinvited(event.sdp)):
                leg.refuse(488, "Not Acceptable Here")
        case sip.Info() if (pressed := dtmf_relay.parse(event.content_type, event.body)) is not None:
            _pressed(session, pressed[0], "info", held=pressed[1] / 1000)


def _without_audio(session: CallSession) -> None:
    """Offer and answer have come to nothing: an answered call is ended, as failed."""
    session.leg.hang_up()
    session.feed(events.LegFailed(488, "Not Acceptable Here", events.FailureSource.LOCAL))


def _pressed(session: CallSession, digit: str, means: str, *, held: float = 0.0) -> None:
    """A key came by one of several means: as a tone, an event or an INFO."""
    session.note(TimelineKind.MEDIA, "digit", {"source": means})
    if session.leg.keys.is_new(digit, means, monotonic(), held=held):
        session.feed(DigitPressed(digit))
