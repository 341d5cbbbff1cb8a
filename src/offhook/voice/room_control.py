"""What the api asks of a live conference or queue."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import msgspec

from offhook.calls.rooms import conference
from offhook.calls.rooms.conference import Conference, ConferenceEvent
from offhook.calls.rooms.events import Announced, EndRequested, Kicked, Modified
from offhook.calls.rooms.queue import Dequeued, Queue, Resized
from offhook.errors import rest
from offhook.twiml.effects import Pairs
from offhook.twiml.entry import Entry, EntryPoint, method_of
from offhook.twiml.holdmusic import HOLD_MUSIC
from offhook.voice.rooms import Rooms

_NOT_FOUND = 20404


class ConferenceRequest(msgspec.Struct, frozen=True, tag="conference", tag_field="op"):
    """End a conference (`action` end), or announce something to everybody in it (announce)."""

    account: str
    sid: str
    action: str
    url: str | None = None
    method: str | None = None


class ParticipantRequest(msgspec.Struct, frozen=True, tag="participant", tag_field="op"):
    """Change a participant, announce something to it, or (`kick`) remove it. What is absent stays as it is."""

    account: str
    sid: str
    call: str
    muted: bool | None = None
    hold: bool | None = None
    hold_url: str | None = None
    hold_method: str | None = None
    coaches: str | None = None
    end_on_exit: bool | None = None
    beep_on_exit: bool | None = None
    announce_url: str | None = None
    announce_method: str | None = None
    wait_url: str | None = None
    wait_method: str | None = None
    kick: bool = False


class DequeueRequest(msgspec.Struct, frozen=True, tag="dequeue", tag_field="op"):
    """Take a call out of a queue, or (`call` absent) the first: it goes on with the document at `url`."""

    account: str
    sid: str
    url: str
    method: str | None = None
    call: str | None = None


class QueueRequest(msgspec.Struct, frozen=True, tag="queue", tag_field="op"):
    """Give a queue another size; one that is not live here has it in its row."""

    account: str
    sid: str
    max_size: int


class FactsRequest(msgspec.Struct, frozen=True, tag="facts", tag_field="op"):
    """What the documents of a call of another node learn of a room of this one; the answer has it as `facts`."""

    account: str
    room: str
    call: str


class ConferenceRecordingRequest(msgspec.Struct, frozen=True, tag="conference-recording", tag_field="op"):
    """Pause, go on with or end the recording of a conference; the answer has its `sid`."""

    account: str
    sid: str
    recording: str
    status: Literal["paused", "in-progress", "stopped"]
    silence: bool = True


RoomRequest = ConferenceRequest | ParticipantRequest | DequeueRequest | QueueRequest


@runtime_checkable
class Recorded(Protocol):
    """What stands beside a room that is recorded."""

    def find_recording(self, sid: str) -> str | None:
        """The SID of the recording under way, if `sid` means it."""

    async def change_recording(
        self, sid: str, status: Literal["paused", "in-progress", "stopped"], *, silence: bool
    ) -> None:
        """Pause, go on with or end the recording under way."""


class RoomControl:
    """Does what is asked of the rooms of this node, and returns when their rows say so. Raises RestError."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def facts(self, request: FactsRequest) -> Pairs:
        """What the documents of a call in a room are told."""
        return self._rooms.facts(request.account, request.room, request.call)

    async def ask(self, request: RoomRequest) -> None:
        """Do what a request asks."""
        room = self._rooms.by_sid(request.account, request.sid)
        kept = self._rooms.kept(room.account_sid, room.name) if room is not None else None
        match request:
            case ConferenceRequest() if isinstance(room, Conference):
                self._take(room, _of_conference(request))
            case ParticipantRequest() if isinstance(room, Conference) and room.find(request.call):
                for event in _of_participant(request):
                    self._take(room, event)
            case DequeueRequest() if isinstance(room, Queue) and room.find(request.call):
                entry = EntryPoint(request.url, method_of(request.method))
                self._rooms.take(room.account_sid, room.name, Dequeued(request.call, entry))
            case QueueRequest():
                if isinstance(room, Queue):
                    self._rooms.take(room.account_sid, room.name, Resized(request.max_size))
            case _:
                raise rest(_NOT_FOUND, "The conference, queue or participant is not there any more.")
        if kept is not None:
            await kept.settled()

    async def record(self, request: ConferenceRecordingRequest) -> str:
        """Change a recording under way; its SID."""
        room = self._rooms.by_sid(request.account, request.sid)
        kept = self._rooms.kept(room.account_sid, room.name) if room is not None else None
        if not isinstance(kept, Recorded) or (sid := kept.find_recording(request.recording)) is None:
            raise rest(_NOT_FOUND, "The recording is not under way.")
        await kept.change_recording(sid, request.status, silence=request.silence)
        return sid

    def _take(self, room: Conference, event: Modified | Kicked | Announced | EndRequested) -> None:
        if (code := conference.refusal(room, event)) is not None:
            raise rest(code)
        taken: ConferenceEvent = event
        self._rooms.take(room.account_sid, room.name, taken)


def _of_conference(request: ConferenceRequest) -> Announced | EndRequested:
    if request.action == "announce":
        return Announced(None, EntryPoint(request.url or "", method_of(request.method)))
    return EndRequested()


def _of_participant(request: ParticipantRequest) -> list[Modified | Kicked | Announced]:
    if request.kick:
        return [Kicked(request.call)]
    wanted: list[Modified | Kicked | Announced] = [
        Modified(
            request.call,
            muted=request.muted,
            hold=request.hold,
            hold_entry=_music(request),
            coaches=request.coaches,
            end_on_exit=request.end_on_exit,
            beep_on_exit=request.beep_on_exit,
            wait=EntryPoint(request.wait_url, method_of(request.wait_method)) if request.wait_url else None,
        )
    ]
    if request.announce_url:
        entry = EntryPoint(request.announce_url, method_of(request.announce_method))
        wanted.append(Announced(request.call, entry))
    return wanted


def _music(request: ParticipantRequest) -> Entry | None:
    """What is heard on hold: music unless a URL is given, nothing where it is empty. Its method is GET by default."""
    if request.hold_url is None:
        return HOLD_MUSIC
    return EntryPoint(request.hold_url, method_of(request.hold_method or "GET")) if request.hold_url else None
