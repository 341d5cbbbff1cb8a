"""One live call: the shell around `offhook.calls.call`.

Gives what happens to the call's pure state machine and carries out the effects, in order. Nothing here waits: what
takes time (a document, a prompt, a row) is a task whose end is another event. A session closes when its call is
over and nothing of it is under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Mapping
from typing import Any, Protocol, assert_never

from msgspec.structs import replace

from offhook.calls import effects, events
from offhook.calls.call import Call, step
from offhook.calls.effects import RoomRecording, Wanted
from offhook.calls.place import In, Queued
from offhook.calls.rooms import events as room_events
from offhook.calls.rooms.room import RoomEvent
from offhook.calls.status import Direction
from offhook.clock import monotonic
from offhook.delivery.documents import fetch_document
from offhook.delivery.evidence import Evidence
from offhook.errors import LocalProtocolError
from offhook.media import protocol
from offhook.media.client import MediaError
from offhook.sip import events as sip
from offhook.store.records import AccountRecord, CallRecord, TimelineKind
from offhook.streams.client import Received
from offhook.streams.protocol import received_file
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import Purpose
from offhook.twiml.frame import REPEATED
from offhook.voice import conferences, leg_events, notes, queues, transfers
from offhook.voice.journal import Journal
from offhook.voice.leg import Destination, Leg
from offhook.voice.messages import queue_message
from offhook.voice.prompts import Prompts
from offhook.voice.recorder import Listeners, Recorder, RecordingChange, Subject
from offhook.voice.services import Services
from offhook.webhook.params import voice_params
from offhook.webhook.policy import cookie_key

logger = logging.getLogger(__name__)

REQUEST_PENDING = 491


class Dialler(Protocol):
    """Whoever makes calls live, and so those that a call dials."""

    async def dial(self, parent: CallSession, effect: effects.PlaceChild) -> None:
        """Call a target of the parent's dial."""

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold on to a task that nothing else waits for."""


class CallSession:
    """A live call and everything that belongs to it."""

    def __init__(
        self,
        services: Services,
        dialler: Dialler,
        call: Call,
        record: CallRecord,
        account: AccountRecord,
        leg: Leg,
        destination: Destination | None = None,
    ) -> None:
        """`leg` is open. `destination` is where an outbound call goes."""
        self.services = services
        self.call = call
        self.record = record
        self.account = account
        self.leg = leg
        leg.call_sid = record.sid
        leg.unlinked = self._unlinked
        self.placing: set[int] = set()
        """Dialled calls that have no SID yet, by their number."""
        self._dialler = dialler
        self._destination = destination
        self._asked = record.asked
        self._to_sip = call.direction is not Direction.INBOUND and record.to.lower().startswith("sip:")
        self._journal = Journal(services.store, record)
        self._prompts = Prompts(leg.media, services.streams, leg.rtp, account.auth_token, self.feed)
        self._recorder = Recorder(
            services,
            Subject(record.account_sid, leg.media, leg.rtp, call_sid=record.sid),
            Listeners(self.note, self.feed, self._room_recorded, self.start_task, self._journal.write),
        )
        self._evidence: Evidence | None = None
        self._inbox: deque[events.CallEvent | heard.Event] = deque()
        self._stepping = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._gone = False

    @property
    def account_sid(self) -> str:
        return self.account.sid

    # Events in

    def feed(self, event: events.CallEvent | heard.Event) -> None:
        """Give the call an event; events that effects cause are taken in turn."""
        if self._gone:
            return
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._take(self._inbox.popleft())
        finally:
            self._stepping = False
        if self.call.is_over:
            self._wind_up()

    def _take(self, event: events.CallEvent | heard.Event) -> None:
        self.call, wanted = step(self.call, event, monotonic())
        for effect in wanted:
            try:
                self._do(effect)
            except Exception:
                # The others are carried out all the same: a call whose end is lost would never end.
                logger.exception("%s: %s failed", self.call.sid, type(effect).__name__)
                self.note(TimelineKind.ERROR, "internal error", {"effect": type(effect).__name__})
                self._inbox.append(events.HangUpRequested(events.EndedBy.FAULT))

    def on_sip(self, event: sip.LegEvent) -> None:
        """Something happened on the SIP leg."""
        if isinstance(event, sip.Referred):
            self.feed(self._referred(event))
            return
        for told in leg_events.on_sip(self.leg, event, self.note):
            if isinstance(told, twiml.Notify):
                self.notify(told.code, told.message, told.url)
            else:
                self.feed(told)

    def take_over(self, invite: sip.IncomingInvite) -> None:
        """Go on with whoever sends this INVITE, which replaces the leg (RFC 3891). Raises NotAcceptable."""
        old, call_id = self.leg.sip, self.leg.call_id
        self.leg.prepare(invite.sdp)
        self.services.switchboard.attach(invite.leg, self)
        self.note(TimelineKind.NOTE, "leg replaced", {"by": invite.request.call_id})
        self.leg.replace(invite.leg)
        self.services.transports.flush()
        if old is not None:
            self.services.transports.endpoint.forget_log(old, call_id or "")
            self.services.switchboard.detach(old)

    def _referred(self, event: sip.Referred) -> events.LegReferred:
        """A REFER; a call of another account is none that it can name."""
        live = self.services.switchboard.of_leg(event.replaced) if event.replaced is not None else None
        ours = live is not None and live.account_sid == self.account.sid
        target = event.request.get("Refer-To") or str(event.refer_to)
        return events.LegReferred(target, live.call.sid if live is not None and ours else None)

    def on_message(self, log: sip.SipMessageLog) -> None:
        """A SIP message of the leg came or went."""
        self.note(TimelineKind.SIP, log.summary, notes.sip_message(log))

    def on_media(self, event: protocol.LegEvent) -> None:
        """Something happened on the media leg."""
        if isinstance(event, protocol.PlayFinished):
            self._prompts.finished(event)
        elif isinstance(event, protocol.PlayStarted):
            self._note_of(self._heard, TimelineKind.MEDIA, "playing", {"delay_ms": event.delay_ms})
        elif (told := leg_events.on_media(self.leg, event, self.note)) is not None:
            self.feed(told)

    def media_lost(self) -> None:
        """The media worker of the leg has gone."""
        self.feed(events.MediaLost("The media worker has gone."))

    def _unlinked(self, why: str) -> None:
        """This call and whom it is with are at media workers that cannot be joined: they do not hear each other."""
        self.note(TimelineKind.ERROR, "link failed", {"reason": why})

    def _room_recorded(self, sid: str, recorded: events.Recorded | None) -> None:
        self.services.rooms.take(self.account.sid, sid, room_events.RecordingComplete(recorded))

    # Tasks

    def start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run something for this call; the session stays open until it ends."""
        task = asyncio.create_task(work, name=f"{self.call.sid}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)
            self.note(TimelineKind.ERROR, "internal error", {"task": task.get_name()})
            if not self.call.is_over:
                self.feed(events.HangUpRequested(events.EndedBy.FAULT))
        if self.call.is_over:
            self._wind_up()

    async def _fetch(self, effect: twiml.Fetch) -> None:
        self.feed(await self._fetched(effect))

    async def _fetch_transfer(self, effect: effects.FetchTransfer) -> None:
        request = transfers.request(effect)
        self.feed(transfers.retrieved(request, await self._fetched(request)))

    async def _fetched(self, effect: twiml.Fetch) -> heard.Fetched | heard.FetchFailed:
        params = self.record.params(self.call.status)
        if self._to_sip and self.call.is_answered:
            params = replace(params, extra=(*params.extra, *self._sip_params()))
        if effect.purpose is not Purpose.MAIN:
            params = replace(params, extra=(*params.extra, *await self._room_params()))
        audio = received_file(self.services.settings.data_dir, f"{self.call.sid}-{effect.request}")
        told, evidence = await fetch_document(
            self.services.http,
            effect,
            voice_params(params) + list(effect.params),
            auth_token=self.account.auth_token,
            cookies=cookie_key(self.account.sid, params.from_, params.to),
            audio_to=audio,
        )
        failed = isinstance(told, heard.FetchFailed)
        if isinstance(told, heard.FetchFailed):
            audio.unlink(missing_ok=True)
        elif (kind := told.content_type or "").lower().startswith("audio/"):
            self._prompts.received(told.url, Received(audio, kind))
        name = "failed" if failed else "fetched"
        self._note_of(effect.purpose, TimelineKind.WEBHOOK, name, evidence.detail(), effect.url)
        self._evidence = evidence
        return told

    @property
    def _heard(self) -> Purpose:
        """What the newest document at work is for."""
        frames = self.call.execution.frames if self.call.execution is not None else ()
        return frames[-1].purpose if frames else Purpose.MAIN

    def _sip_params(self) -> tuple[tuple[str, str], ...]:
        """What the documents of a call to a SIP address learn of its answer."""
        headers = ((f"SipHeader_{name}", value) for name, value in self.call.sip_headers)
        return ("SipCallId", self.call.sip_call_id or ""), ("SipResponseCode", "200"), *headers

    async def _room_params(self) -> tuple[tuple[str, str], ...]:
        """What the documents that a room has this call hear learn of it."""
        place = self.call.place
        if not isinstance(place, In):
            return ()
        if isinstance(place.because, Queued) and place.because.taker is not None:
            return place.because.handover
        return await self.services.neighbours.facts(self.account.sid, place.room, self.call.sid)

    async def _send(self, effect: twiml.SendMessage) -> None:
        queued = await queue_message(self.services, self.record, effect)
        self.note(TimelineKind.SMS, "message", {"sid": queued.sid, "status": queued.status})
        self.feed(queued)

    # Effects out

    def _do(self, effect: Wanted) -> None:
        """Carry out one effect."""
        match effect:
            case twiml.Fetch():
                self.start_task(self._fetch(effect), f"fetch-{effect.request}")
            case twiml.Speak() | twiml.PlayUrl() | twiml.PlayDigits() | twiml.Beep():
                self._prompts.start(effect)
            case twiml.StopPlay():
                self._prompts.stop(effect.play)
            case twiml.StartRecording():
                self._recorder.start_verb(effect)
            case twiml.Echo():
                self.leg.bridge(self.leg, detect_star=False)
            case twiml.EndEcho():
                self.leg.unbridge()
            case twiml.RecordCall():
                self._recorder.start_asked(effect)
            case effects.RecordLeg():
                self._recorder.start_leg(effect.dial, effect.request)
            case effects.StopRecordingLeg():
                self._recorder.stop_leg(effect.dial)
            case twiml.StopRecording():
                self._recorder.stop_verb(effect.recording)
            case twiml.Notify():
                self.notify(effect.code, effect.message, effect.url)
            case twiml.Trace():
                detail = {"line": effect.line, **dict(effect.detail)}
                self._note_of(effect.purpose, TimelineKind.TWIML, effect.verb, detail, str(detail))
            case twiml.SendMessage():
                self.start_task(self._send(effect), "message")
            case effects.Note():
                self.note(TimelineKind.NOTE, effect.name, dict(effect.detail))
            case effects.SetTimer():
                self._set_timer(effect)
            case effects.ClearTimer():
                self._clear_timer(effect.key)
            case effects.Changed():
                self._changed(effect)
            case effects.PlaceLeg():
                self._place()
            case effects.Ring():
                self.leg.ring()
            case effects.AcceptLeg():
                self.leg.accept()
            case effects.RefuseLeg():
                self.leg.refuse(effect.response, effect.reason)
            case effects.CancelLeg():
                self.leg.cancel()
            case effects.EndLeg():
                self.leg.hang_up()
            case effects.ReferLeg():
                self._refer(effect.uri)
            case effects.AnswerRefer():
                self.leg.answer_refer(effect.response)
            case effects.NotifyReferrer():
                self.leg.notify_referrer(effect.response)
            case effects.FetchTransfer():
                self.start_task(self._fetch_transfer(effect), "transfer")
            case effects.ConnectPartners():
                # Not before this step is through: this call is told too.
                loop = asyncio.get_running_loop()
                loop.call_soon(
                    transfers.connect, self.services, self.account.sid, self.call.sid, effect.replaces
                )
            case effects.PlayRingback():
                self._prompts.start_ringback(effect.tone)
            case effects.StopRingback():
                self._prompts.stop_ringback()
            case effects.PlaceChild():
                self.placing.add(effect.child)
                self.start_task(self._dialler.dial(self, effect), f"child-{effect.child}")
            case effects.DropChild():
                self.placing.discard(effect.child)
            case effects.OpenRoom():
                self.services.rooms.open(self.account.sid, effect.room, self.call.sid, effect.recording)
            case effects.Enter():
                member = room_events.Member(self.call.sid, effect.end_on_exit, effect.hears_star)
                self._tell_room(effect.room, room_events.Entered(member))
            case effects.EnterConference():
                self.start_task(conferences.enter(self, effect), "confer")
            case effects.EnterQueue():
                self.start_task(queues.enter(self, effect), "enqueue")
            case effects.TakeFromQueue():
                self.start_task(queues.take(self, effect), "dequeue")
            case effects.TellRoom(name, failed, url):
                self._tell_room(name, room_events.AnnouncementOver(self.call.sid, failed, url))
            case effects.TellAnswered():
                self._tell_room(effect.room, room_events.Answered(self.call.sid))
            case effects.Leave():
                left = room_events.Left(self.call.sid, effect.redirected, self.call.status)
                self._tell_room(effect.room, left)
            case effects.Tell():
                self.services.switchboard.tell(effect.call_sid, effect.event)
            case _:
                assert_never(effect)

    def _tell_room(self, room: str, event: RoomEvent) -> None:
        self.services.rooms.take(self.account.sid, room, event)

    def _place(self) -> None:
        """Send the INVITE."""
        if self._destination is None:
            self.feed(events.LegFailed(404, "Not Found", events.FailureSource.LOCAL))
            return
        sip_leg = self.leg.place(self._destination)
        self.services.switchboard.attach(sip_leg, self)
        self.feed(events.LegPlaced(self.leg.call_id or ""))
        self.services.transports.flush()

    def _refer(self, uri: str) -> None:
        """Send REFER; one whose predecessor is still under way is refused as the far end would."""
        try:
            self.leg.refer(uri)
        except LocalProtocolError as error:
            self.note(TimelineKind.SIP, "not referred", {"reason": str(error)})
            self.feed(events.LegReferAnswered(REQUEST_PENDING))

    def _changed(self, effect: effects.Changed) -> None:
        over = effect.duration is not None
        self._journal.changed(effect, self._recorder.of_call if over else None)
        if effect.event == "answered":
            if self._asked.record:
                self._recorder.start_call(self._asked)
            if self._asked.send_digits:
                self._prompts.start(twiml.PlayDigits(0, self._asked.send_digits))

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""
        self._journal.note(kind, name, detail)

    def _note_of(
        self, purpose: Purpose, kind: TimelineKind, name: str, detail: Mapping[str, Any], again: str = ""
    ) -> None:
        """Write what a document has done: one that is repeated would fill the timeline."""
        if purpose in REPEATED:
            self._journal.note_repeated(kind, name, detail, again)
        else:
            self.note(kind, name, detail)

    def notify(self, code: int, message: str, url: str) -> None:
        """Put a notification on record, with the last request for a document if that is to blame."""
        evidence = self._evidence
        blamed = evidence if evidence is not None and evidence.is_about(url) else None
        self._journal.notify(code, message, url, blamed)

    def start_recording(self, request: twiml.RecordCall) -> str:
        """Record what the API wants; the recording's SID."""
        return self._recorder.start_asked(request)

    def find_recording(self, sid: str) -> str | None:
        """The SID of a recording under way, None if there is none."""
        return self._recorder.find(sid)

    async def change_recording(self, sid: str, status: RecordingChange, *, silence: bool) -> None:
        """Pause, go on with or end a recording under way."""
        await self._recorder.change(sid, status, silence=silence)

    def record_room(self, sid: str, request: RoomRecording) -> None:
        """Record what this call says and hears, for a room."""
        self._recorder.start_room(sid, request)

    def stop_room_recording(self, sid: str) -> None:
        """End that recording."""
        self._recorder.stop_room(sid)

    def _set_timer(self, effect: effects.SetTimer) -> None:
        self._clear_timer(effect.key)
        loop = asyncio.get_running_loop()
        self._timers[effect.key] = loop.call_later(effect.seconds, self._timer_expired, effect.key)

    def _clear_timer(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()

    def _timer_expired(self, key: str) -> None:
        self._timers.pop(key, None)
        self.feed(events.TimerExpired(key))

    # The end

    def _wind_up(self) -> None:
        """The call is over: stop what plays and runs, and close when nothing is under way."""
        for key in list(self._timers):
            self._clear_timer(key)
        self._prompts.stop_all()
        self._recorder.stop_all()
        if self._tasks or self._recorder.busy or self._closed:
            return
        self._closed = True
        self._dialler.keep(asyncio.create_task(self._close(), name=f"{self.call.sid}-close"))

    async def _close(self) -> None:
        """Free the leg, and leave when the last row is written."""
        try:
            if (counters := await self.leg.close()) is not None:
                self.note(TimelineKind.RTP, "counters", notes.rtp_counters(counters))
        except MediaError as error:
            self.note(TimelineKind.RTP, "counters lost", {"reason": str(error)})
        await self._journal.close()
        self.services.switchboard.remove(self)
        self.services.neighbours.call_over(self.call.sid)
        # They tell this session things, and so point back to it; a call that is over must not need the collector.
        self._gone = True
        del self._prompts, self._recorder
