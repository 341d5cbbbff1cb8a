"""Conferences: how a call enters one, and what stands beside the state of those of this node.

A conference of another node is entered there (`offhook.voice.neighbours`). `Mixed` is a conference's room in the
media worker, its recording, its announcements, and its rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from offhook.calls import meeting
from offhook.calls.call import Call
from offhook.calls.effects import EnterConference, RoomRecording
from offhook.calls.events import CallEvent, Recorded, TurnedAway
from offhook.calls.rooms import effects, events
from offhook.calls.rooms.conference import (
    COMPLETED,
    Conference,
    ConferenceEvent,
    ConferenceStatus,
    ParticipantEntered,
    conference_name,
)
from offhook.calls.rooms.conference_state import SPEAKER, is_about_speech
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.room import Room
from offhook.clock import monotonic, new_sid, utcnow
from offhook.media import protocol
from offhook.media.client import MediaClient, MediaError, Opening
from offhook.store.database import DatabaseUnavailableError
from offhook.store.leases import Lease
from offhook.store.records import AccountRecord, ConferenceRecord, TimelineEntry, TimelineKind
from offhook.twiml import events as heard
from offhook.twiml.effects import Confer, JitterBuffer, Notify, StatusCallback
from offhook.twiml.entry import Entry, EntryPoint
from offhook.voice.announcement import Announcement, Stage
from offhook.voice.conference_rows import ConferenceRows
from offhook.voice.leg import Leg
from offhook.voice.recorder import Listeners, Recorder, RecordingChange, Subject
from offhook.voice.rooms import MixEffect
from offhook.voice.services import Services

logger = logging.getLogger(__name__)

INTERNAL_ERROR: Final = 16010
_ASK_AGAIN_SECONDS: Final = 0.5
_UNTIL_CLOSED_SECONDS: Final = 0.1
_PATIENCE: Final = 10.0
"""Seconds for which a call asks again when the node in a conference's row does not have the conference."""
_BUFFER_MS: Final[Mapping[JitterBuffer, int]] = {"off": 0, "small": 60, "medium": 120, "large": 240}
"""Twilio's sizes, for which it gives no figures: the most by which the audio of one whose packets come late is delayed.

A buffer is never longer than jitter makes it. With `off` what does not come within its 20 ms is not heard.
"""
_ENTERING: Final = (protocol.Tone((880.0,), 200),)
_LEAVING: Final = (protocol.Tone((440.0,), 200),)


class Visitor(Protocol):
    """A call that goes to a conference."""

    services: Services
    call: Call
    account: AccountRecord
    leg: Leg

    def feed(self, event: CallEvent | heard.Event) -> None:
        """Take an event."""

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into the call's timeline."""


class _NotKeptError(Exception):
    """The node that is to keep a conference does not have it."""


async def enter(visitor: Visitor, effect: EnterConference) -> None:
    """Let a call into a conference; the first makes it. One that has gone meanwhile does not enter."""
    services, account, request = visitor.services, visitor.account, effect.request
    entered: ConferenceEvent = events.EndRequested()
    began = monotonic()
    try:
        while meeting.still_enters(visitor.call, effect):
            room = services.rooms.find(account.sid, effect.room)
            if room is None and effect.sid is not None and await _is_over(services, account, effect.sid):
                visitor.feed(TurnedAway(effect.room, COMPLETED))
                return
            if room is None:
                record = await _open(services, account, request, visitor.leg.media)
                if record is not None and await _enter_elsewhere(visitor, effect, record, began):
                    return
            elif isinstance(room, Conference) and effect.sid not in (None, room.sid):
                visitor.feed(TurnedAway(effect.room, COMPLETED))
                break
            elif isinstance(room, Conference) and room.status is ConferenceStatus.COMPLETED:
                # Its recording is not complete yet; the next of this name is another.
                await asyncio.sleep(_UNTIL_CLOSED_SECONDS)
            else:
                entered = ParticipantEntered(_participant(visitor.call, request))
                break
    except (DatabaseUnavailableError, MediaError, _NotKeptError) as error:
        logger.error("a conference cannot be made, or entered: %s", error)
        if meeting.still_enters(visitor.call, effect):
            visitor.feed(TurnedAway(effect.room, INTERNAL_ERROR))
        return
    room = services.rooms.find(account.sid, effect.room)
    # One that was made for a call which has gone meanwhile is over, unless others have come.
    if isinstance(entered, ParticipantEntered) or (isinstance(room, Conference) and not room.participants):
        services.rooms.take(account.sid, effect.room, entered)


async def _enter_elsewhere(
    visitor: Visitor, effect: EnterConference, record: ConferenceRecord, began: float
) -> bool:
    """Let a call into a conference of another node, or turn it away; False when that does not have it (any more).

    Raises _NotKeptError when that has lasted too long.
    """
    assert record.lease is not None and record.node is not None
    if not meeting.still_enters(visitor.call, effect):
        return False
    if effect.sid not in (None, record.sid):
        visitor.feed(TurnedAway(effect.room, COMPLETED))
        return True
    event = ParticipantEntered(_participant(visitor.call, effect.request))
    keeper, neighbours = Lease(record.lease, record.node), visitor.services.neighbours
    if await neighbours.enter(visitor.account.sid, effect.room, keeper, event, record.sid):
        visitor.note(TimelineKind.NOTE, "entered at another node", {"room": effect.room, "node": record.node})
        return True
    if monotonic() - began > _PATIENCE:
        raise _NotKeptError(f"node {record.node} does not have {record.sid}")
    await asyncio.sleep(_UNTIL_CLOSED_SECONDS)
    return False


async def _open(
    services: Services, account: AccountRecord, request: Confer, beside: MediaClient
) -> ConferenceRecord | None:
    """Make a conference live on this node, at the media worker `beside`, if that is there.

    One that another node keeps is returned as it is on record. Two that come at once make one: the row is one, and
    so is what is kept.
    """
    lease, now = services.tenure.lease, utcnow()
    wanted = ConferenceRecord(
        new_sid("CF"),
        account.sid,
        request.name,
        ConferenceStatus.INIT,
        now,
        now,
        callback=_stored(request.callback),
        node=lease.node,
        lease=lease.id,
    )
    await services.rooms.vacated(account.sid, conference_name(request.name))
    record = await services.store.conferences.open(wanted)
    while record is None:
        # The node that kept it has died; the janitor is about to end it.
        await asyncio.sleep(_ASK_AGAIN_SECONDS)
        record = await services.store.conferences.open(wanted)
    if record.lease != services.tenure.lease.id:
        return record
    media = await services.workers.find(beside)
    trim = request.trim == "trim-silence"
    conference = Conference(
        record.sid,
        account.sid,
        request.name,
        callback=request.callback,
        most=request.most,
        request=RoomRecording(1, trim, False, request.recording_callback) if request.record else None,
    )
    room = await media.open_room(speech=conference.tells(SPEAKER))
    if services.rooms.find(account.sid, conference.name) is None:
        services.rooms.add(conference, Mixed(services, account, conference, media, room))
    else:
        await media.close_room(room)
    return None


def _stored(callback: StatusCallback | None) -> Mapping[str, Any] | None:
    """Whom to tell, for whoever ends the conference if this node cannot."""
    if callback is None:
        return None
    return {"url": callback.url, "method": callback.method, "events": list(callback.events)}


async def _is_over(services: Services, account: AccountRecord, sid: str) -> bool:
    """Whether nobody enters this conference any more."""
    row = await services.store.conferences.fetch(account.sid, sid)
    return row is None or row.status == ConferenceStatus.COMPLETED


def _participant(call: Call, request: Confer) -> Participant:
    return Participant(
        call.sid,
        label=request.label,
        muted=request.muted,
        coaches=request.coach,
        start_on_enter=request.start_on_enter,
        end_on_exit=request.end_on_exit,
        beep_on_enter=request.beep in ("true", "onEnter"),
        beep_on_exit=request.beep in ("true", "onExit"),
        wait=request.wait,
        rings=not call.is_answered,
        jitter_buffer=request.jitter_buffer,
    )


class Mixed:
    """What a conference has besides its state. It is open until its recording is complete and its rows are written."""

    def __init__(
        self,
        services: Services,
        account: AccountRecord,
        conference: Conference,
        media: MediaClient,
        room: int,
    ) -> None:
        """`room` is open at `media`."""
        self._services = services
        self._account = account
        self._name = conference.name
        self._sid = conference.sid
        self._friendly_name = conference.friendly_name
        self._media = media
        self._room = room
        self._rows = ConferenceRows(services.store, conference)
        self._announcements: set[Announcement] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._parts: dict[str, effects.Mix] = {}
        self._tells_speech = conference.tells(SPEAKER)
        self._speakers: dict[int, str] = {}
        services.switchboard.attach_media((media.worker, room), self)
        subject = Subject(account.sid, media, room, conference_sid=conference.sid)
        listeners = Listeners(self._note, _nobody, self._recorded, self._start_task, self._rows.write)
        self._recorder = Recorder(services, subject, listeners)

    def do(self, effect: MixEffect) -> None:
        """Carry out what the conference wants."""
        match effect:
            case effects.Mix():
                self._parts[effect.call_sid] = effect
                self._mix(effect)
            case effects.Unmix(call_sid):
                self._parts.pop(call_sid, None)
                self._is_in(call_sid, None)
                if (leg := self._services.switchboard.leg(call_sid)) is not None:
                    leg.unmix()
            case effects.Beep(entering):
                self._play(_ENTERING if entering else _LEAVING)
            case effects.Announce(entry):
                self._announce(entry)
            case effects.Record(_, request):
                self._recorder.start_conference(request)
            case effects.StopRecording():
                self._recorder.stop_conference()
            case effects.Report():
                # Callbacks of who speaks are on record themselves; more of it would fill the timelines of a meeting.
                if not is_about_speech(effect.event):
                    self._put_on_record(effect)
                self._rows.report(effect)

    def changed(self, before: Room, after: Room) -> None:
        """Write what is different."""
        if isinstance(before, Conference) and isinstance(after, Conference):
            self._rows.changed(before, after)

    async def settled(self) -> None:
        """Return when all that has changed is written."""
        await self._rows.settled()

    def find_recording(self, sid: str) -> str | None:
        """The SID of the recording under way, if `sid` means it."""
        return self._recorder.find(sid)

    async def change_recording(self, sid: str, status: RecordingChange, *, silence: bool) -> None:
        """Pause, go on with or end the recording under way."""
        await self._recorder.change(sid, status, silence=silence)

    def close(self) -> None:
        """The conference is over."""
        for announcement in self._announcements:
            announcement.stop()
        self._services.switchboard.detach_media((self._media.worker, self._room), self)
        self._start_task(self._close(), "close")

    async def _close(self) -> None:
        with suppress(MediaError):
            await self._media.close_room(self._room)
        await self._rows.close()

    def on_media(self, event: protocol.LegEvent) -> None:
        """Something happened in the media worker's room."""
        if isinstance(event, protocol.PlayFinished):
            for announcement in tuple(self._announcements):
                announcement.on_play_finished(event)
        elif isinstance(event, protocol.Speech) and (sid := self._speakers.get(event.speaker)) is not None:
            self._take(events.Spoke(sid, event.speaking))

    def media_lost(self) -> None:
        """The room's media worker has gone: those in the room whom other workers carry go on at one of these."""
        for announcement in tuple(self._announcements):
            announcement.fail("the media worker has gone")
        self._move()

    def _move(self) -> None:
        """Make the room anew where there is a media worker, unless that has been done."""
        if self._media.connected or (media := self._services.workers.pick()) is None:
            return
        opening = media.start_room(speech=self._tells_speech)
        self._media, self._room = media, opening.number
        self._recorder.move(media, opening.number)
        self._services.switchboard.attach_media((media.worker, opening.number), self)
        for sid in list(self._speakers.values()):
            self._is_in(sid, None)
        self._start_task(self._reopen(media, opening), "reopen")
        for part in self._parts.values():
            self._mix(part)

    async def _reopen(self, media: MediaClient, opening: Opening) -> None:
        try:
            await media.room_opened(opening)
        except MediaError as error:
            logger.error("%s has no room at a media worker: %s", self._sid, error)

    def _mix(self, part: effects.Mix) -> None:
        """Give a participant its part, and those who coach it theirs: it may be known by another number."""
        if not self._media.connected:
            self._move()
            return
        for one in (part, *(other for other in self._parts.values() if other.coaches == part.call_sid)):
            self._mix_one(one)

    def _mix_one(self, part: effects.Mix) -> None:
        switchboard = self._services.switchboard
        leg = switchboard.leg(part.call_sid)
        if leg is None or not leg.connected:
            return
        coached = switchboard.leg(part.coaches) if part.coaches is not None else None
        heard = part.heard and (part.coaches is None or coached is not None)
        number = leg.mix(
            *(self._media, self._room),
            heard=heard,
            hears=part.hears,
            coaches=coached,
            buffer_ms=_BUFFER_MS[part.jitter_buffer],
        )
        self._is_in(part.call_sid, number)

    def _is_in(self, call_sid: str, number: int | None) -> None:
        """Note under what number, of a leg or of a link's end, the room hears a participant, if it tells who speaks."""
        if not self._tells_speech or (number is not None and self._speakers.get(number) == call_sid):
            return
        # What was heard under another number is not told of any more, its end included.
        self._speakers = {known: sid for known, sid in self._speakers.items() if sid != call_sid}
        self._take(events.Spoke(call_sid, speaking=False))
        if number is not None:
            self._speakers[number] = call_sid

    def _play(self, items: tuple[protocol.Item, ...]) -> None:
        self._media.play(self._room, items)

    def _announce(self, entry: Entry) -> None:
        params = self._services.rooms.facts(self._account.sid, self._name, "")
        stage = Stage(new_sid("AN"), self._media, self._room, params)

        def over(failed: str | None) -> None:
            self._announcements.discard(announcement)
            url = entry.url if isinstance(entry, EntryPoint) else ""
            self._take(events.AnnouncementOver(None, failed, url))

        announcement = Announcement(self._services, self._account, stage, over, self._notify)
        self._announcements.add(announcement)
        announcement.start(entry)

    def _take(self, event: ConferenceEvent) -> None:
        self._services.rooms.take(self._account.sid, self._name, event)

    def _recorded(self, _room: str, recorded: Recorded | None) -> None:
        self._take(events.RecordingComplete(recorded))

    def _notify(self, effect: Notify) -> None:
        self._rows.notify(effect.code, effect.message, effect.url)

    def _put_on_record(self, report: effects.Report) -> None:
        """Note an event in the conference's timeline, and in that of the call that it is about."""
        detail = dict(report.params)
        self._note(TimelineKind.NOTE, report.event, detail)
        if (call_sid := detail.get("CallSid")) is not None:
            rest = {name: value for name, value in detail.items() if name != "CallSid"}
            detail = {"ConferenceSid": self._sid, "FriendlyName": self._friendly_name, **rest}
            at, kind = utcnow(), TimelineKind.NOTE
            entry = TimelineEntry(call_sid, self._account.sid, at, kind, report.event, detail)
            self._services.store.timelines.add(entry)

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


def _nobody(event: object) -> None:
    """No verb waits for the recording of a conference."""
