"""One live call: the shell around `offhook.calls.call`.

Gives what happens to the call's pure state machine and carries out the effects, in order. Nothing here waits: what
takes time (a document, a prompt, a row) is a task whose end is another event. A session closes when its call is
over and nothing of it is under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from offhook.calls import effects, events
from offhook.calls.call import Call, step
from offhook.clock import monotonic
from offhook.media.client import MediaError
from offhook.media.protocol import PlayFinished
from offhook.sdp.negotiate import NotAcceptable
from offhook.store.records import AccountRecord, CallRecord, TimelineKind
from offhook.twiml import effects as twiml
from offhook.voice import notes
from offhook.voice.children import place_child
from offhook.voice.documents import fetch_document, record_params
from offhook.voice.journal import Journal
from offhook.voice.leg import Destination, Leg
from offhook.voice.prompts import Prompts
from offhook.voice.recorder import Recorder

if TYPE_CHECKING:
    from offhook.voice.exchange import Exchange

logger = logging.getLogger(__name__)


class CallSession:
    """A live call and everything that belongs to it."""

    def __init__(
        self,
        exchange: Exchange,
        call: Call,
        record: CallRecord,
        account: AccountRecord,
        leg: Leg,
        *,
        destination: Destination | None = None,
        parent: tuple[CallSession, int] | None = None,
    ) -> None:
        """`leg` is open. `destination` is where an outbound call goes; `parent` whom a dialled call belongs to."""
        self.exchange = exchange
        self.call = call
        self.record = record
        self.account = account
        self.leg = leg
        leg.call_sid = record.sid
        self.destination = destination
        self.parent = parent
        self.children: dict[int, CallSession] = {}
        self.placing: set[int] = set()
        self.prompts = Prompts(leg.media, exchange.streams, leg.rtp, account.auth_token, self.feed)
        self.recorder = Recorder(self)
        self.journal = Journal(exchange, record, lambda status: record_params(record, status))
        self._inbox: deque[object] = deque()
        self._stepping = False
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    # Events in

    def feed(self, event: object) -> None:
        """Give the call an event; events that effects cause are taken in turn."""
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

    def _take(self, event: object) -> None:
        self.call, wanted = step(self.call, event, monotonic())
        for effect in wanted:
            try:
                self._do(effect)
            except Exception:
                # The others are carried out all the same: a call whose end is lost would never end.
                logger.exception("%s: %s failed", self.call.sid, type(effect).__name__)
                self.note(TimelineKind.ERROR, "internal error", {"effect": type(effect).__name__})
                self._inbox.append(events.HangUpRequested())

    def play_finished(self, event: PlayFinished) -> None:
        """A play of the leg is over."""
        self.prompts.finished(event)

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""
        self.journal.note(kind, name, detail)

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
                self.feed(events.HangUpRequested())
        if self.call.is_over:
            self._wind_up()

    # Effects out

    def _do(self, effect: object) -> None:
        """Carry out one effect."""
        match effect:
            case twiml.Fetch():
                self.start_task(fetch_document(self, effect), f"fetch-{effect.request}")
            case twiml.Speak() | twiml.PlayUrl() | twiml.PlayDigits() | twiml.Beep():
                self.prompts.start(effect)
            case twiml.StopPlay():
                self.prompts.stop(effect.play)
            case twiml.StartRecording():
                self.recorder.start_verb(effect)
            case twiml.StopRecording():
                self.recorder.stop_verb(effect.recording)
            case twiml.Notify():
                self.notify(effect.code, effect.message, effect.url)
            case twiml.Trace():
                self.note(TimelineKind.TWIML, effect.verb, {"line": effect.line, **dict(effect.detail)})
            case twiml.SendMessage():
                self.start_task(self.exchange.send_message(self, effect), "message")
            case effects.SetTimer():
                self._set_timer(effect)
            case effects.ClearTimer():
                self._clear_timer(effect.key)
            case effects.Changed():
                self._changed(effect)
            case _:
                self._do_leg(effect)

    def _do_leg(self, effect: object) -> None:
        """Carry out an effect on the leg or on a dialled call's."""
        match effect:
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
            case effects.PlayRingback():
                self.prompts.start_ringback(effect.tone)
            case effects.StopRingback():
                self.prompts.stop_ringback()
            case _:
                self._do_bridge(effect)

    def _do_bridge(self, effect: object) -> None:
        """Carry out an effect of ``<Dial>``."""
        match effect:
            case effects.PlaceChild():
                self.placing.add(effect.child)
                self.start_task(place_child(self, effect), f"child-{effect.child}")
            case effects.EndChild():
                self._end_child(effect)
            case effects.Connect():
                if (child := self.children.get(effect.child)) is not None:
                    self.leg.media.bridge(self.leg.rtp, child.leg.rtp, detect_inband=effect.detect_star)
                    self.note(TimelineKind.MEDIA, "bridged", {"with": child.call.sid})
            case effects.Disconnect():
                self.leg.media.unbridge(self.leg.rtp)
            case effects.RecordBridge():
                self.recorder.start_dial(effect)
            case effects.StopBridgeRecording():
                self.recorder.stop_dial()
            case effects.TellParent():
                self._tell_parent(effect.event)
            case _:
                raise TypeError(f"not an effect of a call: {effect!r}")

    def _place(self) -> None:
        """Send the INVITE."""
        if self.destination is None:
            self.feed(events.LegFailed(404, "Not Found", events.FailureSource.LOCAL))
            return
        sip = self.leg.place(self.destination)
        self.exchange.attach(sip, self)
        self.exchange.transports.flush()

    def _end_child(self, effect: effects.EndChild) -> None:
        """Hang up a dialled call, or keep one from being placed."""
        self.placing.discard(effect.child)
        if (child := self.children.get(effect.child)) is not None:
            child.feed(events.HangUpRequested(unanswered=effect.unanswered))

    def _tell_parent(self, event: object) -> None:
        """Give the call that dialled this one an event, under the number it knows this one by."""
        if self.parent is None:
            return
        session, number = self.parent
        match event:
            case events.ChildEnded():
                event = replace(event, child=number, sip_call_id=self.leg.call_id)
            case events.ChildRinging() | events.ChildAnswered():
                event = replace(event, child=number)
        session.feed(event)

    def _changed(self, effect: effects.Changed) -> None:
        self.journal.changed(effect)
        if effect.event == "answered":
            self.recorder.start_call()
            if digits := self.record.request.get("send_digits"):
                self.prompts.start(twiml.PlayDigits(0, digits))

    def notify(self, code: int, message: str, url: str) -> None:
        """Put a notification on record."""
        self.journal.notify(code, message, url)

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

    # The leg's negotiation

    def negotiate(self, agree: Callable[[], None]) -> bool:
        """Run a step of offer/answer; a peer whose description cannot be used loses the call."""
        try:
            agree()
        except NotAcceptable as error:
            self.note(TimelineKind.SDP, "not acceptable", {"reason": str(error)})
            self.notify(32102, str(error), "")
            return False
        return True

    # The end

    def _wind_up(self) -> None:
        """The call is over: let go of what plays and runs, and close when nothing is under way."""
        for key in list(self._timers):
            self._clear_timer(key)
        self.prompts.stop_all()
        self.recorder.stop_all()
        if self._tasks or self.recorder.busy or self._closed:
            return
        self._closed = True
        closing = asyncio.create_task(self._close(), name=f"{self.call.sid}-close")
        self.exchange.keep(closing)

    async def _close(self) -> None:
        """Free the leg, and leave when the last row is written."""
        try:
            if (counters := await self.leg.close()) is not None:
                self.note(TimelineKind.RTP, "counters", notes.rtp_counters(counters))
        except MediaError as error:
            self.note(TimelineKind.RTP, "counters lost", {"reason": str(error)})
        await self.journal.close()
        self.exchange.detach(self)
