"""A queue stepped through without calls: who waits, who is called for whom, and what their documents are told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook.calls.effects import Tell
from offhook.calls.events import Called, InQueue, LeftQueue, RedirectRequested, RoomPushed, TurnedAway
from offhook.calls.rooms.events import EndRequested, Left
from offhook.calls.rooms.queue import (
    NO_SUCH_QUEUE,
    Dequeued,
    Enqueued,
    Queue,
    QueueEffect,
    QueueEvent,
    Remade,
    Resized,
    Taker,
    Taking,
    step,
)
from offhook.calls.rooms.room import turned_away
from offhook.twiml.entry import EntryPoint, Purpose

LINE = "queue/Line"
WAIT = EntryPoint("http://app/wait")
ENTRY = EntryPoint("http://app/handover")


class Driver:
    """A queue and who has been called out of it, by whom."""

    def __init__(self, most: int = 9) -> None:
        self.room = Queue("QU1", "AC1", "Line", most)
        self.now = 0.0
        self.called: list[tuple[str, str]] = []

    def on(self, event: QueueEvent, after: float = 0.0) -> list[QueueEffect]:
        self.now += after
        self.room, wanted = step(self.room, event, self.now)
        self.called += [(one.call_sid, one.event.taker) for one in wanted if isinstance(one.event, Called)]
        return list(wanted)

    def waits(self, sid: str, after: float = 0.0) -> list[QueueEffect]:
        return self.on(Enqueued(sid, None), after)

    def comes(self, sid: str, again: bool = False) -> list[QueueEffect]:
        return self.on(Taking(Taker(sid, f"{sid}-2"), again))

    @property
    def members(self) -> list[str]:
        return [one.call_sid for one in self.room.members]


def test_who_comes_waits_and_hears_the_music() -> None:
    driver = Driver()
    assert driver.on(Enqueued("CA1", WAIT)) == [
        Tell("CA1", InQueue(LINE, "QU1")),
        Tell("CA1", RoomPushed(LINE, Purpose.QUEUE, WAIT)),
    ]
    assert driver.waits("CA2") == [Tell("CA2", InQueue(LINE, "QU1"))]
    assert driver.members == ["CA1", "CA2"]


def test_the_first_is_called_for_who_comes() -> None:
    driver = Driver()
    driver.waits("CA1")
    driver.waits("CA2", after=2)
    asked = driver.on(Taking(Taker("CA9", "CA9-2", ENTRY)), after=3.4)
    assert asked == [Tell("CA1", Called(LINE, "CA9", "CA9-2", ENTRY, 5))]
    assert driver.members == ["CA2"]


def test_who_comes_to_an_empty_queue_waits_for_somebody() -> None:
    driver = Driver()
    assert driver.comes("CA9") == [] and not driver.room.closed
    asked = driver.on(Enqueued("CA1", WAIT))
    assert asked == [Tell("CA1", InQueue(LINE, "QU1")), Tell("CA1", Called(LINE, "CA9", "CA9-2", None, 0))]
    assert driver.room.closed


def test_twenty_who_come_are_served_in_turn() -> None:
    driver = Driver(most=30)
    agents = [f"A{number:02}" for number in range(20)]
    for sid in agents:
        driver.comes(sid)
    for number in range(20):
        driver.waits(f"C{number:02}")
    assert driver.called == [(f"C{number:02}", sid) for number, sid in enumerate(agents)]


def test_who_has_to_come_again_is_before_all_others() -> None:
    driver = Driver()
    driver.comes("CA8")
    driver.comes("CA9", again=True)
    driver.waits("CA1")
    assert driver.called == [("CA1", "CA9")]


def test_who_has_to_wait_again_is_the_first_and_has_waited_since() -> None:
    driver = Driver(most=1)
    driver.waits("CA2", after=10)
    asked = driver.on(Enqueued("CA1", None, entered_at=3.0))
    assert asked == [Tell("CA1", InQueue(LINE, "QU1"))] and driver.members == ["CA1", "CA2"]
    assert dict(driver.room.facts("CA1", 20.0))["QueueTime"] == "17"


def test_nobody_waits_twice() -> None:
    driver = Driver()
    driver.waits("CA1")
    driver.waits("CA2")
    driver.waits("CA1")
    assert driver.members == ["CA2", "CA1"]
    driver.on(EndRequested())
    driver.comes("CA9")
    driver.comes("CA9", again=True)
    assert len(driver.room.takers) == 1


def test_a_full_queue_takes_nobody_in() -> None:
    driver = Driver(most=2)
    driver.waits("CA1")
    driver.waits("CA2")
    full = [Tell("CA3", LeftQueue(LINE, "queue-full"))]
    assert driver.waits("CA3") == full
    driver.on(Resized(3))
    driver.waits("CA3")
    assert driver.members == ["CA1", "CA2", "CA3"]
    driver.on(Left("CA1"))
    assert driver.on(Enqueued("CA4", None, most=2)) == [Tell("CA4", LeftQueue(LINE, "queue-full"))]
    assert driver.room.most == 2


def test_who_leaves_is_not_called() -> None:
    driver = Driver()
    driver.waits("CA1")
    driver.on(Left("CA1"))
    assert driver.comes("CA9") == []
    driver.on(Left("CA9"))
    assert driver.room.closed
    driver.waits("CA2")
    assert driver.called == []


def test_the_api_takes_out_one_or_the_first() -> None:
    driver = Driver()
    for sid in ("CA1", "CA2", "CA3"):
        driver.waits(sid)
    assert driver.on(Dequeued("CA2", ENTRY)) == [Tell("CA2", RedirectRequested(ENTRY))]
    assert driver.on(Dequeued(None, ENTRY)) == [Tell("CA1", RedirectRequested(ENTRY))]
    assert driver.on(Dequeued(None, ENTRY)) == [Tell("CA3", RedirectRequested(ENTRY))]
    assert driver.on(Dequeued(None, ENTRY)) == [] and driver.on(Dequeued("CA1", ENTRY)) == []


def test_a_queue_that_is_made_anew_keeps_who_comes() -> None:
    driver = Driver()
    driver.on(Taking(Taker("CA9", "CA9-1")))
    assert driver.on(Remade("QU2", 7)) == []
    assert (driver.room.sid, driver.room.most, len(driver.room.takers)) == ("QU2", 7, 1)


def test_the_end_of_a_queue_is_told_to_all() -> None:
    driver = Driver()
    driver.waits("CA1")
    assert driver.on(EndRequested()) == [Tell("CA1", LeftQueue(LINE, "system-error"))]
    driver.comes("CA9")
    assert driver.on(EndRequested()) == [Tell("CA9", TurnedAway(LINE, NO_SUCH_QUEUE))]
    assert driver.room.closed


def test_who_comes_too_late_is_told() -> None:
    assert turned_away(LINE, Enqueued("CA1", None)) == (Tell("CA1", LeftQueue(LINE, "system-error")),)
    assert turned_away(LINE, Taking(Taker("CA9", "b"))) == (Tell("CA9", TurnedAway(LINE, NO_SUCH_QUEUE)),)
    assert turned_away(LINE, Left("CA1")) == ()


def test_what_the_documents_of_a_wait_are_told() -> None:
    driver = Driver()
    driver.waits("CA1")
    driver.waits("CA2", after=10)
    assert driver.room.facts("CA2", 25.5) == (
        ("QueueSid", "QU1"),
        ("QueuePosition", "2"),
        ("QueueTime", "15"),
        ("AvgQueueTime", "20"),
        ("CurrentQueueSize", "2"),
    )
    assert driver.room.facts("CA9", 0.0) == (("QueueSid", "QU1"),)


sids = st.sampled_from(("CA1", "CA2", "CA3"))
agents = st.sampled_from(("CA7", "CA8", "CA9"))
happenings = st.one_of(
    st.builds(Enqueued, sids, st.none(), entered_at=st.sampled_from((None, 0.0))),
    st.builds(lambda sid, again: Taking(Taker(sid, f"{sid}-2"), again), agents, st.booleans()),
    st.builds(Left, st.one_of(sids, agents)),
    st.builds(Dequeued, st.one_of(st.none(), sids), st.just(ENTRY)),
    st.builds(Resized, st.integers(1, 3)),
    st.just(EndRequested()),
)


@given(st.lists(happenings, max_size=40))
def test_nobody_waits_for_nobody_and_each_is_called_once(happens: list[QueueEvent]) -> None:
    driver = Driver()
    entered = 0
    for event in happens:
        wanted = driver.on(event)
        entered += sum(isinstance(one.event, InQueue) for one in wanted)
        assert not (driver.room.members and driver.room.takers)
        assert len(set(driver.members)) == len(driver.members)
    assert len(driver.called) <= entered
