"""Calls that are transferred by REFER: what each of them, and each far end, comes to."""

from __future__ import annotations

from collections import deque
from typing import TypeVar

import pytest
from msgspec.structs import replace
from tests.unit.calls.driver import inbound

from offhook.calls import effects, events, meeting, transfer
from offhook.calls.call import Call, Parent, step
from offhook.calls.place import ALONE, Conferring, Dialled, In, Taking
from offhook.calls.referring import abandon
from offhook.calls.rooms import bridge
from offhook.calls.rooms import events as room_events
from offhook.calls.rooms.effects import Connect
from offhook.calls.status import Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml, Retrieved

APP = "http://app"
REFER_URL = f'referUrl="{APP}/refer"'
TARGET = "<sip:carol@pbx.example?X-Account=1>"


T = TypeVar("T")


class Platform:
    """Calls, and the bridges in which they meet. What one tells another arrives after all that it does itself."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.bridges: dict[str, bridge.Bridge] = {}
        self.done: list[tuple[str, effects.Wanted]] = []
        self.hear_each_other: set[frozenset[str]] = set()
        self._inbox: deque[tuple[str, events.CallEvent | heard.Event]] = deque()
        self._now = 10.0

    def feed(self, sid: str, event: events.CallEvent | heard.Event) -> None:
        self._now += 1.0
        self._inbox.append((sid, event))
        while self._inbox:
            to, told = self._inbox.popleft()
            if to not in self.calls:
                continue
            self.calls[to], wanted = step(self.calls[to], told, self._now)
            for effect in wanted:
                self.done.append((to, effect))
                self._do(to, effect)

    def _do(self, sid: str, effect: effects.Wanted) -> None:
        match effect:
            case effects.Tell():
                self._inbox.append((effect.call_sid, effect.event))
            case effects.OpenRoom():
                self.bridges[effect.room] = bridge.open_bridge(effect.room, sid, effect.recording)
            case effects.Enter():
                self._enter(effect.room, room_events.Entered(room_events.Member(sid, effect.end_on_exit)))
            case effects.Leave() if effect.room in self.bridges:
                self._enter(effect.room, room_events.Left(sid, effect.redirected))
            case effects.PlaceChild():
                self._place(sid, effect.child)

    def _enter(self, name: str, event: bridge.BridgeEvent) -> None:
        self.bridges[name], wanted = bridge.step(self.bridges[name], event, self._now)
        for effect in wanted:
            if isinstance(effect, effects.Tell):
                self._inbox.append((effect.call_sid, effect.event))
        members = self.bridges[name].members
        self.hear_each_other = {
            pair for pair in self.hear_each_other if not pair & {m.call_sid for m in members}
        }
        for effect in wanted:
            if isinstance(effect, Connect):
                self.hear_each_other.add(frozenset({effect.call_sid, effect.other}))

    def _place(self, parent: str, child: int) -> None:
        sid = f"{parent}-child" if child == 1 else f"{parent}-child-{child}"
        facts = CallFacts("sip:agent@pbx", "sip:x@pbx", "outbound-dial")
        self.calls[sid] = Call(sid, Direction.OUTBOUND_DIAL, facts, None, parent=Parent(parent, child))
        self._inbox.append((parent, events.ChildPlaced(child, sid, "sip:x@pbx")))

    def bridged(self, sid: str, attributes: str = "") -> tuple[str, str]:
        """An inbound call that has dialled another; both talk. The SIDs of both."""
        facts = CallFacts("sip:phone@pbx", "+15551230000")
        self.calls[sid] = Call(sid, Direction.INBOUND, facts, EntryPoint(f"{APP}/voice"))
        self.feed(sid, events.Began())
        self.answer(sid, f'<Dial action="{APP}/done" {attributes}><Sip>sip:x@pbx</Sip></Dial>')
        child = f"{sid}-child"
        for event in (events.Began(), events.LegPlaced(f"{child}@sip"), events.LegAnswered()):
            self.feed(child, event)
        assert frozenset({sid, child}) in self.hear_each_other
        return sid, child

    def answer(self, sid: str, body: str) -> None:
        """The answer to the last request for a document."""
        fetch = self.all(sid, twiml.Fetch)[-1]
        document = f"<Response>{body}</Response>".encode()
        self.feed(sid, heard.Fetched(fetch.request, fetch.url, 200, "text/xml", document))

    def retrieve(self, sid: str, body: str = "<Pause/>") -> None:
        """The answer to the request at referUrl."""
        document = f"<Response>{body}</Response>".encode()
        retrieved = Retrieved(f"{APP}/refer", "POST", 200, "text/xml", document)
        self.feed(sid, events.TransferFetched(retrieved))

    def all(self, sid: str, kind: type[T]) -> list[T]:
        """What a call has wanted of one kind."""
        return [effect for of, effect in self.done if of == sid and isinstance(effect, kind)]

    def referrer(self, sid: str) -> list[int]:
        """What the far end that transfers was told, in order; 0 is the end of its leg."""
        told = []
        for of, effect in self.done:
            match effect:
                case effects.AnswerRefer(status) | effects.NotifyReferrer(status) if of == sid:
                    told.append(status)
                case effects.EndLeg() if of == sid:
                    told.append(0)
        return told

    def connect(self, one: str, two: str) -> bool:
        """Carry out an attended transfer as `voice.transfers` does."""
        planned = transfer.plan(self.calls[one], self._partner(one), self.calls[two], self._partner(two))
        for sid, event in planned or ():
            self.feed(sid, event)
        return planned is not None

    def _partner(self, sid: str) -> Call | None:
        place = self.calls[sid].place
        room = self.bridges.get(place.room) if isinstance(place, In) else None
        others = [one.call_sid for one in room.members if one.call_sid != sid] if room is not None else []
        return self.calls[others[0]] if len(others) == 1 else None

    def live(self) -> set[str]:
        return {sid for sid, call in self.calls.items() if not call.is_over}


# Blind


@pytest.mark.parametrize("by_the_caller", [False, True])
@pytest.mark.parametrize("bridging", ["", ' answerOnBridge="true"'])
def test_the_other_goes_on_with_what_refer_url_answers(by_the_caller: bool, bridging: str) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL + bridging)
    by, other = (caller, called) if by_the_caller else (called, caller)
    platform.feed(by, events.LegReferred(TARGET))
    (asked,) = platform.all(other, effects.FetchTransfer)
    assert (asked.url, asked.method) == (f"{APP}/refer", "POST")
    assert asked.params == (("ReferTransferTarget", TARGET),)
    assert platform.referrer(by) == [202]
    assert frozenset({caller, called}) in platform.hear_each_other, "they talk while the application is asked"
    platform.retrieve(other, "<Say>Wait</Say>")
    assert platform.referrer(by) == [202, 200, 0]
    assert platform.live() == {other}
    assert platform.all(other, twiml.Speak)[-1].text == "Wait"
    assert platform.calls[other].place is ALONE
    assert platform.calls[other].parent is None


@pytest.mark.parametrize("by_the_caller", [False, True])
def test_who_transfers_and_gets_other_twiml_meanwhile_goes_on(by_the_caller: bool) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", f'{REFER_URL} answerOnBridge="true"')
    by, other = (caller, called) if by_the_caller else (called, caller)
    platform.feed(by, events.LegReferred(TARGET))
    elsewhere = InlineTwiml("<Response><Dial><Conference>Room</Conference></Dial></Response>")
    platform.feed(by, events.RedirectRequested(elsewhere))
    platform.retrieve(other, "<Say>Wait</Say>")
    assert platform.live() >= {by} and isinstance(platform.calls[by].place, In)


@pytest.mark.parametrize("ended", [False, True])
def test_who_transfers_is_told_when_the_other_has_gone_elsewhere(ended: bool) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", f'{REFER_URL} answerOnBridge="true"')
    platform.feed(caller, events.LegReferred(TARGET))
    gone = events.LegEnded() if ended else events.RedirectRequested(InlineTwiml("<Response/>"))
    platform.feed(called, gone)
    assert platform.referrer(caller)[:2] == [202, 503]
    platform.retrieve(called)
    assert platform.referrer(caller).count(503) == 1


def test_who_is_with_nobody_by_then_is_not_transferred() -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL)
    asked = events.TransferAsked(called, twiml.OnRefer(f"{APP}/refer", "POST", False), TARGET, "CA9-2")
    platform.feed(caller, asked)
    assert platform.calls[caller].transfer is None
    assert not platform.all(caller, effects.FetchTransfer)


def test_the_other_may_dial_whom_it_was_transferred_to() -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL)
    platform.feed(called, events.LegReferred(TARGET))
    platform.retrieve(caller, "<Dial><Sip>sip:carol@pbx</Sip></Dial>")
    (carol,) = platform.live() - {caller}
    for event in (events.Began(), events.LegPlaced("c@sip"), events.LegAnswered()):
        platform.feed(carol, event)
    assert frozenset({caller, carol}) in platform.hear_each_other
    platform.feed(carol, events.LegEnded())
    assert not platform.live()


@pytest.mark.parametrize("by_the_caller", [False, True])
def test_without_a_refer_url_the_two_stay_together(by_the_caller: bool) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1")
    by = caller if by_the_caller else called
    platform.feed(by, events.LegReferred(TARGET))
    assert platform.referrer(by) == [603]
    assert [notified.code for notified in platform.all(caller, twiml.Notify)] == [13802]
    assert frozenset({caller, called}) in platform.hear_each_other


FAILURES = [
    Retrieved(f"{APP}/refer", "POST", 500),
    Retrieved(f"{APP}/refer", "POST", code=11200, detail="It does not answer"),
    Retrieved(f"{APP}/refer", "POST", 200, "text/xml", b"<Response><Say>"),
]


@pytest.mark.parametrize("failed", FAILURES)
def test_with_answer_on_bridge_the_two_stay_together_when_nobody_says_where(
    failed: Retrieved,
) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", f'{REFER_URL} answerOnBridge="true"')
    platform.feed(called, events.LegReferred(TARGET))
    platform.feed(caller, events.TransferFetched(failed))
    assert platform.referrer(called) == [202, 503]
    assert [notified.code in (11200, 12100) for notified in platform.all(caller, twiml.Notify)] == [True]
    assert frozenset({caller, called}) in platform.hear_each_other
    platform.feed(called, events.LegReferred(TARGET))
    assert platform.referrer(called) == [202, 503, 202], "it may be tried again"


@pytest.mark.parametrize("failed", FAILURES)
def test_without_it_both_end(failed: Retrieved) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL)
    platform.feed(called, events.LegReferred(TARGET))
    platform.feed(caller, events.TransferFetched(failed))
    assert platform.referrer(called) == [202, 503, 0]
    assert platform.all(caller, twiml.Speak), "the caller hears that something went wrong"
    assert platform.live() == {caller}


@pytest.mark.parametrize("by_the_caller", [False, True])
def test_who_transfers_may_hang_up_before_the_application_has_answered(by_the_caller: bool) -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", f'{REFER_URL} answerOnBridge="true"')
    by, other = (caller, called) if by_the_caller else (called, caller)
    platform.feed(by, events.LegReferred(TARGET))
    platform.feed(by, events.LegEnded())
    assert platform.live() == {other}
    assert not [fetch for fetch in platform.all(other, twiml.Fetch) if fetch.url.endswith("/done")]
    platform.retrieve(other, "<Say>Wait</Say>")
    assert platform.all(other, twiml.Speak)[-1].text == "Wait"


def test_who_is_transferred_may_hang_up_before_the_application_has_answered() -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL)
    platform.feed(called, events.LegReferred(TARGET))
    platform.feed(caller, events.LegEnded())
    platform.retrieve(caller)
    assert not platform.live()


def test_a_second_transfer_while_the_first_is_asked_about_waits() -> None:
    platform = Platform()
    _, called = platform.bridged("CA1", REFER_URL)
    platform.feed(called, events.LegReferred(TARGET))
    platform.feed(called, events.LegReferred(TARGET))
    assert platform.referrer(called) == [202, 491]


def test_a_call_that_is_with_nobody_is_not_transferred() -> None:
    platform = Platform()
    caller, called = platform.bridged("CA1", REFER_URL)
    platform.feed(caller, events.LegEnded())
    platform.feed(called, events.LegReferred(TARGET))
    assert platform.referrer(called) == [0]
    alone = Call("CA9", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/voice"))
    platform.calls["CA9"] = alone
    platform.feed("CA9", events.Began())
    platform.answer("CA9", "<Pause length='9'/>")
    platform.feed("CA9", events.LegReferred(TARGET))
    assert platform.referrer("CA9") == [603]


# Attended: phone A is in both calls


@pytest.mark.parametrize("first_dials", [True, False])
@pytest.mark.parametrize("second_dials", [True, False])
def test_the_two_that_remain_are_connected(first_dials: bool, second_dials: bool) -> None:
    platform = Platform()
    first = platform.bridged("CA1")
    second = platform.bridged("CA2")
    bob, one = first if first_dials else first[::-1]
    carol, two = second if second_dials else second[::-1]
    platform.feed(one, events.LegReferred("<sip:us>", replaces=two))
    assert platform.all(one, effects.ConnectPartners) == [effects.ConnectPartners(two)]
    assert platform.connect(one, two)
    assert platform.live() == {bob, carol}
    assert platform.hear_each_other == {frozenset({bob, carol})}
    assert platform.referrer(one) == [202, 200, 0]
    assert platform.referrer(two) == [0]
    platform.feed(carol, events.LegEnded())
    if first_dials:
        done = [fetch for fetch in platform.all(bob, twiml.Fetch) if fetch.url == f"{APP}/done"]
        assert [dict(fetch.params)["DialCallSid"] for fetch in done] == [carol]
        platform.answer(bob, "")
    assert not platform.live()


def test_the_one_that_stays_may_be_transferred_again() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1", REFER_URL)
    two, carol = platform.bridged("CA2")
    assert platform.connect(one, two)
    platform.feed(carol, events.LegReferred(TARGET))
    assert platform.referrer(carol) == [202]
    platform.retrieve(bob, "<Say>Wait</Say>")
    assert platform.live() == {bob}


def test_those_who_were_dialled_by_the_phone_are_transferred_no_further() -> None:
    platform = Platform()
    one, bob = platform.bridged("CA1", REFER_URL)
    two, carol = platform.bridged("CA2", REFER_URL)
    assert platform.connect(one, two)
    platform.feed(bob, events.LegReferred(TARGET))
    assert platform.referrer(bob) == [603]
    assert frozenset({bob, carol}) in platform.hear_each_other


def test_the_verb_of_one_that_went_over_is_told_when_it_leaves() -> None:
    platform = Platform()
    _, one = platform.bridged("CA1")
    carol, two = platform.bridged("CA2")
    assert platform.connect(one, two)
    platform.feed(carol, events.TimerExpired("dial-limit"))
    (done,) = [fetch for fetch in platform.all(carol, twiml.Fetch) if fetch.url == f"{APP}/done"]
    assert dict(done.params)["DialCallStatus"] == "completed"
    assert platform.calls[carol].place == ALONE
    assert all(room.closed for room in platform.bridges.values())


def test_one_that_was_dialled_and_went_over_can_be_redirected() -> None:
    platform = Platform()
    one, bob = platform.bridged("CA1")
    two, carol = platform.bridged("CA2")
    assert platform.connect(one, two)
    platform.feed(bob, events.RedirectRequested(InlineTwiml("<Response><Pause/></Response>")))
    assert platform.calls[bob].place == ALONE
    assert all(room.closed for room in platform.bridges.values())
    assert carol not in platform.live() and bob in platform.live()


def from_queue(platform: Platform) -> tuple[str, str]:
    """A call that has waited in a queue, and the agent's that has come for it; both talk."""
    for sid, body in (("CQ", "<Enqueue>Sales</Enqueue>"), ("CT", "<Dial><Queue>Sales</Queue></Dial>")):
        facts = CallFacts("sip:phone@pbx", "+15551230000")
        platform.calls[sid] = Call(sid, Direction.INBOUND, facts, EntryPoint(f"{APP}/voice"))
        platform.feed(sid, events.Began())
        platform.answer(sid, body)
    (taken,) = platform.all("CT", effects.TakeFromQueue)
    platform.feed("CT", events.Served(taken.room, "CQ"))
    platform.feed("CQ", events.InQueue(taken.room, "QU1"))
    platform.feed("CQ", events.Called(taken.room, "CT", taken.bridge, None, 3))
    assert frozenset({"CQ", "CT"}) in platform.hear_each_other
    return "CQ", "CT"


@pytest.mark.parametrize("agent_transfers", [True, False])
def test_a_call_from_a_queue_is_passed_on(agent_transfers: bool) -> None:
    platform = Platform()
    waited, agent = from_queue(platform)
    two, carol = platform.bridged("CA2")
    one, left = (agent, waited) if agent_transfers else (waited, agent)
    assert platform.connect(one, two)
    assert platform.live() == {left, carol}
    assert platform.hear_each_other == {frozenset({left, carol})}
    platform.feed(carol, events.LegEnded())
    assert not platform.live()


def test_a_blind_transfer_of_a_call_from_a_queue_is_refused() -> None:
    platform = Platform()
    _, agent = from_queue(platform)
    platform.feed(agent, events.LegReferred(TARGET))
    assert platform.referrer(agent) == [603]


def test_a_call_from_a_queue_goes_to_a_conference() -> None:
    platform = Platform()
    waited, agent = from_queue(platform)
    platform.calls["CA2"] = Call("CA2", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/v"))
    platform.feed("CA2", events.Began())
    platform.answer("CA2", "<Dial><Conference>Room</Conference></Dial>")
    assert platform.connect(agent, "CA2")
    assert platform.live() == {waited}
    place = platform.calls[waited].place
    assert isinstance(place, In)
    platform.feed(waited, events.RoomEnded(place.room, 5))
    assert not platform.live()


def test_the_calls_of_a_plan_may_be_gone_when_it_is_carried_out() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1")
    two, carol = platform.bridged("CA2")
    gone = (events.LegEnded(), events.Rejoined(events.Partner("CA9", None, None)))
    for sid in (bob, one, two, carol):
        for event in gone:
            platform.feed(sid, event)
        platform.feed(sid, events.Moved("room", events.Partner("CA9", None, None)))
        platform.feed(sid, events.HandedOver())
    assert not platform.live()
    assert not platform.connect(one, two)


def test_a_participant_passes_its_place_in_a_conference_on() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1")
    conference = Call("CA2", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/voice"))
    platform.calls["CA2"] = conference
    platform.feed("CA2", events.Began())
    platform.answer("CA2", '<Dial><Conference muted="true">Room</Conference></Dial>')
    assert platform.connect(one, "CA2")
    place = platform.calls[bob].place
    assert isinstance(place, In) and isinstance(place.because, Conferring)
    assert place.because.request.muted
    (entered,) = platform.all(bob, effects.EnterConference)
    assert entered.room == place.room
    assert platform.live() == {bob}
    platform.feed(bob, events.RoomEnded(place.room, 5))
    assert platform.all(bob, twiml.Fetch)[-1].url == f"{APP}/done"


@pytest.mark.parametrize("turned_away", [False, True])
def test_whoever_was_dialled_ends_with_the_conference_that_it_was_passed_to(turned_away: bool) -> None:
    platform = Platform()
    one, bob = platform.bridged("CA1")
    platform.calls["CA2"] = Call("CA2", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/v"))
    platform.feed("CA2", events.Began())
    platform.answer("CA2", "<Dial><Conference>Room</Conference></Dial>")
    assert platform.connect("CA2", one)
    place = platform.calls[bob].place
    assert isinstance(place, In) and place.because is None
    (entered,) = platform.all(bob, effects.EnterConference)
    assert meeting.still_enters(platform.calls[bob], entered)
    platform.feed(
        bob, events.TurnedAway(place.room, 13000) if turned_away else events.RoomEnded(place.room, 5)
    )
    assert not platform.live()


def test_what_cannot_be_connected() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1")
    assert not platform.connect(one, one)
    assert not platform.connect(one, bob), "they are with each other"
    platform.calls["CA2"] = Call("CA2", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/v"))
    platform.feed("CA2", events.Began())
    platform.answer("CA2", "<Pause/>")
    assert not platform.connect(one, "CA2")
    assert frozenset({bob, one}) in platform.hear_each_other


def test_whoever_has_not_met_the_other_yet_is_connected_with_nobody_else() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1")
    queued, taker = from_queue(platform)
    place = platform.calls[taker].place
    assert isinstance(place, In) and isinstance(place.because, Taking)
    on_the_way = replace(place, because=replace(place.because, joined=False))
    platform.calls[taker] = replace(platform.calls[taker], place=on_the_way)
    assert not platform.connect(one, queued)
    assert frozenset({bob, one}) in platform.hear_each_other


def test_nobody_is_left_in_a_place_that_is_over() -> None:
    platform = Platform()
    bob, one = platform.bridged("CA1")
    two, carol = platform.bridged("CA2")
    assert platform.connect(one, two)
    place = platform.calls[bob].place
    assert isinstance(place, In) and isinstance(place.because, Dialled)
    assert place.because.child.call_sid == carol
    assert [room.closed for name, room in platform.bridges.items() if name.startswith("CA2")] == [True]


# <Refer>


def referring(*told: events.CallEvent) -> tuple[Platform, dict[str, str]]:
    """A call whose `<Refer>` comes to what the far end answers and tells; the parameters of its action."""
    platform = Platform()
    platform.calls["CA1"] = Call("CA1", Direction.INBOUND, CallFacts("sip:a@b", "+1"), EntryPoint(f"{APP}/v"))
    platform.feed("CA1", events.Began())
    platform.answer("CA1", f'<Refer action="{APP}/done"><Sip>sip:carol@pbx?X-A=1</Sip></Refer>')
    assert platform.all("CA1", effects.ReferLeg) == [effects.ReferLeg("sip:carol@pbx?X-A=1")]
    for event in told:
        platform.feed("CA1", event)
    fetch = platform.all("CA1", twiml.Fetch)[-1]
    return platform, dict(fetch.params) if fetch.url == f"{APP}/done" else {}


@pytest.mark.parametrize(
    ("told", "params"),
    [
        (
            (
                events.LegReferAnswered(202),
                events.LegNotified(100, over=False),
                events.LegNotified(200, over=True),
            ),
            ("in-progress", "202", "200"),
        ),
        ((events.LegReferAnswered(202), events.LegNotified(486, over=True)), ("busy", "202", "486")),
        ((events.LegReferAnswered(202), events.LegNotified(404, over=True)), ("failed", "202", "404")),
        ((events.LegReferAnswered(405),), ("failed", "405", None)),
        ((events.LegReferAnswered(202), events.LegNotified(None, over=True)), (None, "202", None)),
        (
            (
                events.LegReferAnswered(202),
                events.LegNotified(180, over=False),
                events.LegNotified(None, over=True),
            ),
            ("ringing", "202", "180"),
        ),
        (
            (events.LegReferAnswered(202), events.LegNotified(180, over=False), events.LegEnded()),
            ("canceled", "202", "180"),
        ),
        ((events.LegEnded(),), ("canceled", None, None)),
    ],
)
def test_the_action_is_told(told: tuple[events.CallEvent, ...], params: tuple[str | None, ...]) -> None:
    names = ("ReferCallStatus", "ReferSipResponseCode", "NotifySipResponseCode")
    _, given = referring(*told)
    assert given == {name: value for name, value in zip(names, params, strict=True) if value is not None}


def test_the_call_goes_on_afterwards() -> None:
    platform, _ = referring(events.LegReferAnswered(202), events.LegNotified(486, over=True))
    platform.answer("CA1", "<Say>Nobody is there</Say>")
    assert platform.all("CA1", twiml.Speak)[-1].text == "Nobody is there"
    before = len(platform.done)
    platform.feed("CA1", events.LegNotified(200, over=True))
    assert len(platform.done) == before


def test_a_verb_without_a_transfer_under_way_has_nothing_to_abandon() -> None:
    call = inbound("<Pause/>").call
    assert abandon(call) == (call, (), ())
