"""Conferences on this node: how a call enters one, and what stands beside its state.

`Mixed` is a conference's room in the media worker, its recording, its announcements, and its rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from offhook.calls.effects import EnterConference, RoomRecording
from offhook.calls.events import Recorded
from offhook.calls.rooms import effects, events
from offhook.calls.rooms.conference import Conference, ConferenceEvent, Participant, ParticipantEntered
from offhook.calls.rooms.room import Room
from offhook.clock import new_sid, utcnow
from offhook.media import protocol
from offhook.media.client import MediaClient
from offhook.store.records import AccountRecord, TimelineEntry, TimelineKind
from offhook.twiml.effects import Confer, Notify
from offhook.twiml.entry import Entry
from offhook.voice.announcement import Announcement, Stage
from offhook.voice.conference_rows import ConferenceRows
from offhook.voice.recorder import Listeners, Recorder, Subject
from offhook.voice.rooms import MixEffect
from offhook.voice.services import Services

logger = logging.getLogger(__name__)

_ENTERING: Final = (protocol.Tone((880.0,), 200),)
_LEAVING: Final = (protocol.Tone((440.0,), 200),)


def enter(services: Services, account: AccountRecord, call_sid: str, effect: EnterConference) -> None:
    """Let a call into a conference; the first makes it."""
    rooms, request = services.rooms, effect.request
    if rooms.find(account.sid, effect.room) is None:
        conference = _begun(account.sid, request)
        rooms.add(conference, Mixed(services, account, conference))
    rooms.take(account.sid, effect.room, ParticipantEntered(_participant(call_sid, request)))


def _begun(account_sid: str, request: Confer) -> Conference:
    trim = request.trim == "trim-silence"
    recording = RoomRecording(1, trim, False, request.recording_callback) if request.record else None
    return Conference(
        new_sid("CF"),
        account_sid,
        request.name,
        callback=request.callback,
        most=request.most,
        request=recording,
    )


def _participant(call_sid: str, request: Confer) -> Participant:
    return Participant(
        call_sid,
        label=request.label,
        muted=request.muted,
        coaches=request.coach,
        start_on_enter=request.start_on_enter,
        end_on_exit=request.end_on_exit,
        beep_on_enter=request.beep in ("true", "onEnter"),
        beep_on_exit=request.beep in ("true", "onExit"),
        wait=request.wait,
    )


class Mixed:
    """What a conference has besides its state. It is open until its recording is complete and its rows are written."""

    def __init__(self, services: Services, account: AccountRecord, conference: Conference) -> None:
        self._services = services
        self._account = account
        self._name = conference.name
        self._sid = conference.sid
        self._rows = ConferenceRows(services, conference)
        self._media: MediaClient | None = services.legs.media
        self._room = self._media.open_room() if self._media is not None else 0
        self._announcements: set[Announcement] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._recorder: Recorder | None = None
        if self._media is not None:
            services.switchboard.attach_media(self._room, self)
            subject = Subject(account.sid, self._media, self._room, conference_sid=conference.sid)
            listeners = Listeners(
                self._note, lambda _: None, self._recorded, self._start_task, self._rows.write
            )
            self._recorder = Recorder(services, subject, listeners)

    def do(self, effect: MixEffect) -> None:
        """Carry out what the conference wants."""
        match effect:
            case effects.Mix():
                self._mix(effect)
            case effects.Unmix(call_sid):
                if (call := self._services.switchboard.find(call_sid)) is not None:
                    call.leg.unmix()
            case effects.Beep(entering):
                self._play(_ENTERING if entering else _LEAVING)
            case effects.Announce(entry):
                self._announce(entry)
            case effects.Record(_, request):
                if self._recorder is not None:
                    self._recorder.start_conference(request)
                else:
                    self._recorded("", None)
            case effects.StopRecording():
                if self._recorder is not None:
                    self._recorder.stop_conference()
            case effects.Report():
                self._note(TimelineKind.NOTE, effect.event, dict(effect.params))
                self._rows.report(effect)

    def changed(self, before: Room, after: Room) -> None:
        """Write what is different."""
        if isinstance(before, Conference) and isinstance(after, Conference):
            self._rows.changed(before, after)

    async def settled(self) -> None:
        """Return when all that has changed is written."""
        await self._rows.settled()

    def close(self) -> None:
        """The conference is over."""
        for announcement in self._announcements:
            announcement.stop()
        if self._media is not None:
            self._services.switchboard.detach_media(self._room)
            self._media.close_room(self._room)
        self._start_task(self._rows.close(), "close")

    def on_media(self, event: protocol.LegEvent) -> None:
        """Something happened in the media worker's room."""
        if isinstance(event, protocol.PlayFinished):
            for announcement in tuple(self._announcements):
                announcement.on_play_finished(event)

    def _mix(self, effect: effects.Mix) -> None:
        switchboard = self._services.switchboard
        call = switchboard.find(effect.call_sid)
        if call is None or self._media is None:
            return
        coached = switchboard.find(effect.coaches) if effect.coaches is not None else None
        # Who coaches somebody who has gone is heard by nobody, rather than by all.
        heard = effect.heard and (effect.coaches is None or coached is not None)
        call.leg.mix(
            self._room, heard=heard, hears=effect.hears, coaches=coached.leg if coached is not None else None
        )

    def _play(self, items: tuple[protocol.Item, ...]) -> None:
        if self._media is not None:
            self._media.play(self._room, items)

    def _announce(self, entry: Entry) -> None:
        if self._media is None:
            return
        params = self._services.rooms.facts(self._account.sid, self._name, "")
        stage = Stage(self._media, self._room, params)

        def over(failed: str | None) -> None:
            self._announcements.discard(announcement)
            self._take(events.AnnouncementOver(None, failed))

        announcement = Announcement(self._services, self._account, stage, over, self._notify)
        self._announcements.add(announcement)
        announcement.start(entry)

    def _take(self, event: ConferenceEvent) -> None:
        self._services.rooms.take(self._account.sid, self._name, event)

    def _recorded(self, _room: str, recorded: Recorded | None) -> None:
        self._take(events.RecordingComplete(recorded))

    def _notify(self, effect: Notify) -> None:
        self._rows.notify(effect.code, effect.message, effect.url)

    def _note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any]) -> None:
        entry = TimelineEntry(self._sid, self._account.sid, utcnow(), kind, name, detail)
        self._services.store.timelines.add(entry)

    def _start_task(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"{self._sid}-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)
