"""The live calls of a node, and which of them an event concerns.

Knows calls by SID, by SIP leg, by media leg and by the recordings they wait for, and calls of other nodes that are in
rooms here (`Guest`). It decides nothing and holds no connection; what it needs of a call is in `LiveCall`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from offhook.calls import meeting
from offhook.calls.call import Call
from offhook.calls.effects import RoomRecording
from offhook.calls.events import CallEvent
from offhook.media import protocol
from offhook.sip import events as sip
from offhook.store.records import TimelineKind
from offhook.streams.protocol import RecordingFinished
from offhook.twiml import events as heard
from offhook.twiml.effects import RecordCall
from offhook.voice.early_messages import EarlyMessages
from offhook.voice.guest import Guest
from offhook.voice.leg import Leg

logger = logging.getLogger(__name__)

MediaName = tuple[int, int]
"""A leg or a room of a media worker: the worker, and the number there."""


class LiveCall(Protocol):
    """A call in progress, as the rest of the node sees it."""

    @property
    def call(self) -> Call:
        """Its state."""

    @property
    def account_sid(self) -> str:
        """Whose it is."""

    @property
    def leg(self) -> Leg:
        """Its leg."""

    def feed(self, event: CallEvent | heard.Event) -> None:
        """Take an event."""

    def note(self, kind: TimelineKind, name: str, detail: Mapping[str, Any] | None = None) -> None:
        """Write into its timeline."""

    def on_sip(self, event: sip.LegEvent) -> None:
        """Something happened on its SIP leg."""

    def take_over(self, invite: sip.IncomingInvite) -> None:
        """Go on with whoever sends this INVITE. Raises NotAcceptable."""

    def on_message(self, log: sip.SipMessageLog) -> None:
        """A SIP message of its leg came or went."""

    def on_media(self, event: protocol.LegEvent) -> None:
        """Something happened on its media leg."""

    def media_lost(self) -> None:
        """The media worker of its leg has gone."""

    def start_recording(self, request: RecordCall) -> str:
        """Record what the API wants; the recording's SID."""

    def find_recording(self, sid: str) -> str | None:
        """The SID of a recording under way, None if there is none."""

    async def change_recording(
        self, sid: str, status: Literal["paused", "in-progress", "stopped"], *, silence: bool
    ) -> None:
        """Pause, go on with or end a recording under way."""

    def record_room(self, room: str, request: RoomRecording) -> None:
        """Record what it says and hears, for a room."""

    def stop_room_recording(self, room: str) -> None:
        """End that recording."""


class HearsMedia(Protocol):
    """Whoever a leg or a room of the media worker is of."""

    def on_media(self, event: protocol.LegEvent) -> None:
        """Something happened there."""

    def media_lost(self) -> None:
        """The media worker has gone."""


class AwaitsRecording(Protocol):
    """Whoever has a recording made."""

    def finished(self, event: RecordingFinished) -> None:
        """The file is complete."""


class Switchboard:
    """Finds the call, or the recorder, that something is about."""

    def __init__(self) -> None:
        self._calls: dict[str, LiveCall] = {}
        self._by_sip: dict[int, LiveCall] = {}
        self._by_media: dict[MediaName, HearsMedia] = {}
        self._recorders: dict[str, AwaitsRecording] = {}
        self._guests: dict[str, Guest] = {}
        self._early = EarlyMessages()
        self._left = asyncio.Event()

    # Who is there

    def find(self, sid: str) -> LiveCall | None:
        """A live call."""
        return self._calls.get(sid)

    def guest(self, sid: str) -> Guest | None:
        """A call of another node that is known here."""
        return self._guests.get(sid)

    def leg(self, sid: str) -> Leg | Guest | None:
        """The leg of a live call, or what stands in for it."""
        return call.leg if (call := self._calls.get(sid)) is not None else self._guests.get(sid)

    def of_leg(self, leg: int) -> LiveCall | None:
        """The live call that a SIP leg is of."""
        return self._by_sip.get(leg)

    @property
    def live(self) -> list[LiveCall]:
        """All live calls."""
        return list(self._calls.values())

    async def empty(self) -> None:
        """Return when no call is live any more."""
        while self._calls:
            self._left.clear()
            await self._left.wait()

    def add(self, call: LiveCall) -> None:
        """A call is live; one whose media worker has gone meanwhile loses its audio at once."""
        self._calls[call.call.sid] = call
        if call.leg.sip is not None:
            self.attach(call.leg.sip, call)
        if call.leg.media.connected:
            self._by_media[call.leg.name] = call
        else:
            asyncio.get_running_loop().call_soon(call.media_lost)

    def attach(self, leg: int, call: LiveCall) -> None:
        """From now on what happens on a SIP leg concerns this call, and so do the messages that came before."""
        self._by_sip[leg] = call
        for log in self._early.take(leg):
            call.on_message(log)

    def forget_leg(self, leg: int) -> None:
        """A SIP leg has been refused: no call will come of it."""
        self._early.take(leg)

    def detach(self, leg: int) -> None:
        """A call goes on with another SIP leg."""
        self._by_sip.pop(leg, None)

    def remove(self, call: LiveCall) -> None:
        """A call has ended and left."""
        self._calls.pop(call.call.sid, None)
        self._left.set()
        self.detach_media(call.leg.name, call)
        if call.leg.sip is not None:
            self._by_sip.pop(call.leg.sip, None)

    def add_guest(self, sid: str, guest: Guest) -> None:
        """A call of another node comes to a room here, or counts on a call here."""
        self._guests[sid] = guest

    def remove_guest(self, sid: str) -> None:
        """It is over."""
        if (guest := self._guests.pop(sid, None)) is not None:
            guest.unmix()

    def attach_media(self, name: MediaName, owner: HearsMedia) -> None:
        """From now on what happens on a media leg, or in a room, concerns its owner."""
        self._by_media[name] = owner

    def detach_media(self, name: MediaName, owner: HearsMedia) -> None:
        """A leg or room is closed. Its name may be another's already, if its worker was started again."""
        if self._by_media.get(name) is owner:
            del self._by_media[name]

    def expect_recording(self, sid: str, recorder: AwaitsRecording) -> None:
        """The end of a recording concerns this recorder."""
        self._recorders[sid] = recorder

    def forget_recording(self, sid: str) -> None:
        """A recording is complete."""
        self._recorders.pop(sid, None)

    # What is reported

    def tell(self, sid: str, event: CallEvent) -> None:
        """Give a call an event; of one that is not live any more, who counts on it is told."""
        if (call := self._calls.get(sid)) is not None:
            call.feed(event)
            return
        if (guest := self._guests.get(sid)) is not None:
            guest.tell(event)
            return
        for told in meeting.missed(event):
            self.tell(told.call_sid, told.event)

    def on_leg(self, event: sip.LegEvent) -> bool:
        """An event of a SIP leg; False if the leg is no live call's."""
        if (call := self._by_sip.get(event.leg)) is None:
            return False
        call.on_sip(event)
        return True

    def on_message(self, log: sip.SipMessageLog) -> None:
        """A SIP message of a leg, which may become a call's."""
        if log.leg is None:
            return
        if (call := self._by_sip.get(log.leg)) is not None:
            call.on_message(log)
        else:
            self._early.add(log.leg, log)

    def on_media(self, worker: int, event: protocol.Event) -> None:
        """An event of a media worker. Those of a link's legs are nobody's."""
        if not isinstance(event, protocol.LegEvent):
            return
        if (owner := self._by_media.get((worker, event.leg))) is not None:
            owner.on_media(event)

    def on_recording(self, event: RecordingFinished) -> None:
        """A recording's file is complete."""
        if (recorder := self._recorders.get(event.sid)) is not None:
            recorder.finished(event)

    def media_lost(self, worker: int) -> None:
        """A media worker is gone, and with it the audio of the calls that it carried."""
        gone = [name for name in self._by_media if name[0] == worker]
        for owner in [self._by_media.pop(name) for name in gone]:
            owner.media_lost()
