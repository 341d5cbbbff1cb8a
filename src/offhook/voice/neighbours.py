"""Calls and rooms of more than one voice node: who is told what, and where the two meet.

A room is its node's, under a lease that the row names. A call of another node that enters it is a `Guest` there: what
the room tells the call goes to the call's node, and its audio comes over a link between the two nodes' media. At the
call's node the room is a *seat* (`Rooms.seat`): what the call does in the room goes to the room's node. A node that
is lost ends what it kept for others: its rooms for calls here, as their end would, and its calls in rooms here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from offhook.bus import subjects
from offhook.bus.nats import Bus, RequestError
from offhook.calls import events, meeting
from offhook.calls.events import CallEvent
from offhook.calls.rooms.conference import Conference, ConferenceStatus, ParticipantEntered
from offhook.calls.rooms.encoding import call_event, encode, room_event
from offhook.calls.rooms.events import Entered, Left
from offhook.calls.rooms.queue import Enqueued, Taking, queue_name
from offhook.calls.rooms.room import RoomEvent
from offhook.clock import monotonic, utcnow
from offhook.media.client import MediaError
from offhook.store.database import DatabaseUnavailableError
from offhook.store.leases import Lease, Leases
from offhook.store.records import QueueRecord, TimelineKind
from offhook.twiml.effects import Pairs
from offhook.voice.guest import Guest
from offhook.voice.letters import (
    CallOver,
    CallTold,
    Letter,
    LinkAnswered,
    LinkOffered,
    Message,
    Receipt,
    RoomTold,
    message,
    written,
)
from offhook.voice.links import End, open_end
from offhook.voice.neighbour import Neighbour, told
from offhook.voice.room_control import FactsRequest
from offhook.voice.rooms import Rooms
from offhook.voice.switchboard import Switchboard
from offhook.voice.tenure import Tenure

logger = logging.getLogger(__name__)

PATIENCE: Final = 5.0
"""Seconds for which another node may take to let a call in."""


_OF_ROOMS: Final = (
    events.RoomPushed,
    events.RoomPopped,
    events.InQueue,
    events.Called,
    events.TurnedAway,
    events.LeftQueue,
)
"""What only a room tells a call that is in it. A bridge's end is told to those that were to enter it, too."""


class Neighbours:
    """The other voice nodes that calls here meet others at.

    host: the address of this machine by which the media of other nodes reaches it.
    """

    def __init__(
        self, bus: Bus, leases: Leases, tenure: Tenure, switchboard: Switchboard, rooms: Rooms, host: str
    ) -> None:
        self._bus = bus
        self._leases = leases
        self._tenure = tenure
        self._switchboard = switchboard
        self._rooms = rooms
        self._host = host
        self._there: dict[int, Neighbour] = {}
        self._open_queue: Callable[[QueueRecord], None] = _nothing
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, node: str, open_queue: Callable[[QueueRecord], None]) -> None:
        """Hear the others from now on. `open_queue` has a queue of this node live."""
        self._open_queue = open_queue
        self._rooms.home_of = self._home_of
        await self._bus.serve(subjects.voice_peers(node), self.answer)

    async def close(self) -> None:
        """Say nothing more to anybody."""
        there = list(self._there.values())
        for neighbour in there:
            neighbour.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *(one.closed() for one in there), return_exceptions=True)

    def forsake(self) -> None:
        """The lease of this node has ended: for the others it is gone."""
        for neighbour in list(self._there.values()):
            self._lose(neighbour, "the lease of this node has ended")

    # Calls here, in rooms there

    async def enter(
        self, account: str, name: str, keeper: Lease, event: RoomEvent, sid: str, most: int = 0
    ) -> bool:
        """Let a call into a conference or queue of another node, or come for somebody in it.

        False when the room is not there, or its node cannot be reached (any more): ask the store again.
        """
        call_sid = _whom(event)
        neighbour = self._at(keeper)
        neighbour.knows.add(call_sid)
        self._rooms.seat(call_sid, account, name, neighbour)
        entered = False
        try:
            async with asyncio.timeout(PATIENCE):
                entered = await neighbour.ask(told(account, name, event, sid, most))
        except TimeoutError:
            # It may hear of it yet: what is said next undoes it.
            neighbour.take(account, name, Left(call_sid))
            logger.warning("node %s does not answer a call that comes to a room there", keeper.node)
        if not entered:
            self._rooms.unseat(call_sid, account, name)
        return entered

    async def facts(self, account: str, name: str, call_sid: str) -> Pairs:
        """What the documents of a call in a room are told; nothing when the room's node does not answer."""
        neighbour = self._rooms.seat_of(call_sid, account, name)
        if not isinstance(neighbour, Neighbour):
            return self._rooms.facts(account, name, call_sid)
        request = msgspec.json.encode(FactsRequest(account, name, call_sid))
        try:
            answer = await self._bus.request(subjects.voice_calls(neighbour.lease.node), request)
            return msgspec.json.decode(answer, type=_Facts).facts
        except (RequestError, msgspec.MsgspecError) as error:
            logger.warning("%s is asked about a room in vain: %s", neighbour.lease.node, error)
            return ()

    def call_over(self, call_sid: str) -> None:
        """A call here is over: nobody needs to know it any more."""
        self._rooms.unseat_all(call_sid)
        for neighbour in self._there.values():
            if call_sid in neighbour.knows:
                neighbour.knows.discard(call_sid)
                neighbour.post(CallOver(call_sid))

    # What others say

    async def answer(self, payload: bytes) -> bytes:
        """Take a letter, and say how far its sender has been heard."""
        try:
            letter = msgspec.msgpack.decode(payload, type=Letter)
        except msgspec.MsgspecError as error:
            logger.warning("what another node says cannot be read: %s", error)
            return written(Receipt(None))
        lease = Lease(letter.lease, letter.node)
        known = self._there.get(lease.id)
        if known is not None and not _goes_on(known, letter):
            self._lose(known, "it has begun anew")
            known = None
        if letter.to != self._tenure.lease.id or (known is None and (letter.first != 1 or letter.heard)):
            return written(Receipt(None))
        neighbour = known or self._at(lease)
        for number, content in neighbour.incoming.take(letter.stream, letter.first, letter.messages):
            if not self._hear(neighbour, content):
                neighbour.refused.add(number)
        neighbour.refused = {number for number in neighbour.refused if number >= letter.first}
        return written(Receipt(neighbour.incoming.expected, sorted(neighbour.refused)))

    def _hear(self, neighbour: Neighbour, content: bytes) -> bool:
        """Take a message; False when the room that it is for is not there."""
        try:
            return self._take(neighbour, message(content))
        except (msgspec.MsgspecError, ValueError) as error:
            logger.error("%s says what cannot be read: %s", neighbour.lease.node, error)
        except Exception:
            logger.exception("what %s says cannot be done", neighbour.lease.node)
        return True

    def _take(self, neighbour: Neighbour, said: Message) -> bool:
        match said:
            case RoomTold():
                return self._room_told(neighbour, said)
            case CallTold():
                self._call_told(neighbour, said)
            case LinkOffered():
                self._link_offered(neighbour, said)
            case LinkAnswered():
                if (guest := self._switchboard.guest(said.call)) is not None:
                    guest.answered(said.link, said.host, said.port)
            case CallOver():
                self._part(neighbour, {said.call})
        return True

    def _room_told(self, neighbour: Neighbour, said: RoomTold) -> bool:
        """Something happens to a call there in a room here."""
        event, account, name = room_event(said.event), said.account, said.room
        match event:
            case ParticipantEntered():
                room = self._rooms.by_sid(account, said.sid)
                if not isinstance(room, Conference) or room.status is ConferenceStatus.COMPLETED:
                    return False
            case Enqueued() | Taking():
                self._open_queue(self._queue(said))
        if isinstance(event, Enqueued) and said.waited is not None:
            event = replace(event, entered_at=monotonic() - said.waited)
        if isinstance(event, ParticipantEntered | Enqueued | Taking | Entered):
            self._welcome(neighbour, _whom(event))
        self._rooms.take(account, name, event)
        return True

    def _queue(self, said: RoomTold) -> QueueRecord:
        """The row of a queue of this node, as whoever comes to it has found it."""
        friendly_name, now = said.room.removeprefix(queue_name("")), utcnow()
        lease = self._tenure.lease
        return QueueRecord(said.sid, said.account, friendly_name, said.most, now, now, lease.node, lease.id)

    def _call_told(self, neighbour: Neighbour, said: CallTold) -> None:
        """A call here is told something, by a room there or by a call there."""
        event = call_event(said.event)
        for sid, (node, lease) in said.homes.items():
            if lease != self._tenure.lease.id and self._switchboard.find(sid) is None:
                self._welcome(self._at(Lease(lease, node)), sid)
        call = self._switchboard.find(said.call)
        neighbour.knows.add(said.call)
        if call is None:
            self._switchboard.tell(said.call, event)
            self.call_over(said.call)
            return
        if isinstance(event, _OF_ROOMS) and not self._rooms.seat_of(said.call, call.account_sid, event.room):
            # It has left that room, or has given up on entering it.
            for missed in meeting.missed(event):
                self._switchboard.tell(missed.call_sid, missed.event)
            return
        if isinstance(event, events.RoomEnded | events.TurnedAway | events.LeftQueue):
            self._rooms.unseat(said.call, call.account_sid, event.room)
        call.feed(event)

    # What is said to calls there

    def _welcome(self, neighbour: Neighbour, call_sid: str) -> None:
        """A call there is known here from now on."""
        if self._switchboard.guest(call_sid) is None:
            neighbour.guests.add(call_sid)
            tell, offer = partial(self._tell, neighbour, call_sid), partial(self._offer, neighbour, call_sid)
            self._switchboard.add_guest(call_sid, Guest(call_sid, self._host, tell, offer))

    def _tell(self, neighbour: Neighbour, call_sid: str, event: CallEvent) -> None:
        homes = {}
        for sid in meeting.others_in(event):
            if self._switchboard.find(sid) is not None:
                neighbour.knows.add(sid)
                homes[sid] = self._tenure.lease.node, self._tenure.lease.id
            elif (home := self._home_of(sid)) is not None:
                homes[sid] = home.lease.node, home.lease.id
        neighbour.post(CallTold(call_sid, encode(event), homes))

    def _home_of(self, call_sid: str) -> Neighbour | None:
        return next((one for one in self._there.values() if call_sid in one.guests), None)

    # Audio

    def _offer(self, neighbour: Neighbour, call_sid: str, link: int, host: str, port: int) -> None:
        neighbour.post(LinkOffered(call_sid, link, host, port))

    def _link_offered(self, neighbour: Neighbour, offer: LinkOffered) -> None:
        """A room there has an end of a link for a call here: it gets the other, if it is still in a room there."""
        call = self._switchboard.find(offer.call)
        if call is None or not self._rooms.is_seated(offer.call, neighbour):
            return
        end = open_end(call.leg.media, self._host)
        call.leg.join(end)
        self._start(self._connect(neighbour, end, offer), f"{offer.call}-link")

    async def _connect(self, neighbour: Neighbour, end: End, offer: LinkOffered) -> None:
        try:
            opened = await end.media.leg_opened(end.opening)
        except MediaError as error:
            logger.error("%s is in a room of another node, and hears nothing: %s", offer.call, error)
            return
        end.set_remote(offer.host, offer.port)
        neighbour.post(LinkAnswered(offer.call, offer.link, opened.host, opened.port))

    # Nodes come and go

    def _at(self, lease: Lease) -> Neighbour:
        """The holder of a lease; whoever had its name before is lost."""
        if (known := self._there.get(lease.id)) is not None:
            return known
        for other in list(self._there.values()):
            if other.lease.node == lease.node:
                self._lose(other, "it has begun anew")
        neighbour = Neighbour(lease, self._tenure.lease, self._send, self._is_alive, self._lose)
        self._there[lease.id] = neighbour
        return neighbour

    async def _send(self, neighbour: Neighbour, letter: bytes) -> bytes:
        return await self._bus.request(subjects.voice_peers(neighbour.lease.node), letter)

    async def _is_alive(self, lease: Lease) -> bool:
        try:
            return await self._leases.is_alive(lease)
        except DatabaseUnavailableError:
            return True
        except Exception:
            logger.exception("whether node %s holds its lease is not known", lease.node)
            return True

    def _lose(self, neighbour: Neighbour, why: str) -> None:
        """A node is gone: for calls here its rooms are over, and for rooms here its calls."""
        if self._there.get(neighbour.lease.id) is not neighbour:
            return
        del self._there[neighbour.lease.id]
        neighbour.close()
        if not neighbour.is_needed:
            return
        logger.warning("node %s, with which calls are shared, is lost: %s", neighbour.lease.node, why)
        seats = self._rooms.unseat_from(neighbour)
        self._part(neighbour, set(neighbour.guests))
        for call_sid, name in seats:
            call = self._switchboard.find(call_sid)
            if call is not None and (event := meeting.room_lost(call.call, name)) is not None:
                detail = {"room": name, "node": neighbour.lease.node, "reason": why}
                call.note(TimelineKind.NOTE, "its room is lost", detail)
                call.feed(event)

    def _part(self, neighbour: Neighbour, gone: Collection[str]) -> None:
        """Calls there are over, as far as this node can know."""
        known = neighbour.guests.intersection(gone)
        neighbour.guests -= known
        for call_sid in known:
            self._switchboard.remove_guest(call_sid)
        if known:
            self._rooms.without(known)
            for call in self._switchboard.live:
                if (event := meeting.other_lost(call.call, known)) is not None:
                    call.feed(event)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)


class _Facts(msgspec.Struct, frozen=True):
    facts: tuple[tuple[str, str], ...]


def _goes_on(known: Neighbour, letter: Letter) -> bool:
    """Whether a letter is from whom this node knows, and who knows this node as it is."""
    ours = letter.heard in (None, known.outgoing.name)
    return ours and known.incoming.follows(letter.stream, letter.first)


def _whom(event: RoomEvent) -> str:
    """The call that enters a room."""
    match event:
        case ParticipantEntered(participant):
            return participant.call_sid
        case Taking(taker):
            return taker.call_sid
        case Enqueued(call_sid):
            return call_sid
        case Entered(member):
            return member.call_sid
    raise ValueError(f"{type(event).__name__} lets nobody in")


def _nothing(_: QueueRecord) -> None:
    """Nobody is heard yet."""
