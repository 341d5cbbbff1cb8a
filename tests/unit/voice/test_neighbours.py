"""Calls of one voice node in rooms of another: what each is told, whatever the bus loses, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.voice.test_links import Worker, leg_at, ticks

from offhook.bus import sequence
from offhook.bus.nats import Bus, RequestError
from offhook.calls import events
from offhook.calls.call import Call
from offhook.calls.events import CallEvent
from offhook.calls.place import ALONE, Conferring, In, Place, Queued, Taking
from offhook.calls.rooms import effects
from offhook.calls.rooms.conference import Conference, ParticipantEntered, conference_name
from offhook.calls.rooms.events import AnnouncementOver, EndRequested, Entered, Kicked, Left, Member, Modified
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.queue import Enqueued, Queue, Taker, queue_name
from offhook.calls.rooms.queue import Taking as Takes
from offhook.calls.status import Direction
from offhook.clock import monotonic
from offhook.store.leases import Lease, Leases
from offhook.store.records import TimelineKind
from offhook.twiml.entry import CallFacts, EntryPoint
from offhook.voice import neighbour, neighbours
from offhook.voice.neighbours import Neighbours
from offhook.voice.rooms import MixEffect, Rooms
from offhook.voice.switchboard import LiveCall, Switchboard
from offhook.voice.tenure import Tenure

AC = "AC1"
ROOM = conference_name("Weekly")
LINE = queue_name("Line")
WAIT = EntryPoint("http://app/wait")


class Wire:
    """A bus between nodes that loses what it is told to lose: requests (None) or answers (their number)."""

    def __init__(self) -> None:
        self.served: dict[str, Callable[[bytes], Awaitable[bytes]]] = {}
        self.lose_requests = 0
        self.lose_answers = 0
        self.away = False

    async def serve(self, subject: str, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        self.served[subject] = answer

    async def request(self, subject: str, payload: bytes) -> bytes:
        await asyncio.sleep(0)
        if self.away or subject not in self.served or self.lose_requests:
            self.lose_requests = max(0, self.lose_requests - 1)
            raise RequestError("nobody")
        answer = await self.served[subject](payload)
        if self.lose_answers:
            self.lose_answers -= 1
            raise RequestError("too late")
        return answer


class LeaseTable:
    def __init__(self) -> None:
        self.ended: set[int] = set()

    async def is_alive(self, lease: Lease) -> bool:
        return lease.id not in self.ended


class Session:
    """A live call that remembers what it is fed."""

    def __init__(self, sid: str, place: Place, worker: Worker, number: int) -> None:
        self.call = Call(sid, Direction.INBOUND, CallFacts("+1", "+2"), None, place=place)
        self.account_sid = AC
        self.leg = leg_at(worker, number)
        self.fed: list[CallEvent] = []
        self.noted: list[str] = []

    def note(self, kind: TimelineKind, name: str, detail: object = None) -> None:
        self.noted.append(name)

    def feed(self, event: CallEvent) -> None:
        self.fed.append(event)


class Mixed:
    """A conference's room in the media worker, which has the number 7 there."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def do(self, effect: MixEffect) -> None:
        match effect:
            case effects.Mix():
                if (leg := self.node.switchboard.leg(effect.call_sid)) is not None:
                    leg.mix(self.node.worker.media, 7, heard=effect.heard, hears=effect.hears)
            case effects.Unmix():
                if (leg := self.node.switchboard.leg(effect.call_sid)) is not None:
                    leg.unmix()

    def changed(self, before: object, after: object) -> None:
        """Nothing is written."""

    async def settled(self) -> None:
        """Nothing is written."""

    def close(self) -> None:
        """Nothing is open."""


class Node:
    """A voice node without SIP and media."""

    def __init__(self, wire: Wire, leases: LeaseTable, number: int) -> None:
        self.lease = Lease(number, f"node-{number}")
        self.switchboard = Switchboard()
        self.rooms = Rooms(self.switchboard)
        self.worker = Worker(number)
        self.neighbours = Neighbours(
            *(cast(Bus, wire), cast(Leases, leases), Tenure(cast(Leases, leases), self.lease)),
            *(self.switchboard, self.rooms, "127.0.0.1"),
        )

    async def serve(self) -> None:
        def open_queue(record: Any) -> None:
            if self.rooms.find(AC, LINE) is None:
                self.rooms.add(Queue(record.sid, AC, record.friendly_name), Mixed(self))

        await self.neighbours.serve(self.lease.node, open_queue)

    def call(self, sid: str, place: Place = ALONE, number: int = 1) -> Session:
        session = Session(sid, place, self.worker, number)
        self.switchboard._calls[sid] = cast(LiveCall, session)
        return session

    def conference(self) -> None:
        self.rooms.add(Conference("CF1", AC, "Weekly"), Mixed(self))

    def present(self, name: str = ROOM) -> list[str]:
        match self.rooms.find(AC, name):
            case Conference(participants=participants):
                return [one.call_sid for one in participants]
            case Queue(members=members):
                return [one.call_sid for one in members]
        return []


class Two:
    """Two nodes; the first keeps the rooms."""

    def __init__(self) -> None:
        self.wire, self.leases = Wire(), LeaseTable()
        self.here, self.there = Node(self.wire, self.leases, 1), Node(self.wire, self.leases, 2)

    async def confer(self, sid: str = "CA2", **how: Any) -> Session:
        """A call there enters the conference here."""
        session = self.there.call(sid, In(ROOM, Conferring(cast(Any, SimpleNamespace(name="Weekly")))))
        entered = ParticipantEntered(Participant(sid, **how))
        assert await self.there.neighbours.enter(AC, ROOM, self.here.lease, entered, "CF1")
        return session


@pytest.fixture
async def two(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    monkeypatch.setattr(neighbour, "PING_SECONDS", 0.01)
    monkeypatch.setattr(neighbour, "RETRY_SECONDS", 0.001)
    pair = Two()
    await pair.here.serve()
    await pair.there.serve()
    yield pair
    await pair.here.neighbours.close()
    await pair.there.neighbours.close()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 (nothing announces what the other node has done)
            await asyncio.sleep(0.001)


async def was_told(worker: Worker, what: tuple[object, ...]) -> None:
    await until(lambda: what in worker.told)


async def joined(two: Two, session: Session) -> None:
    """The two ends of the link know each other."""
    await until(lambda: two.here.worker.openings)
    two.here.worker.answer()
    await until(lambda: two.there.worker.openings)
    two.there.worker.answer()
    await until(lambda: [told for told in two.here.worker.told if told[0] == "remote"])


async def test_a_call_of_another_node_is_in_the_mix_over_a_link(two: Two) -> None:
    two.here.conference()
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    session = await two.confer()
    assert two.here.present() == ["CA1", "CA2"]
    await joined(two, session)
    end, far = two.here.worker.openings[0].number, two.there.worker.openings[0].number
    assert ("mix", 7, end, True, True, 0, 240) in two.here.worker.told
    assert ("remote", end, 4000 + far) in two.here.worker.told
    assert two.there.worker.told == [("open", far), ("bridge", 1, far), ("remote", far, 4000 + end)]
    two.here.worker.since()
    two.here.rooms.take(AC, ROOM, Modified("CA2", muted=True))
    assert two.here.worker.since() == [("mix", 7, end, False, True, 0, 240)], "its link stays"


async def test_what_the_room_tells_it_and_what_it_does_there(two: Two) -> None:
    two.here.conference()
    session = await two.confer(wait=WAIT)
    await until(lambda: session.fed)
    assert session.fed == [events.RoomPushed(ROOM, session.fed[0].purpose, WAIT)]  # type: ignore[union-attr]
    two.there.rooms.take(AC, ROOM, AnnouncementOver("CA2"))
    two.there.rooms.take(AC, ROOM, Left("CA2"))
    await until(lambda: two.here.rooms.find(AC, ROOM) is None)
    assert two.there.rooms.seat_of("CA2", AC, ROOM) is None


async def test_its_leg_is_parted_when_it_leaves_or_is_removed(two: Two) -> None:
    for event in (Left("CA2"), Kicked("CA2")):
        two.here.conference()
        two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
        session = await two.confer()
        await joined(two, session)
        (far,) = {told[1] for told in two.there.worker.since() if told[0] == "open"}
        (two.there if isinstance(event, Left) else two.here).rooms.take(AC, ROOM, event)
        await until(lambda: two.here.present() == ["CA1"])
        await was_told(two.there.worker, ("close", far))
        assert ("unbridge", 1) in two.there.worker.since()
        assert [told[0] for told in two.here.worker.since()][-1] == "close"
        two.here.rooms.take(AC, ROOM, EndRequested())
        two.here.worker.openings.clear()
        two.there.worker.openings.clear()
    assert [type(told) for told in session.fed] == [events.RoomEnded]


async def test_a_conference_that_is_over_takes_nobody_in(two: Two) -> None:
    two.there.call("CA2", In(ROOM))
    entered = ParticipantEntered(Participant("CA2"))
    assert not await two.there.neighbours.enter(AC, ROOM, two.here.lease, entered, "CF1")
    assert two.there.rooms.seat_of("CA2", AC, ROOM) is None
    two.here.conference()
    assert not await two.there.neighbours.enter(AC, ROOM, two.here.lease, entered, "CF0"), "it is another"
    assert two.here.present() == []


@pytest.mark.parametrize("lost", ["lose_requests", "lose_answers"])
async def test_what_the_bus_loses_is_said_again_and_done_once(two: Two, lost: str) -> None:
    two.here.conference()
    setattr(two.wire, lost, 3)
    session = await two.confer(wait=WAIT)
    assert two.here.present() == ["CA2"]
    setattr(two.wire, lost, 3)
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    two.here.rooms.take(AC, ROOM, EndRequested())
    await until(lambda: session.fed and isinstance(session.fed[-1], events.RoomEnded))
    assert [type(told) for told in session.fed] == [events.RoomPushed, events.RoomPopped, events.RoomEnded]


async def test_who_is_not_let_in_for_long_gives_up_and_is_not_there_later(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "PATIENCE", 0.01)
    two.here.conference()
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    two.there.call("CA2", In(ROOM))
    two.wire.away = True
    entered = ParticipantEntered(Participant("CA2"))
    assert not await two.there.neighbours.enter(AC, ROOM, two.here.lease, entered, "CF1")
    two.wire.away = False
    known = two.there.neighbours._there[1]
    await until(lambda: not known.outgoing.unacknowledged()[1])
    assert two.here.present() == ["CA1"]


async def test_an_entry_that_was_refused_stays_refused_when_its_answer_was_lost(two: Two) -> None:
    two.there.call("CA2", In(ROOM))
    two.wire.lose_answers = 1
    entered = ParticipantEntered(Participant("CA2"))
    assert not await two.there.neighbours.enter(AC, ROOM, two.here.lease, entered, "CF1")


async def test_the_room_ends_for_its_calls_when_its_node_is_lost(two: Two) -> None:
    two.here.conference()
    session = await two.confer()
    two.wire.away = True
    await ticks()
    assert session.fed == []
    two.leases.ended.add(1)
    await until(lambda: session.fed)
    assert session.fed == [events.RoomEnded(ROOM, 0)]
    assert session.noted == ["its room is lost"]
    assert two.there.rooms.seat_of("CA2", AC, ROOM) is None


async def test_a_call_leaves_the_room_when_its_node_is_lost(two: Two) -> None:
    two.here.conference()
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    await two.confer()
    two.wire.away = True
    two.leases.ended.add(2)
    await until(lambda: two.here.present() == ["CA1"])
    assert two.here.switchboard.guest("CA2") is None


async def test_a_node_that_has_begun_anew_is_another(two: Two) -> None:
    two.here.conference()
    session = await two.confer()
    again = Node(two.wire, two.leases, 1)
    again.neighbours._tenure.lease = Lease(3, "node-1")
    await again.serve()
    await until(lambda: session.fed)
    assert session.fed == [events.RoomEnded(ROOM, 0)]
    again.conference()
    two.there.call("CA3", In(ROOM))
    entered = ParticipantEntered(Participant("CA3"))
    assert await two.there.neighbours.enter(AC, ROOM, Lease(3, "node-1"), entered, "CF1")
    assert again.present() == ["CA3"]
    await again.neighbours.close()


async def test_who_has_given_the_other_up_is_given_up_too(two: Two) -> None:
    two.here.conference()
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    session = await two.confer()
    two.there.neighbours.forsake()
    assert session.fed == [events.RoomEnded(ROOM, 0)]
    await until(lambda: two.here.present() == ["CA1"])
    session.fed.clear()
    await two.confer("CA3")
    assert two.here.present() == ["CA1", "CA3"], "they may meet again"


async def test_a_call_that_is_over_is_forgotten(two: Two) -> None:
    two.here.conference()
    two.here.rooms.take(AC, ROOM, ParticipantEntered(Participant("CA1")))
    await two.confer()
    del two.there.switchboard._calls["CA2"]
    two.there.neighbours.call_over("CA2")
    await until(lambda: two.here.switchboard.guest("CA2") is None)
    assert two.here.present() == ["CA1"]


async def test_one_who_waits_there_is_called_for_one_who_comes_here(two: Two) -> None:
    waits = two.there.call("CA2", In(LINE, Queued(cast(Any, SimpleNamespace(queue="Line")))))
    come = Enqueued("CA2", None)
    assert await two.there.neighbours.enter(AC, LINE, two.here.lease, come, "QU1", most=9)
    await until(lambda: waits.fed)
    assert waits.fed.pop() == events.InQueue(LINE, "QU1")
    takes = two.here.call("CA1", In("CA1-1", None))
    two.here.rooms.open(AC, "CA1-1", "CA1", None)
    two.here.rooms.take(AC, "CA1-1", Entered(Member("CA1")))
    two.here.rooms.take(AC, LINE, Takes(Taker("CA1", "CA1-1")))
    await until(lambda: waits.fed)
    assert waits.fed.pop() == events.Called(LINE, "CA1", "CA1-1", None, 0)
    two.there.switchboard.tell("CA1", events.Served("CA1-1", "CA2"))
    two.there.rooms.take(AC, "CA1-1", Entered(Member("CA2")))
    two.there.switchboard.tell("CA1", events.MemberJoined("CA1-1", "CA2"))
    await until(lambda: len(takes.fed) == 2)
    assert takes.fed == [events.Served("CA1-1", "CA2"), events.MemberJoined("CA1-1", "CA2")]
    await joined(two, waits)
    assert [told[:2] for told in two.here.worker.told if told[0] == "bridge"] == [("bridge", 1)]
    assert [told[:2] for told in two.there.worker.told if told[0] == "bridge"] == [("bridge", 1)]
    two.here.rooms.take(AC, "CA1-1", Left("CA1"))
    await until(lambda: waits.fed)
    assert waits.fed == [events.RoomEnded("CA1-1", 1)]
    assert ("unbridge", 1) in two.there.worker.told


async def test_one_who_comes_from_there_meets_one_who_waits_here(two: Two) -> None:
    waits = two.here.call("CA1", In(LINE, Queued(cast(Any, SimpleNamespace(queue="Line")))))
    two.here.rooms.add(Queue("QU1", AC, "Line"), Mixed(two.here))
    two.here.rooms.take(AC, LINE, Enqueued("CA1", None))
    takes = two.there.call("CA2", In("CA2-1", None))
    two.there.rooms.open(AC, "CA2-1", "CA2", None)
    two.there.rooms.take(AC, "CA2-1", Entered(Member("CA2")))
    taking = Takes(Taker("CA2", "CA2-1"))
    assert await two.there.neighbours.enter(AC, LINE, two.here.lease, taking, "QU1", most=9)
    assert waits.fed == [events.InQueue(LINE, "QU1"), events.Called(LINE, "CA2", "CA2-1", None, 0)]
    two.here.switchboard.tell("CA2", events.Served("CA2-1", "CA1"))
    two.here.rooms.take(AC, "CA2-1", Entered(Member("CA1")))
    await until(lambda: [told for told in two.there.worker.told if told[0] == "bridge"])
    assert takes.fed == [events.Served("CA2-1", "CA1")]
    two.here.rooms.take(AC, "CA2-1", Left("CA1"))
    await until(lambda: takes.fed[1:])
    assert takes.fed[1:] == [events.RoomEnded("CA2-1", 1)]


async def test_who_waits_there_has_waited_as_long_when_it_comes_again(two: Two) -> None:
    two.there.call("CA2", In(LINE, Queued(cast(Any, SimpleNamespace(queue="Line")))))
    since = monotonic() - 60
    come = Enqueued("CA2", None, entered_at=since)
    assert await two.there.neighbours.enter(AC, LINE, two.here.lease, come, "QU1", most=9)
    room = two.here.rooms.find(AC, LINE)
    assert isinstance(room, Queue)
    assert room.members[0].since == pytest.approx(since, abs=30)
    assert two.here.rooms.facts(AC, LINE, "CA2")[1] == ("QueuePosition", "1")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (In(LINE, Queued(cast(Any, SimpleNamespace(queue="Line")))), events.LeftQueue(LINE, "system-error")),
        (
            In("CA2-1", Taking(cast(Any, SimpleNamespace(queue="Line")), "CA2-1", 5, 0)),
            events.TurnedAway(LINE, 0),
        ),
    ],
)
async def test_a_queue_whose_node_is_lost_is_left(two: Two, place: In, told: CallEvent) -> None:
    session = two.there.call("CA2", place)
    come = Enqueued("CA2", None) if place.room == LINE else Takes(Taker("CA2", "CA2-1"))
    assert await two.there.neighbours.enter(AC, LINE, two.here.lease, come, "QU1", most=9)
    two.wire.away = True
    two.leases.ended.add(1)
    await until(lambda: told in session.fed)


async def test_who_was_to_come_is_not_waited_for_when_its_node_is_lost(two: Two) -> None:
    place = In("CA1-1", Taking(cast(Any, SimpleNamespace(queue="Line")), "CA1-1", 5, 0, member="CA2"))
    session = two.here.call("CA1", place)
    two.there.call("CA2")
    await two.there.neighbours.enter(AC, LINE, two.here.lease, Enqueued("CA2", None), "QU1", most=9)
    two.wire.away = True
    two.leases.ended.add(2)
    await until(lambda: session.fed)
    assert session.fed == [events.MemberGone("CA1-1")]


async def test_a_fault_on_the_way_to_a_node_is_the_end_of_what_is_shared_with_it(
    two: Two, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    two.here.conference()
    session = await two.confer()

    async def fails(subject: str, payload: bytes) -> bytes:
        raise ZeroDivisionError

    monkeypatch.setattr(two.wire, "request", fails)
    await until(lambda: session.fed)
    assert session.fed == [events.RoomEnded(ROOM, 0)]
    assert "cannot be told anything" in caplog.text


async def test_who_does_not_hear_what_it_is_told_is_lost(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    two.here.conference()
    session = await two.confer()
    two.wire.away = True
    monkeypatch.setattr(sequence, "MOST_WAITING", 100)
    for _ in range(100):
        two.there.rooms.take(AC, ROOM, AnnouncementOver("CA2"))
    await until(lambda: session.fed)
    assert session.fed == [events.RoomEnded(ROOM, 0)]


async def test_what_cannot_be_read_is_refused_and_put_in_the_log(two: Two, caplog: Any) -> None:
    answer = two.wire.served["voice.node-1.peers"]
    assert await answer(b"\xc1") == b"\x92\xc0\x90"
    assert "cannot be read" in caplog.text


STEPS = ("enter", "leave", "kick", "end", "lose requests", "lose answers", "forsake here", "forsake there")


async def whatever_happens(steps: list[tuple[str, int]]) -> None:
    """Have calls there come and go while the bus loses things and nodes give each other up."""
    two = Two()
    await two.here.serve()
    await two.there.serve()
    sids = [f"CA{number}" for number in range(4)]
    for sid in sids:
        two.there.call(sid, In(ROOM, Conferring(cast(Any, SimpleNamespace(name="Weekly")))))
    for step, number in steps:
        sid = sids[number]
        if two.here.rooms.find(AC, ROOM) is None:
            two.here.conference()
        match step:
            case "enter" if two.there.rooms.seat_of(sid, AC, ROOM) is None:
                entered = ParticipantEntered(Participant(sid, wait=WAIT))
                await two.there.neighbours.enter(AC, ROOM, two.here.lease, entered, "CF1")
            case "leave":
                two.there.rooms.take(AC, ROOM, Left(sid))
            case "kick":
                two.here.rooms.take(AC, ROOM, Kicked(sid))
            case "end":
                two.here.rooms.take(AC, ROOM, EndRequested())
            case "lose requests":
                two.wire.lose_requests = number
            case "lose answers":
                two.wire.lose_answers = number
            case "forsake here":
                two.here.neighbours.forsake()
            case "forsake there":
                two.there.neighbours.forsake()
        for _ in range(number):
            await asyncio.sleep(0)

    def seated() -> list[str]:
        return [sid for sid in sids if two.there.rooms.seat_of(sid, AC, ROOM) is not None]

    await until(lambda: sorted(two.here.present()) == seated())
    for sid in sids:
        two.there.rooms.take(AC, ROOM, Left(sid))
        two.there.neighbours.call_over(sid)
    await until(lambda: not two.here.present() and not two.here.switchboard._guests)
    await two.here.neighbours.close()
    await two.there.neighbours.close()


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3))))
def test_nobody_is_in_a_room_but_who_believes_so(steps: list[tuple[str, int]]) -> None:
    with (
        mock.patch.object(neighbour, "PING_SECONDS", 0.002),
        mock.patch.object(neighbour, "RETRY_SECONDS", 0),
    ):
        asyncio.run(whatever_happens(steps))
