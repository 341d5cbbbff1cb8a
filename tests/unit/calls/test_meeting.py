"""Calls in conferences and queues, stepped by hand: what each asks for, and what its TwiML is told."""

from __future__ import annotations

import pytest
from tests.unit.calls.driver import Driver, inbound, outbound, twiml_of

from offhook.calls import effects, events, meeting
from offhook.calls.events import EndedBy
from offhook.calls.place import ALONE, Conferring, In, Queued
from offhook.calls.rooms.queue import NO_SUCH_QUEUE
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import EntryPoint, Purpose

ROOM = "conference/Weekly"
LINE = "queue/Line"
BRIDGE = "CA1-2"
DONE = "http://app/done"
WAIT = EntryPoint("http://app/wait")
HANDOVER = EntryPoint("http://app/handover")
REDIRECTED = events.RedirectRequested(twiml_of("<Pause/>"))
HANG_UP = events.HangUpRequested(EndedBy.REST)


def conferring(attributes: str = "", noun: str = "") -> Driver:
    """A call that has asked to enter a conference."""
    return inbound(
        f'<Dial action="done" {attributes}><Conference {noun}>Weekly</Conference></Dial><Say>After</Say>'
    )


def queued(wait: bool = True) -> Driver:
    """A call that waits in a queue, five seconds by now, and hears music."""
    driver = inbound('<Enqueue action="done" waitUrl="wait">Line</Enqueue><Say>After</Say>')
    if wait:
        driver.feed(events.InQueue(LINE, "QU1"))
        driver.feed(events.RoomPushed(LINE, Purpose.QUEUE, WAIT))
        document(driver, "<Say>Wait</Say>", after=5)
    return driver


def taking(attributes: str = "", url: str = "") -> Driver:
    """A call that has come for whoever waits."""
    return inbound(f'<Dial action="done" {attributes}><Queue {url}>Line</Queue></Dial><Say>After</Say>')


def called(driver: Driver, entry: EntryPoint | None = None, waited: int = 5) -> list[effects.Wanted]:
    return driver.feed(events.Called(LINE, "CA9", "CA9-2", entry, waited))


def document(driver: Driver, body: str, after: float = 0.0) -> list[effects.Wanted]:
    """The last document that was asked for comes."""
    fetch = driver.last(twiml.Fetch)
    content = f"<Response>{body}</Response>".encode()
    return driver.feed(heard.Fetched(fetch.request, fetch.url, 200, "text/xml", content), after)


def plays(asked: list[effects.Wanted]) -> twiml.Speak:
    (found,) = [effect for effect in asked if isinstance(effect, twiml.Speak)]
    return found


def told(driver: Driver) -> dict[str, str]:
    """What the action was told."""
    (fetch,) = [each for each in driver.wanted if isinstance(each, twiml.Fetch) and each.url == DONE]
    return dict(fetch.params)


def notified(driver: Driver) -> list[int]:
    return [each.code for each in driver.wanted if isinstance(each, twiml.Notify)]


# Conferences


def test_a_call_enters_a_conference_answered() -> None:
    driver = conferring('answerOnBridge="true" timeLimit="90"')
    entered = driver.only(effects.EnterConference)
    assert entered.room == ROOM and driver.call.is_answered
    assert effects.SetTimer("dial-limit", 90) in driver.wanted
    assert isinstance(driver.call.place, In) and isinstance(driver.call.place.because, Conferring)
    assert meeting.still_enters(driver.call, entered)


def test_what_the_conference_has_it_hear_is_heard_above_its_dial() -> None:
    driver = conferring()
    driver.feed(events.RoomPushed(ROOM, Purpose.WAIT, WAIT))
    assert driver.last(twiml.Fetch).purpose is Purpose.WAIT
    play = plays(document(driver, "<Say>Wait</Say>")).play
    assert driver.feed(events.RoomPopped(ROOM, Purpose.WAIT)) == [twiml.StopPlay(play)]


def test_what_another_room_says_is_not_heard() -> None:
    driver = conferring()
    assert driver.feed(events.RoomPushed("conference/Other", Purpose.WAIT, WAIT)) == []
    assert driver.feed(events.RoomPopped("conference/Other", Purpose.WAIT)) == []


def test_the_end_of_the_conference_is_the_end_of_the_dial() -> None:
    driver = conferring()
    asked = driver.feed(events.RoomEnded(ROOM, 9))
    assert asked[:2] == [effects.ClearTimer("dial-limit"), effects.Leave(ROOM)]
    assert told(driver) == {"DialCallStatus": "answered", "DialBridged": "true"}
    assert driver.call.place == ALONE


def test_a_conference_that_does_not_let_it_in_is_put_on_record() -> None:
    driver = conferring('answerOnBridge="true"')
    driver.feed(events.TurnedAway(ROOM, 16025))
    assert notified(driver) == [16025]
    assert told(driver) == {"DialCallStatus": "failed", "DialBridged": "false"}
    document(driver, "<Reject/>")
    assert not [each for each in driver.wanted if isinstance(each, effects.RefuseLeg)]


@pytest.mark.parametrize(
    "event", [heard.DigitPressed("*"), events.TimerExpired("dial-limit")], ids=["star", "timeLimit"]
)
def test_a_star_and_the_time_limit_end_it(event: events.CallEvent | heard.Event) -> None:
    driver = conferring('hangupOnStar="true"')
    asked = driver.feed(event)
    assert asked[:2] == [effects.ClearTimer("dial-limit"), effects.Leave(ROOM)]
    assert told(driver)["DialCallStatus"] == "answered"


def test_a_star_is_nothing_special_unless_it_is_asked_for() -> None:
    assert conferring().feed(heard.DigitPressed("*")) == []


def test_keys_in_a_conference_are_for_no_later_gather() -> None:
    driver = conferring()
    driver.feed(events.RoomPushed(ROOM, Purpose.WAIT, WAIT))
    document(driver, "<Say>Wait</Say>")
    driver.feed(heard.DigitPressed("1"))
    driver.feed(events.RoomEnded(ROOM, 9))
    asked = document(driver, '<Gather numDigits="1"><Say>Press</Say></Gather>')
    assert plays(asked).text == "Press"


def test_who_hangs_up_leaves_the_conference_and_its_action_is_told() -> None:
    driver = conferring()
    asked = driver.feed(events.LegEnded(), after=3)
    assert effects.Leave(ROOM) in asked and told(driver)["DialCallStatus"] == "answered"
    assert driver.last(twiml.Fetch).final
    assert driver.feed(events.RoomEnded(ROOM, 3)) == []


def test_a_redirect_leaves_the_conference_to_the_others() -> None:
    driver = conferring()
    asked = driver.feed(REDIRECTED)
    assert asked[:2] == [effects.ClearTimer("dial-limit"), effects.Leave(ROOM, redirected=True)]
    assert driver.call.place == ALONE and not [each for each in driver.wanted if _asks(each, DONE)]


def _asks(effect: effects.Wanted, url: str) -> bool:
    return isinstance(effect, twiml.Fetch) and effect.url == url


def test_an_announcement_is_heard_and_the_conference_told() -> None:
    driver = conferring()
    driver.feed(events.RoomPushed(ROOM, Purpose.ANNOUNCEMENT, EntryPoint("http://app/said")))
    play = plays(document(driver, "<Say>Listen</Say>")).play
    assert driver.feed(heard.Played(play)) == [effects.TellRoom(ROOM, None, "http://app/said")]
    driver.feed(events.RoomPushed(ROOM, Purpose.ANNOUNCEMENT, EntryPoint("http://app/said")))
    driver.feed(heard.FetchFailed(driver.last(twiml.Fetch).request, 11200))
    assert driver.last(effects.TellRoom).failed is not None and not driver.call.is_over


def test_what_comes_for_a_room_that_was_left_changes_nothing() -> None:
    driver = conferring()
    driver.feed(REDIRECTED)
    for event in (
        events.RoomEnded(ROOM, 3),
        events.TurnedAway(ROOM, 16020),
        events.RoomPushed(ROOM, Purpose.WAIT, WAIT),
        events.RoomPopped(ROOM, Purpose.WAIT),
    ):
        assert driver.feed(event) == []


# Waiting


def test_a_call_waits_and_learns_where() -> None:
    driver = queued(wait=False)
    entered = driver.only(effects.EnterQueue)
    assert (entered.room, entered.again) == (LINE, False) and meeting.still_enters(driver.call, entered)
    assert driver.feed(events.InQueue(LINE, "QU1")) == []
    assert driver.feed(events.InQueue("queue/Other", "QU2")) == []
    driver.feed(events.LegEnded(), after=7)
    assert told(driver) == {"QueueResult": "hangup", "QueueSid": "QU1", "QueueTime": "7"}
    assert not meeting.still_enters(driver.call, entered)


def test_who_hangs_up_before_it_was_taken_in_has_no_queue() -> None:
    driver = queued(wait=False)
    driver.feed(events.LegEnded(), after=7)
    assert effects.Leave(LINE) in driver.wanted and told(driver) == {"QueueResult": "hangup"}


def test_a_full_queue_is_put_on_record() -> None:
    driver = queued(wait=False)
    driver.feed(events.LeftQueue(LINE, "queue-full"))
    assert notified(driver) == [14207] and told(driver) == {"QueueResult": "queue-full"}


def test_a_queue_that_fails_says_so() -> None:
    driver = queued()
    driver.feed(events.LeftQueue(LINE, "system-error"))
    assert notified(driver) == [] and told(driver)["QueueResult"] == "system-error"


def test_leave_leaves() -> None:
    driver = queued(wait=False)
    driver.feed(events.InQueue(LINE, "QU1"))
    driver.feed(events.RoomPushed(LINE, Purpose.QUEUE, WAIT))
    asked = document(driver, "<Leave/><Say>Not heard</Say>", after=4)
    assert asked[1] == effects.Leave(LINE)
    assert not [each for each in asked if isinstance(each, twiml.Speak)]
    assert told(driver) == {"QueueResult": "leave", "QueueSid": "QU1", "QueueTime": "4"}


def test_hang_up_in_the_wait_is_a_hang_up() -> None:
    driver = queued(wait=False)
    driver.feed(events.InQueue(LINE, "QU1"))
    driver.feed(events.RoomPushed(LINE, Purpose.QUEUE, WAIT))
    document(driver, "<Hangup/>", after=4)
    assert driver.call.is_over and effects.EndLeg() in driver.wanted
    assert told(driver)["QueueResult"] == "hangup" and driver.last(twiml.Fetch).final


def test_the_api_redirects_who_waits() -> None:
    driver = queued()
    asked = driver.feed(REDIRECTED)
    assert asked[0] == effects.Leave(LINE, redirected=True)
    assert told(driver) == {"QueueResult": "redirected", "QueueSid": "QU1", "QueueTime": "5"}
    assert driver.last(twiml.Fetch).final and not driver.call.is_over
    assert driver.feed(events.LeftQueue(LINE, "system-error")) == []


# Being called


def test_the_first_joins_whoever_came() -> None:
    driver = queued()
    play = driver.last(twiml.Speak).play
    assert called(driver) == [
        effects.Tell("CA9", events.Served("CA9-2", "CA1")),
        effects.Enter("CA9-2"),
        effects.Tell("CA9", events.MemberJoined("CA9-2", "CA1")),
        twiml.StopPlay(play),
    ]
    driver.feed(events.RoomEnded("CA9-2", 30), after=30)
    assert told(driver) == {"QueueResult": "bridged", "QueueSid": "QU1", "QueueTime": "5"}


def test_it_hears_the_takers_document_first() -> None:
    driver = queued()
    called(driver, HANDOVER)
    assert driver.last(twiml.Fetch).purpose is Purpose.HANDOVER
    place = driver.call.place
    assert isinstance(place, In) and isinstance(place.because, Queued)
    assert place.because.handover == (("QueueSid", "QU1"), ("QueueTime", "5"), ("DequeingCallSid", "CA9"))
    play = plays(document(driver, "<Say>You are next</Say>")).play
    assert driver.told("CA9") == [events.Served("CA9-2", "CA1")]
    assert driver.feed(heard.Played(play)) == [
        effects.Enter("CA9-2"),
        effects.Tell("CA9", events.MemberJoined("CA9-2", "CA1")),
    ]


def test_a_takers_document_that_fails_keeps_nobody_apart() -> None:
    driver = queued()
    called(driver, HANDOVER)
    driver.feed(heard.FetchFailed(driver.last(twiml.Fetch).request, 11200))
    assert notified(driver) == [11200] and driver.told("CA9")[-1] == events.MemberJoined("CA9-2", "CA1")


@pytest.mark.parametrize(
    ("event", "result"), [(events.LegEnded(), "bridging-in-process"), (REDIRECTED, "redirected")]
)
def test_who_goes_while_it_is_connected_tells_the_taker(event: events.CallEvent, result: str) -> None:
    driver = queued()
    called(driver, HANDOVER)
    driver.feed(event)
    assert driver.told("CA9")[-1] == events.MemberGone("CA9-2")
    assert told(driver) == {"QueueResult": result, "QueueSid": "QU1", "QueueTime": "5"}


@pytest.mark.parametrize(
    ("event", "redirected", "result"),
    [(events.LegEnded(), False, "bridged"), (REDIRECTED, True, "redirected-from-bridged")],
)
def test_who_goes_while_they_talk_leaves_the_bridge(
    event: events.CallEvent, redirected: bool, result: str
) -> None:
    driver = queued()
    called(driver)
    driver.feed(event, after=20)
    assert effects.Leave("CA9-2", redirected) in driver.wanted
    assert told(driver)["QueueResult"] == result
    assert events.MemberGone("CA9-2") not in driver.told("CA9")


def test_whom_the_taker_has_left_waits_on_as_the_first() -> None:
    for entry in (None, HANDOVER):
        driver = queued()
        called(driver, entry)
        request = driver.only(effects.EnterQueue).request
        asked = driver.feed(events.RoomEnded("CA9-2", 0))
        assert asked[0] == effects.EnterQueue(LINE, request, again=True, entered_at=0.0)
        assert driver.feed(events.RoomEnded("CA9-2", 0)) == []
        driver.feed(events.InQueue(LINE, "QU1"))
        driver.feed(events.Called(LINE, "CA8", "CA8-2", None, 9))
        assert driver.told("CA8") == [events.Served("CA8-2", "CA1"), events.MemberJoined("CA8-2", "CA1")]


def test_the_takers_document_ends_when_it_has_gone() -> None:
    driver = queued()
    called(driver, HANDOVER)
    play = plays(document(driver, "<Say>You are next</Say>")).play
    assert driver.feed(events.RoomEnded("CA9-2", 0))[1:] == [twiml.StopPlay(play)]


def test_one_that_waits_no_more_tells_who_came() -> None:
    gone = effects.Tell("CA9", events.MemberGone("CA9-2"))
    assert called(outbound()) == [gone]
    over = queued()
    over.feed(events.LegEnded())
    assert called(over) == [gone]
    elsewhere = queued()
    elsewhere.feed(events.RedirectRequested(twiml_of("<Enqueue>Other</Enqueue>")))
    assert called(elsewhere) == [gone]
    taken = queued()
    taken.feed(events.Called(LINE, "CA8", "CA8-2", HANDOVER, 5))
    assert called(taken) == [gone]
    assert meeting.missed(events.Called(LINE, "CA9", "CA9-2", None, 5)) == (gone,)
    assert meeting.missed(events.InQueue(LINE, "QU1")) == ()


def test_one_that_is_called_for_an_earlier_wait_does_not_come() -> None:
    driver = queued()
    driver.feed(events.RedirectRequested(twiml_of("<Enqueue>Line</Enqueue>")))
    assert called(driver) == [effects.Tell("CA9", events.MemberGone("CA9-2"))]
    driver.feed(events.InQueue(LINE, "QU1"))
    assert isinstance(called(driver)[0], effects.Tell) and driver.told("CA9")[-2:] == [
        events.Served("CA9-2", "CA1"),
        events.MemberJoined("CA9-2", "CA1"),
    ]


def test_one_that_hangs_up_itself_does_not_come() -> None:
    driver = queued(wait=False)
    driver.feed(events.InQueue(LINE, "QU1"))
    driver.feed(events.RoomPushed(LINE, Purpose.QUEUE, WAIT))
    play = plays(document(driver, "<Say>Bye</Say><Hangup/>")).play
    driver.feed(heard.Played(play))
    assert not driver.call.is_over
    assert called(driver) == [effects.Tell("CA9", events.MemberGone("CA9-2"))]


# Coming for somebody


def served(driver: Driver, after: float = 0.0) -> list[effects.Wanted]:
    return driver.feed(events.Served(BRIDGE, "CA5"), after)


def joined(driver: Driver) -> list[effects.Wanted]:
    return driver.feed(events.MemberJoined(BRIDGE, "CA5"))


def test_a_call_comes_for_the_first_who_waits() -> None:
    driver = taking(
        'timeout="40" hangupOnStar="true" record="record-from-answer" ringTone="de"', 'url="handover"'
    )
    request = driver.only(effects.TakeFromQueue).request
    assert request.entry == HANDOVER and request.timeout == 40
    assert driver.wanted[-5:] == [
        effects.OpenRoom(BRIDGE, effects.RoomRecording(1, False, False, None)),
        effects.Enter(BRIDGE, hears_star=True),
        effects.PlayRingback("de"),
        effects.SetTimer("dial-ring", 40),
        effects.TakeFromQueue(LINE, request, BRIDGE),
    ]


def test_the_timeline_says_what_becomes_of_a_wait() -> None:
    driver = queued()
    called(driver, HANDOVER)
    driver.feed(events.RoomEnded("CA9-2", 0))
    driver.feed(events.InQueue(LINE, "QU1"))
    driver.feed(HANG_UP)
    assert [note for note in driver.notes if note[0] != "ended"] == [
        ("queued", {"queue": "Line", "sid": "QU1"}),
        ("taken out", {"by": "CA9", "waited": "5"}),
        ("waits on", {"gone": "CA9"}),
        ("queued", {"queue": "Line", "sid": "QU1"}),
        ("left the queue", {"queue": "Line", "result": "hangup"}),
    ]


def test_the_timeline_says_whom_it_met() -> None:
    driver = taking()
    served(driver, 3)
    driver.feed(events.MemberGone(BRIDGE))
    served(driver, 3)
    joined(driver)
    assert driver.notes[-4:] == [
        ("takes out", {"call": "CA5"}),
        ("waits for another", {"queue": "Line"}),
        ("takes out", {"call": "CA5"}),
        ("bridged", {"with": "CA5"}),
    ]


def test_the_two_meet_and_part() -> None:
    driver = taking('answerOnBridge="true" timeLimit="600"')
    assert not driver.call.is_answered
    assert served(driver, 3) == [effects.ClearTimer("dial-ring")]
    joined(driver)
    assert driver.call.is_answered and effects.StopRingback() in driver.wanted
    assert driver.wanted[-1] == effects.SetTimer("dial-limit", 600)
    recorded = events.Recorded("RE1", "http://api/RE1", 8)
    driver.feed(events.RoomEnded(BRIDGE, 8, recorded=recorded), after=8)
    assert told(driver) == {
        "DialCallStatus": "completed",
        "DialCallSid": "CA5",
        "DialCallDuration": "8",
        "DialBridged": "true",
        "RecordingUrl": "http://api/RE1",
        "RecordingSid": "RE1",
        "RecordingDuration": "8",
    }


def test_nobody_has_come_in_time() -> None:
    driver = taking()
    assert driver.feed(events.TimerExpired("dial-ring"), after=30) == [
        effects.ClearTimer("dial-ring"),
        effects.StopRingback(),
        effects.Leave(LINE),
        effects.ClearTimer("dial-limit"),
        effects.Leave(BRIDGE),
    ]
    driver.feed(events.RoomEnded(BRIDGE, 0))
    assert told(driver) == {"DialCallStatus": "no-answer", "DialBridged": "false"}


def test_a_queue_that_does_not_exist_fails() -> None:
    driver = taking()
    assert driver.feed(events.TurnedAway("queue/Other", NO_SUCH_QUEUE)) == []
    driver.feed(events.TurnedAway(LINE, NO_SUCH_QUEUE))
    driver.feed(events.RoomEnded(BRIDGE, 0))
    assert notified(driver) == [] and told(driver)["DialCallStatus"] == "failed"


def test_if_whom_it_was_given_has_gone_it_waits_for_the_rest_of_its_time() -> None:
    driver = taking('timeout="40"')
    request = driver.only(effects.TakeFromQueue).request
    served(driver, 30)
    again = effects.TakeFromQueue(LINE, request, BRIDGE, again=True)
    gone = driver.feed(events.MemberGone(BRIDGE), after=60)
    assert gone == [effects.SetTimer("dial-ring", 10), again]
    served(driver, 10)
    assert driver.feed(events.MemberGone(BRIDGE)) == [
        effects.SetTimer("dial-ring", meeting.LEAST_REST),
        again,
    ]


def test_if_who_was_called_does_not_come_its_time_runs_on() -> None:
    driver = taking()
    request = driver.only(effects.TakeFromQueue).request
    again = effects.TakeFromQueue(LINE, request, BRIDGE, again=True)
    assert driver.feed(events.MemberGone(BRIDGE), after=2) == [again]


@pytest.mark.parametrize(
    "event", [events.LegEnded(), REDIRECTED, HANG_UP], ids=["far end", "redirect", "api"]
)
def test_who_goes_while_somebody_is_on_the_way_tells_them(event: events.CallEvent) -> None:
    driver = taking()
    served(driver)
    driver.feed(event)
    assert driver.told("CA5") == [events.RoomEnded(BRIDGE, 0)]
    assert effects.Leave(LINE) in driver.wanted and effects.Leave(BRIDGE) in driver.wanted
    before = len(driver.wanted)
    joined(driver)
    driver.feed(events.MemberGone(BRIDGE))
    driver.feed(events.TimerExpired("dial-ring"))
    assert len(driver.wanted) == before and not meeting.still_enters(
        driver.call, driver.only(effects.TakeFromQueue)
    )
    served(driver)
    assert driver.told("CA5")[1:] == [events.RoomEnded(BRIDGE, 0)]


@pytest.mark.parametrize(
    "event", [heard.DigitPressed("*"), events.TimerExpired("dial-limit")], ids=["star", "timeLimit"]
)
def test_a_star_and_the_time_limit_end_the_talk(event: events.CallEvent | heard.Event) -> None:
    driver = taking('hangupOnStar="true"')
    assert driver.feed(heard.DigitPressed("*")) == []
    served(driver)
    joined(driver)
    assert driver.feed(event) == [effects.ClearTimer("dial-limit"), effects.Leave(BRIDGE)]
    driver.feed(events.RoomEnded(BRIDGE, 12), after=12)
    assert told(driver)["DialCallStatus"] == "completed" and told(driver)["DialCallDuration"] == "12"


def test_who_hangs_up_while_it_waits_leaves_the_queue() -> None:
    driver = taking()
    driver.feed(events.LegEnded())
    assert effects.Leave(LINE) in driver.wanted
    driver.feed(events.RoomEnded(BRIDGE, 0))
    assert told(driver)["DialCallStatus"] == "canceled" and driver.last(twiml.Fetch).final
    assert driver.call.place == ALONE


# A node that dies


def test_a_call_in_a_room_whose_node_has_died_is_told_what_ends_it() -> None:
    driver = conferring()
    assert meeting.room_lost(driver.call, LINE) is None
    assert meeting.room_lost(driver.call, ROOM) == events.RoomEnded(ROOM, 0)
    driver = queued()
    lost = meeting.room_lost(driver.call, LINE)
    assert lost == events.LeftQueue(LINE, "system-error")
    driver.feed(lost)
    assert told(driver)["QueueResult"] == "system-error"
    driver = taking()
    lost = meeting.room_lost(driver.call, LINE)
    assert lost == events.TurnedAway(LINE, NO_SUCH_QUEUE)


def test_who_has_been_given_somebody_needs_the_queue_no_more() -> None:
    driver = taking()
    served(driver)
    assert meeting.room_lost(driver.call, LINE) is None
    driver = queued()
    called(driver, HANDOVER)
    assert meeting.room_lost(driver.call, LINE) is None


def test_who_talks_in_a_bridge_whose_node_has_died_has_been_bridged() -> None:
    driver = queued()
    called(driver)
    lost = meeting.room_lost(driver.call, "CA9-2")
    assert lost is not None
    driver.feed(lost)
    assert told(driver)["QueueResult"] == "bridged"


def test_whose_partner_dies_before_they_meet_waits_for_the_next() -> None:
    driver = taking()
    assert meeting.other_lost(driver.call, {"CA5"}) is None
    served(driver)
    lost = meeting.other_lost(driver.call, {"CA5"})
    assert lost == events.MemberGone(BRIDGE)
    driver.feed(lost)
    assert driver.last(effects.TakeFromQueue).again
    joined(driver)
    driver = queued()
    called(driver, HANDOVER)
    lost = meeting.other_lost(driver.call, {"CA9"})
    assert lost == events.RoomEnded("CA9-2", 0)
    driver.feed(lost)
    assert driver.last(effects.EnterQueue).again


def test_whose_partner_dies_when_they_have_met_is_told_by_the_bridge() -> None:
    driver = taking()
    served(driver)
    joined(driver)
    assert meeting.other_lost(driver.call, {"CA5"}) is None
