"""A bridge stepped through without calls: who hears whom, when it is recorded, and how it ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import Recorded, RoomEnded
from offhook.calls.rooms.bridge import Bridge, BridgeEffect, BridgeEvent, open_bridge, step
from offhook.calls.rooms.effects import Connect, Disconnect, Record, StopRecording
from offhook.calls.rooms.events import Entered, Left, Member, RecordingComplete
from offhook.calls.rooms.room import turned_away

RECORDING = RoomRecording(1, False, False, None)
FROM_RINGING = RoomRecording(2, True, True, None)
KEPT = Recorded("RE1", "http://api/RE1", 4)


class Driver:
    """A bridge that CA1 opens, and all that it has wanted."""

    def __init__(self, recording: RoomRecording | None = None) -> None:
        self.room: Bridge = open_bridge("room", "CA1", recording)
        self.now = 0.0

    def on(self, event: BridgeEvent, after: float = 0.0) -> list[BridgeEffect]:
        self.now += after
        self.room, wanted = step(self.room, event, self.now)
        return list(wanted)

    def talks(self) -> None:
        self.on(Entered(Member("CA1")))
        self.on(Entered(Member("CA2")))


def ended(seconds: int, **more: object) -> RoomEnded:
    return RoomEnded("room", seconds, **more)  # type: ignore[arg-type]


def test_two_hear_each_other() -> None:
    driver = Driver()
    assert driver.on(Entered(Member("CA1", hears_star=True))) == []
    assert driver.on(Entered(Member("CA2"))) == [Connect("CA1", "CA2", detect_star=True)]


def test_whoever_leaves_both_are_told() -> None:
    for gone in ("CA1", "CA2"):
        driver = Driver()
        driver.talks()
        asked = driver.on(Left(gone), after=7)
        assert asked == [Disconnect(gone), Tell("CA2", ended(7)), Tell("CA1", ended(7))]
        assert driver.room.closed


def test_whoever_takes_the_place_of_one_may_come_before_that_has_gone() -> None:
    driver = Driver()
    driver.talks()
    assert driver.on(Entered(Member("CA3"))) == []
    driver.on(Entered(Member("CA2", end_on_exit=False)))
    assert driver.on(Left("CA2")) == [Connect("CA1", "CA3", False)]
    driver.on(Entered(Member("CA4", end_on_exit=False)))
    asked = driver.on(Left("CA3"), after=7)
    assert asked[:2] == [Disconnect("CA1"), Disconnect("CA4")] and driver.room.closed


def test_early_media_comes_and_goes() -> None:
    driver = Driver()
    driver.on(Entered(Member("CA1")))
    assert driver.on(Entered(Member("CA2", end_on_exit=False))) == [Connect("CA1", "CA2", False)]
    assert driver.on(Left("CA2")) == [Disconnect("CA2")]
    assert not driver.room.closed
    driver.on(Entered(Member("CA3", end_on_exit=False)))
    assert driver.on(Entered(Member("CA3")), after=5) == [Connect("CA1", "CA3", False)]
    assert driver.on(Left("CA3"), after=2)[-1] == Tell("CA1", ended(2))


def test_a_room_that_nobody_joined_had_no_talk() -> None:
    driver = Driver()
    driver.on(Entered(Member("CA1")))
    assert driver.on(Left("CA1"), after=30) == [Tell("CA1", ended(0))]


def test_a_recording_begins_with_the_talk_and_is_waited_for() -> None:
    driver = Driver(RECORDING)
    assert driver.on(Entered(Member("CA1"))) == []
    driver.on(Entered(Member("CA2", end_on_exit=False)))
    assert driver.on(Entered(Member("CA2")))[-1] == Record("CA1", RECORDING)
    assert driver.on(Left("CA1"), after=4) == [
        Disconnect("CA1"),
        Tell("CA2", ended(4)),
        StopRecording("CA1"),
    ]
    assert not driver.room.closed
    assert driver.on(RecordingComplete(KEPT), after=1) == [Tell("CA1", ended(4, recorded=KEPT))]


def test_a_recording_from_ringing_begins_with_the_first() -> None:
    driver = Driver(FROM_RINGING)
    assert driver.on(Entered(Member("CA1"))) == [Record("CA1", FROM_RINGING)]
    assert driver.on(Left("CA1"), after=9) == [StopRecording("CA1")]
    assert driver.on(RecordingComplete(None)) == [Tell("CA1", ended(0))]


def test_a_recording_may_be_over_before_the_talk() -> None:
    driver = Driver(RECORDING)
    driver.talks()
    assert driver.on(RecordingComplete(KEPT)) == []
    assert driver.on(Left("CA2"), after=4)[-1] == Tell("CA1", ended(4, recorded=KEPT))


def test_a_redirected_member_is_not_told_but_the_others_are_why() -> None:
    driver = Driver()
    driver.talks()
    assert driver.on(Left("CA2", redirected=True), after=3)[-1] == Tell("CA1", ended(3, redirected=True))


def test_who_comes_too_late_is_told() -> None:
    driver = Driver(RECORDING)
    driver.talks()
    driver.on(Left("CA1"))
    assert not driver.room.closed
    assert driver.on(Entered(Member("CA3"))) == [Tell("CA3", ended(0))]
    assert turned_away("room", Entered(Member("CA4"))) == (Tell("CA4", ended(0)),)
    assert turned_away("room", Left("CA4")) == ()


@given(
    st.lists(
        st.one_of(
            st.builds(
                Entered,
                st.builds(Member, st.sampled_from(["CA1", "CA2", "CA3"]), st.booleans(), st.booleans()),
            ),
            st.builds(Left, st.sampled_from(["CA1", "CA2", "CA3", "CA9"]), st.booleans()),
            st.just(RecordingComplete(KEPT)),
        ),
        max_size=20,
    ),
    st.sampled_from([None, RECORDING, FROM_RINGING]),
)
def test_in_any_order_the_opener_is_told_once_and_a_recording_is_stopped_once(
    happened: list[BridgeEvent], recording: RoomRecording | None
) -> None:
    driver = Driver(recording)
    wanted: list[BridgeEffect] = []
    for event in happened:
        has_ended = driver.room.ended_at is not None
        asked = driver.on(event, after=1)
        if has_ended and isinstance(event, Entered):
            assert asked == [Tell(event.member.call_sid, ended(0))] * (event.member.call_sid != "CA1")
        wanted += asked
    opener = [effect for effect in wanted if isinstance(effect, Tell) and effect.call_sid == "CA1"]
    assert len(opener) == (1 if driver.room.closed else 0)
    starts = [effect for effect in wanted if isinstance(effect, Record)]
    stops = [effect for effect in wanted if isinstance(effect, StopRecording)]
    assert len(stops) <= len(starts) <= 1
    assert len(driver.room.members) <= 3
