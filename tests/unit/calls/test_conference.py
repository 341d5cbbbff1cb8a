"""A conference stepped through without calls: its start and end, who hears whom, what its callback is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.calls.effects import RoomRecording, Tell
from offhook.calls.events import CallEvent, Recorded, RoomEnded, RoomPopped, RoomPushed, TurnedAway
from offhook.calls.rooms.callback import conference_callback
from offhook.calls.rooms.conference import (
    COACHED_NOT_PRESENT,
    COACHED_ON_HOLD,
    COMPLETED,
    FULL,
    LABEL_IN_USE,
    SPEECH_AT_ONCE,
    SPEECH_INTERVAL,
    Conference,
    ConferenceEffect,
    ConferenceEvent,
    ConferenceStatus,
    ParticipantEntered,
    ReasonEnded,
    refusal,
    step,
)
from offhook.calls.rooms.effects import Announce, Beep, Mix, Record, Report, StopRecording, Unmix
from offhook.calls.rooms.events import (
    Announced,
    AnnouncementOver,
    Answered,
    EndRequested,
    Kicked,
    Left,
    Modified,
    RecordingComplete,
    Spoke,
)
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.room import step as step_any
from offhook.calls.rooms.room import turned_away
from offhook.twiml.effects import StatusCallback
from offhook.twiml.entry import EntryPoint, Purpose

ALL = ("start", "end", "join", "leave", "mute", "hold", "modify", "speaker", "announcement")
ROOM = "conference/Weekly"
WAIT = EntryPoint("http://app/wait", "GET")
HOLD = EntryPoint("http://app/hold")
SAID = EntryPoint("http://app/said")
RECORDING = RoomRecording(1, True, False, None)


class Driver:
    """A conference and all that it has reported."""

    def __init__(self, *events: str, **more: Any) -> None:
        callback = StatusCallback("http://app/events", "POST", events or ALL)
        self.room = Conference("CF1", "AC1", "Weekly", callback=callback, **more)
        self.now = 0.0
        self.reports: list[Report] = []

    def on(self, event: ConferenceEvent, after: float = 0.0) -> list[ConferenceEffect]:
        """What an event leads to, but for reports."""
        self.now += after
        self.room, wanted = step(self.room, event, self.now)
        self.reports += [effect for effect in wanted if isinstance(effect, Report)]
        return [effect for effect in wanted if not isinstance(effect, Report)]

    def enters(self, sid: str, **more: Any) -> list[ConferenceEffect]:
        more = {"beep_on_enter": False, "beep_on_exit": False} | more
        return self.on(ParticipantEntered(Participant(sid, **more)))

    def meets(self, *sids: str, **more: Any) -> Driver:
        for sid in sids:
            self.enters(sid, **more)
        return self

    @property
    def told(self) -> list[tuple[str, dict[str, str]]]:
        return [(one.event, dict(one.params)) for one in self.reports]

    @property
    def names(self) -> list[str]:
        return [one.event for one in self.reports]


def hears(sid: str, *, heard: bool = True, hears: bool = True, coaches: str | None = None) -> Mix:
    return Mix(sid, heard, hears, coaches)


def apart(sid: str) -> Mix:
    return Mix(sid, heard=False, hears=False)


def tell(sid: str, event: CallEvent) -> Tell:
    return Tell(sid, event)


# Start


def test_one_waits_with_music_and_two_talk() -> None:
    driver = Driver()
    pushed = tell("CA1", RoomPushed(ROOM, Purpose.WAIT, WAIT))
    assert driver.enters("CA1", wait=WAIT) == [apart("CA1"), pushed]
    assert driver.room.status.value == "init"
    popped = tell("CA1", RoomPopped(ROOM, Purpose.WAIT))
    assert driver.enters("CA2", wait=WAIT) == [popped, hears("CA1"), hears("CA2")]
    assert driver.room.status.value == "in-progress"
    assert driver.names == ["participant-join", "participant-join", "conference-start"]


def test_silence_while_it_waits_where_no_music_is_wanted() -> None:
    driver = Driver()
    assert driver.enters("CA1", wait=None) == [apart("CA1")]
    assert driver.enters("CA2") == [tell("CA1", RoomPopped(ROOM, Purpose.WAIT)), hears("CA1"), hears("CA2")]


def test_each_is_buffered_as_it_wants_to_be() -> None:
    driver = Driver()
    driver.enters("CA1", jitter_buffer="off")
    asked = driver.enters("CA2")
    assert asked[-2:] == [Mix("CA1", True, True, jitter_buffer="off"), Mix("CA2", True, True)]
    held = driver.on(Modified("CA1", hold=True))
    assert Mix("CA1", False, False, jitter_buffer="off") in held


def test_it_starts_only_with_somebody_who_may_start_it() -> None:
    driver = Driver().meets("CA1", "CA2", start_on_enter=False)
    assert driver.room.status is ConferenceStatus.INIT
    asked = driver.enters("CA3")
    assert [effect for effect in asked if isinstance(effect, Mix)] == [
        hears("CA1"),
        hears("CA2"),
        hears("CA3"),
    ]
    assert driver.room.started_at == 0.0


def test_one_who_may_start_it_waits_for_another_who_may_not() -> None:
    driver = Driver().meets("CA1")
    driver.enters("CA2", start_on_enter=False)
    assert driver.room.status is ConferenceStatus.IN_PROGRESS


def test_it_goes_on_with_one_who_is_left() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.on(Left("CA2")) == [Unmix("CA2")]
    assert driver.room.status is ConferenceStatus.IN_PROGRESS


# Who is let in


def test_a_full_conference_turns_away() -> None:
    driver = Driver(most=2).meets("CA1", "CA2")
    assert driver.enters("CA3") == [tell("CA3", TurnedAway(ROOM, FULL))]
    assert len(driver.room.participants) == 2 and driver.names.count("participant-join") == 2


def test_a_label_names_one_participant() -> None:
    driver = Driver()
    driver.enters("CA1", label="agent")
    assert driver.enters("CA2", label="agent") == [tell("CA2", TurnedAway(ROOM, LABEL_IN_USE))]
    driver.on(Left("CA1"))
    assert driver.room.closed
    driver = Driver().meets("CA9")
    driver.enters("CA1", label="agent")
    driver.on(Left("CA1"))
    assert tell("CA2", TurnedAway(ROOM, LABEL_IN_USE)) not in driver.enters("CA2", label="agent")


def test_a_coach_needs_somebody_to_coach() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.enters("CA3", coaches="CA9") == [tell("CA3", TurnedAway(ROOM, COACHED_NOT_PRESENT))]
    assert driver.enters("CA3", coaches="CA3") == [tell("CA3", TurnedAway(ROOM, COACHED_NOT_PRESENT))]
    driver.on(Modified("CA2", hold=True))
    assert driver.enters("CA3", coaches="CA2") == [tell("CA3", TurnedAway(ROOM, COACHED_ON_HOLD))]


def test_whoever_is_turned_away_first_leaves_no_conference_behind() -> None:
    driver = Driver()
    driver.enters("CA1", coaches="CA9")
    assert driver.room.closed and driver.reports == []


def test_a_conference_that_is_over_takes_nobody_in() -> None:
    driver = Driver(request=RECORDING).meets("CA1", "CA2")
    driver.on(EndRequested())
    assert not driver.room.closed
    assert driver.enters("CA3") == [tell("CA3", TurnedAway(ROOM, COMPLETED))]
    assert driver.on(EndRequested()) == []
    assert turned_away(ROOM, ParticipantEntered(Participant("CA3"))) == (
        tell("CA3", TurnedAway(ROOM, COMPLETED)),
    )


def test_a_call_is_in_it_once() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.enters("CA1") == []
    assert driver.names.count("participant-join") == 2


# Who hears whom


def test_who_is_muted_hears_and_is_not_heard() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.on(Modified("CA1", muted=True)) == [hears("CA1", heard=False)]
    assert driver.on(Modified("CA1", muted=True)) == []
    assert driver.on(Modified("CA1", muted=False)) == [hears("CA1")]
    assert driver.names[-2:] == ["participant-mute", "participant-unmute"]
    assert driver.enters("CA3", muted=True) == [hears("CA3", heard=False)]


def test_who_is_on_hold_hears_music_and_nobody_else() -> None:
    driver = Driver().meets("CA1", "CA2")
    pushed = tell("CA1", RoomPushed(ROOM, Purpose.HOLD, HOLD))
    assert driver.on(Modified("CA1", hold=True, hold_entry=HOLD)) == [apart("CA1"), pushed]
    other = EntryPoint("http://app/other")
    popped = tell("CA1", RoomPopped(ROOM, Purpose.HOLD))
    changed = [popped, tell("CA1", RoomPushed(ROOM, Purpose.HOLD, other))]
    assert driver.on(Modified("CA1", hold=True, hold_entry=other)) == changed
    assert driver.on(Modified("CA1", hold=False)) == [popped, hears("CA1")]
    assert driver.names[-2:] == ["participant-hold", "participant-unhold"]


def test_hold_takes_the_place_of_the_music_of_the_wait() -> None:
    driver = Driver()
    driver.enters("CA1", wait=WAIT)
    asked = driver.on(Modified("CA1", hold=True, hold_entry=HOLD))
    assert asked == [
        tell("CA1", RoomPopped(ROOM, Purpose.WAIT)),
        tell("CA1", RoomPushed(ROOM, Purpose.HOLD, HOLD)),
    ]
    assert driver.enters("CA2") == [hears("CA2")]
    assert driver.on(Modified("CA1", hold=False)) == [
        tell("CA1", RoomPopped(ROOM, Purpose.HOLD)),
        hears("CA1"),
    ]


def test_the_music_of_the_wait_can_be_changed() -> None:
    driver = Driver()
    driver.enters("CA1", wait=WAIT)
    asked = driver.on(Modified("CA1", wait=HOLD))
    assert asked == [
        tell("CA1", RoomPopped(ROOM, Purpose.WAIT)),
        tell("CA1", RoomPushed(ROOM, Purpose.WAIT, HOLD)),
    ]


def test_a_coach_is_heard_by_one_alone() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.enters("CA3", coaches="CA1") == [hears("CA3", coaches="CA1")]
    assert driver.on(Modified("CA3", coaches="CA2")) == [hears("CA3", coaches="CA2")]
    assert driver.told[-1][0] == "participant-modify" and driver.told[-1][1]["CallSidToCoach"] == "CA2"
    assert driver.on(Modified("CA3", coaches="")) == [hears("CA3")]
    assert driver.told[-1][1]["Coaching"] == "false" and "CallSidToCoach" not in driver.told[-1][1]


def test_who_coaches_somebody_who_has_gone_is_heard_by_nobody() -> None:
    driver = Driver().meets("CA1", "CA2")
    driver.enters("CA3", coaches="CA1")
    assert driver.on(Left("CA1")) == [Unmix("CA1"), hears("CA3", heard=False, coaches="CA1")]


def test_what_the_api_may_not_ask() -> None:
    room = Driver().meets("CA1", "CA2").room
    assert refusal(room, Modified("CA1", coaches="CA9")) == COACHED_NOT_PRESENT
    assert refusal(room, Modified("CA1", coaches="CA2")) is None
    assert refusal(room, Modified("CA1", coaches="")) is None
    assert refusal(room, Kicked("CA1")) is None


def test_beeps() -> None:
    driver = Driver()
    assert Beep(entering=True) not in driver.enters("CA1", beep_on_enter=True)
    assert Beep(entering=True) in driver.enters("CA2", beep_on_enter=True)
    assert Beep(entering=True) not in driver.enters("CA3", beep_on_exit=True)
    assert Beep(entering=True) in driver.enters("CA4", beep_on_enter=True)
    assert driver.on(Left("CA3")) == [Beep(entering=False), Unmix("CA3")]
    assert driver.on(Left("CA4")) == [Unmix("CA4")]
    driver.on(Modified("CA2", beep_on_exit=True))
    assert driver.on(Left("CA2")) == [Beep(entering=False), Unmix("CA2")]


# End


def end_of(driver: Driver) -> dict[str, str]:
    name, params = driver.told[-1]
    assert name == "conference-end" and driver.room.status is ConferenceStatus.COMPLETED
    return params


def left(driver: Driver) -> dict[str, tuple[str, str]]:
    """Why each has left, and the status of its call then."""
    return {
        params["CallSid"]: (params["ReasonParticipantLeft"], params["ParticipantCallStatus"])
        for name, params in driver.told
        if name == "participant-leave"
    }


def test_the_last_one_ends_it() -> None:
    driver = Driver().meets("CA1", "CA2")
    driver.on(Left("CA1", status="completed"))
    driver.on(Left("CA2", redirected=True), after=5)
    assert left(driver) == {
        "CA1": ("participant_hung_up", "completed"),
        "CA2": ("participant_updated_via_api", "in-progress"),
    }
    assert end_of(driver) == {
        "ReasonConferenceEnded": "last-participant-left",
        "Reason": "Last participant left conference",
        "CallSidEndingConference": "CA2",
    }
    assert driver.room.closed and driver.room.ended_at == 5


def test_a_moderator_who_leaves_ends_it_for_all() -> None:
    driver = Driver().meets("CA1", "CA2")
    driver.enters("CA3", end_on_exit=True, label="boss")
    asked = driver.on(Left("CA3", status="completed"), after=7)
    assert asked == [
        tell("CA1", RoomEnded(ROOM, 7)),
        tell("CA2", RoomEnded(ROOM, 7)),
        Unmix("CA1"),
        Unmix("CA2"),
        Unmix("CA3"),
    ]
    assert left(driver) == {
        "CA3": ("participant_hung_up", "completed"),
        "CA1": ("moderator_ended_conference", "in-progress"),
        "CA2": ("moderator_ended_conference", "in-progress"),
    }
    assert end_of(driver) == {
        "ReasonConferenceEnded": "participant-with-end-conference-on-exit-left",
        "Reason": "Participant boss with endConferenceOnExit=true left",
        "CallSidEndingConference": "CA3",
        "ParticipantLabelEndingConference": "boss",
    }


def test_a_moderator_who_waits_alone_ends_it_too() -> None:
    driver = Driver()
    driver.enters("CA1", end_on_exit=True, wait=WAIT)
    assert driver.on(Left("CA1")) == [Unmix("CA1")]
    assert end_of(driver)["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"


def test_who_is_kicked_is_told_and_may_end_it() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.on(Kicked("CA1"), after=3) == [tell("CA1", RoomEnded(ROOM, 3)), Unmix("CA1")]
    assert left(driver) == {"CA1": ("participant_updated_via_api", "in-progress")}
    driver.on(Kicked("CA2"))
    assert end_of(driver)["ReasonConferenceEnded"] == "last-participant-kicked"
    driver = Driver().meets("CA1", "CA2")
    driver.on(Modified("CA1", end_on_exit=True))
    driver.on(Kicked("CA1"))
    ended = end_of(driver)
    assert ended["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-kicked"
    assert ended["Reason"] == "Participant CA1 with endConferenceOnExit=true was kicked"


def test_the_api_ends_it() -> None:
    driver = Driver().meets("CA1", "CA2")
    asked = driver.on(EndRequested(), after=4)
    assert asked[:2] == [tell("CA1", RoomEnded(ROOM, 4)), tell("CA2", RoomEnded(ROOM, 4))]
    assert set(left(driver).values()) == {("conference_ended_via_api", "in-progress")}
    assert end_of(driver) == {
        "ReasonConferenceEnded": "conference-ended-via-api",
        "Reason": "Conference ended via API",
    }
    assert driver.room.reason is ReasonEnded.API and driver.room.ended_by is None


def test_a_conference_in_which_nobody_has_been_ends_without_a_word() -> None:
    driver = Driver()
    assert driver.on(EndRequested()) == []
    assert driver.room.closed and driver.reports == []


# Recording and announcements


def test_it_is_recorded_from_its_start_until_its_end() -> None:
    driver = Driver(request=RECORDING)
    assert Record(None, RECORDING) not in driver.enters("CA1")
    assert Record(None, RECORDING) in driver.enters("CA2")
    assert Record(None, RECORDING) not in driver.enters("CA3")
    assert StopRecording(None) in driver.on(EndRequested())
    assert not driver.room.closed
    kept = Recorded("RE1", "http://api/RE1", 4)
    assert driver.on(RecordingComplete(kept)) == []
    assert driver.room.closed and driver.room.recorded == kept


def test_an_announcement_to_all_is_made_by_the_room_and_to_one_by_its_call() -> None:
    driver = Driver().meets("CA1", "CA2")
    assert driver.on(Announced(None, SAID)) == [Announce(SAID)]
    driver.on(AnnouncementOver(None, url=SAID.url))
    assert driver.told[-1] == ("announcement-end", {"AnnounceUrl": SAID.url})
    assert driver.on(Announced("CA1", SAID)) == [tell("CA1", RoomPushed(ROOM, Purpose.ANNOUNCEMENT, SAID))]
    driver.on(AnnouncementOver("CA1", "no answer", SAID.url))
    name, params = driver.told[-1]
    assert name == "announcement-fail" and params["CallSid"] == "CA1"
    assert (params["AnnounceUrl"], params["ReasonAnnouncementFailed"]) == (SAID.url, "no answer")


def test_nothing_is_announced_or_reported_where_nobody_is() -> None:
    driver = Driver(request=RECORDING)
    assert driver.on(Announced(None, SAID)) == []
    driver.meets("CA1", "CA2")
    driver.on(EndRequested())
    before = len(driver.reports)
    assert driver.on(AnnouncementOver(None)) == [] and driver.on(Announced("CA1", SAID)) == []
    assert len(driver.reports) == before


# The callback


def test_only_what_is_asked_for_is_told_and_numbered_without_gaps() -> None:
    driver = Driver("leave", "end").meets("CA1", "CA2")
    driver.on(Modified("CA1", muted=True))
    driver.on(Left("CA1"))
    driver.on(Left("CA2"))
    assert [(one.event, one.sequence) for one in driver.reports if one.sequence is not None] == [
        ("participant-leave", 1),
        ("participant-leave", 2),
        ("conference-end", 3),
    ]


def speakers(driver: Driver) -> list[tuple[str, str, str]]:
    """The speech that was told of: who begins and ceases, and whether it is muted."""
    return [
        (event.removeprefix("participant-speech-"), params["CallSid"], params["Muted"])
        for event, params in driver.told
        if event.startswith("participant-speech-")
    ]


def test_who_speaks_is_told_once_and_numbered_with_all_else() -> None:
    driver = Driver().meets("CA1", "CA2")
    for sid, speaks in (("CA1", True), ("CA1", True), ("CA2", True), ("CA1", False), ("CA1", False)):
        assert driver.on(Spoke(sid, speaks)) == []
    assert speakers(driver) == [
        ("start", "CA1", "false"),
        ("start", "CA2", "false"),
        ("stop", "CA1", "false"),
    ]
    assert [one.sequence for one in driver.reports] == [1, 2, 3, 4, 5, 6]


def test_nobody_speaks_before_the_start_nor_muted_held_or_as_a_coach() -> None:
    driver = Driver().meets("CA1")
    driver.on(Spoke("CA1", True))
    driver.enters("CA2", muted=True)
    driver.enters("CA3", coaches="CA1")
    driver.enters("CA4")
    driver.on(Modified("CA4", hold=True))
    for sid in ("CA2", "CA3", "CA4"):
        driver.on(Spoke(sid, True))
    assert speakers(driver) == []
    driver.on(Modified("CA4", hold=False))
    driver.on(Spoke("CA4", True))
    assert speakers(driver) == [("start", "CA4", "false")]


@pytest.mark.parametrize(
    ("event", "then"),
    [
        (Modified("CA1", muted=True), ["participant-mute"]),
        (Modified("CA1", hold=True), ["participant-hold"]),
        (Modified("CA1", coaches="CA2"), ["participant-modify"]),
        (Left("CA1"), ["participant-leave"]),
        (Kicked("CA1"), ["participant-leave"]),
        (EndRequested(), ["participant-leave", "participant-leave", "conference-end"]),
    ],
)
def test_who_is_not_heard_any_more_has_ceased_to_speak_before(
    event: ConferenceEvent, then: list[str]
) -> None:
    driver = Driver().meets("CA1", "CA2")
    driver.on(Spoke("CA1", True))
    driver.on(event)
    driver.on(Spoke("CA1", False))
    start = driver.names.index("participant-speech-start")
    assert driver.names[start + 1 :] == ["participant-speech-stop", *then]
    assert [one.sequence for one in driver.reports] == list(range(1, len(driver.reports) + 1))


def test_early_media_is_heard_and_is_no_speech() -> None:
    driver = Driver().meets("CA1")
    assert hears("CA2") in driver.enters("CA2", rings=True)
    driver.on(Spoke("CA2", True))
    assert driver.on(Answered("CA2")) == []
    driver.on(Answered("CA9"))
    driver.on(Spoke("CA2", True))
    assert speakers(driver) == [("start", "CA2", "false")]
    assert driver.names[:3] == ["participant-join", "participant-join", "conference-start"]
    assert [one.rings for one in driver.room.participants] == [False, False]


def test_speech_is_told_of_at_a_bounded_rate() -> None:
    driver = Driver().meets("CA1", "CA2")
    for _ in range(SPEECH_AT_ONCE + 20):
        driver.on(Spoke("CA1", True))
        driver.on(Spoke("CA1", False))
    assert len(speakers(driver)) == 2 * SPEECH_AT_ONCE
    driver.on(Spoke("CA1", True), after=SPEECH_INTERVAL)
    driver.on(Spoke("CA2", True))
    assert [told[:2] for told in speakers(driver)[2 * SPEECH_AT_ONCE :]] == [("start", "CA1")]


def test_speech_that_nobody_asked_for_is_not_followed() -> None:
    driver = Driver("start", "end").meets("CA1", "CA2")
    assert not driver.room.tells("speaker")
    assert Driver("speaker").room.tells("speaker")


def test_what_nobody_asked_for_is_on_record_and_told_to_nobody() -> None:
    for room in (Conference("CF1", "AC1", "Weekly"), Driver("leave", "end").room):
        after, wanted = step(room, ParticipantEntered(Participant("CA1")), 0.0)
        (report,) = [effect for effect in wanted if isinstance(effect, Report)]
        assert (report.event, report.sequence, after.sequence) == ("participant-join", None, 0)
        assert conference_callback(after, report, datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_what_is_said_of_a_participant() -> None:
    driver = Driver()
    driver.enters("CA1", label="agent", muted=True, end_on_exit=True, start_on_enter=False)
    assert driver.told == [
        (
            "participant-join",
            {
                "CallSid": "CA1",
                "ParticipantLabel": "agent",
                "Muted": "true",
                "Hold": "false",
                "Coaching": "false",
                "EndConferenceOnExit": "true",
                "StartConferenceOnEnter": "false",
            },
        )
    ]


@pytest.mark.parametrize(
    "event", [Left("CA9"), Kicked("CA9"), Modified("CA9"), Spoke("CA9", True), AnnouncementOver("CA9")]
)
def test_a_call_that_is_not_in_it_changes_nothing(event: ConferenceEvent) -> None:
    room = Driver().meets("CA1", "CA2").room
    assert step_any(room, event, 1.0) == (room, ())


sids = st.sampled_from(("CA1", "CA2", "CA3", "CA4"))
happenings = st.one_of(
    st.builds(
        lambda sid, start, ends, muted: ParticipantEntered(
            Participant(sid, start_on_enter=start, end_on_exit=ends, muted=muted, wait=WAIT)
        ),
        sids,
        st.booleans(),
        st.sampled_from((False, False, False, True)),
        st.booleans(),
    ),
    st.builds(Left, sids, st.booleans()),
    st.builds(Kicked, sids),
    st.builds(
        Modified,
        sids,
        muted=st.sampled_from((None, True, False)),
        hold=st.sampled_from((None, True, False)),
        hold_entry=st.sampled_from((None, HOLD)),
        coaches=st.sampled_from((None, "", "CA1")),
    ),
    st.builds(Announced, st.one_of(st.none(), sids), st.just(SAID)),
    st.builds(AnnouncementOver, st.one_of(st.none(), sids)),
    st.builds(Spoke, sids, st.booleans()),
    st.just(EndRequested()),
)


@given(st.lists(happenings, max_size=30), st.booleans())
def test_whatever_happens_each_has_one_place_and_one_music(
    happens: list[ConferenceEvent], recorded: bool
) -> None:
    """What the participants were told adds up to what the conference says of them."""
    driver = Driver(most=3, request=RECORDING if recorded else None)
    mixed: dict[str, Mix] = {}
    music: dict[str, list[Purpose]] = {}
    for event in happens:
        for effect in driver.on(event):
            match effect:
                case Mix():
                    mixed[effect.call_sid] = effect
                case Unmix(sid):
                    del mixed[sid]
                    music.pop(sid, None)
                case Tell(sid, RoomPushed(_, purpose)) if purpose is not Purpose.ANNOUNCEMENT:
                    music.setdefault(sid, []).append(purpose)
                case Tell(sid, RoomPopped(_, purpose)):
                    music[sid] = [one for one in music.get(sid, []) if one is not purpose]
                case _:
                    pass
        present = {one.call_sid: one for one in driver.room.participants}
        assert mixed.keys() == present.keys()
        assert len(present) <= 3 and all(len(heard) <= 1 for heard in music.values())
        waits = driver.room.status is ConferenceStatus.INIT
        for sid, one in present.items():
            apart_ = waits or one.hold
            assert mixed[sid].hears == (not apart_) and (not mixed[sid].heard or not (apart_ or one.muted))
            wanted = (
                Purpose.HOLD
                if one.hold and one.hold_entry
                else Purpose.WAIT
                if waits and not one.hold
                else None
            )
            assert music.get(sid, []) == ([wanted] if wanted else [])
        assert all(mixed[sid].heard and present[sid].coaches is None for sid in driver.room.speaking)
    assert [one.sequence for one in driver.reports] == list(range(1, len(driver.reports) + 1))
    assert driver.names.count("conference-end") <= 1
    joined, gone = driver.names.count("participant-join"), driver.names.count("participant-leave")
    assert joined - gone == len(driver.room.participants)
    for sid in ("CA1", "CA2", "CA3", "CA4"):
        spoke = [what for what, who, _ in speakers(driver) if who == sid]
        assert spoke == ["start", "stop"] * (len(spoke) // 2) + ["start"] * (sid in driver.room.speaking)
