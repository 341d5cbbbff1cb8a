"""Calls that dial each other, their rooms and a recorder, in every order of events that Hypothesis thinks of.

A caller dials up to three others; what one tells another, and what enters and leaves a room, arrives late and in any
order but that of the same two. The far ends, the API, timers, documents and recordings do as they like in between.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import assert_never

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from offhook.calls import effects, events, room
from offhook.calls.call import Call, Parent, step
from offhook.calls.dial import Child
from offhook.calls.events import EndedBy
from offhook.calls.place import Alone, In, Ringing
from offhook.calls.status import TERMINAL, CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml

APP = "http://app"
MODES = (
    "do-not-record",
    "record-from-answer",
    "record-from-ringing",
    "record-from-answer-dual",
    "record-from-ringing-dual",
)
WHISPERS = (
    "",
    "<Say>Somebody calls.</Say>",
    "<Gather><Say>Press a key.</Say></Gather><Hangup/>",
    "<Hangup/>",
    "<Dial>+15551239999</Dial>",
    None,
)
FAILURES = (
    (486, events.FailureSource.REMOTE),
    (480, events.FailureSource.REMOTE),
    (408, events.FailureSource.TIMEOUT),
)
HANG_UPS = (
    events.LegEnded(),
    events.HangUpRequested(EndedBy.REST),
    events.HangUpRequested(EndedBy.FAULT),
    events.MediaLost("The media worker has gone."),
    events.NotNegotiated("No common codec."),
)

picks = st.integers(0, 999)
dials = st.builds(
    lambda mode, sequential, star, bridge, targets: (
        f'record="{mode}" sequential="{sequential}" hangupOnStar="{star}" answerOnBridge="{bridge}"',
        targets,
    ),
    st.sampled_from(MODES),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.lists(st.booleans(), min_size=1, max_size=3),
)
documents = st.one_of(
    dials, dials, st.sampled_from(("<Say>Hello</Say>", "<Hangup/>", '<Pause length="3"/>', None))
)
Document = tuple[str, list[bool]] | str | None


class Orders(RuleBasedStateMachine):
    """Calls `CA0`… and the rooms they open. What is under way is in lists, from which rules take what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.calls: dict[str, Call] = {}
        self.rooms: dict[str, room.Room] = {}
        self.mail: dict[tuple[str, str], deque[events.CallEvent | room.RoomEvent]] = {}
        self.timers: dict[str, set[str]] = {}
        self.fetches: list[tuple[str, twiml.Fetch]] = []
        self.plays: list[tuple[str, int]] = []
        self.placing: list[tuple[str, effects.PlaceChild]] = []
        self.recording: dict[str, str] = {}
        self.hears: dict[str, str] = {}
        self.over: Counter[str] = Counter()
        self.dials = 0
        self.asked: Counter[str] = Counter()

    # What the rest of the platform does

    def feed(self, sid: str, event: events.CallEvent | heard.Event) -> None:
        self.calls[sid], wanted = step(self.calls[sid], event, self.now)
        for effect in wanted:
            self._do(sid, effect)

    def _send(self, source: str, to: str, event: events.CallEvent | room.RoomEvent) -> None:
        self.mail.setdefault((source, to), deque()).append(event)

    def _do(self, sid: str, effect: effects.Wanted) -> None:
        match effect:
            case effects.Tell():
                self._send(sid, effect.call_sid, effect.event)
            case effects.OpenRoom():
                assert effect.room not in self.rooms
                self.rooms[effect.room] = room.open_room(
                    effect.room, room.RoomKind.BRIDGE, sid, effect.recording
                )
            case effects.Enter():
                member = room.Member(sid, effect.end_on_exit, effect.hears_star)
                self._send(sid, effect.room, room.Entered(member))
            case effects.Leave():
                self._send(sid, effect.room, room.Left(sid, effect.redirected))
            case effects.SetTimer():
                self.timers[sid].add(effect.key)
            case effects.ClearTimer():
                self.timers[sid].discard(effect.key)
            case effects.PlaceChild():
                self.placing.append((sid, effect))
            case effects.DropChild():
                self.placing = [one for one in self.placing if (one[0], one[1].child) != (sid, effect.child)]
            case effects.Changed():
                self.over[sid] += effect.status in TERMINAL
            case twiml.Fetch():
                self.fetches.append((sid, effect))
                self.asked[effect.url] += effect.url.startswith(f"{APP}/done")
            case twiml.Speak() | twiml.PlayUrl() | twiml.PlayDigits() | twiml.Beep():
                self.plays.append((sid, effect.play))
            case twiml.StopPlay():
                self.plays = [one for one in self.plays if one != (sid, effect.play)]
            case (
                effects.PlaceLeg()
                | effects.Ring()
                | effects.AcceptLeg()
                | effects.RefuseLeg()
                | effects.CancelLeg()
                | effects.EndLeg()
                | effects.PlayRingback()
                | effects.StopRingback()
                | effects.Note()
                | twiml.StartRecording()
                | twiml.StopRecording()
                | twiml.SendMessage()
                | twiml.Notify()
                | twiml.Trace()
            ):
                pass
            case _:
                assert_never(effect)

    def _in_room(self, sid: str, event: room.RoomEvent) -> None:
        if self.rooms[sid].closed:
            wanted = room.turned_away(sid, event)
        else:
            self.rooms[sid], wanted = room.step(self.rooms[sid], event, self.now)
        for effect in wanted:
            match effect:
                case effects.Tell():
                    self._send(sid, effect.call_sid, effect.event)
                case room.Connect():
                    self._hears_nobody(effect.call_sid)
                    self._hears_nobody(effect.other)
                    self.hears |= {effect.call_sid: effect.other, effect.other: effect.call_sid}
                case room.Disconnect():
                    self._hears_nobody(effect.call_sid)
                case room.Record():
                    assert sid not in self.recording
                    self.recording[sid] = effect.call_sid

    def _hears_nobody(self, sid: str) -> None:
        if (other := self.hears.pop(sid, None)) is not None:
            del self.hears[other]

    def _deliver(self, pick: int) -> None:
        source, to = sorted(self.mail)[pick % len(self.mail)]
        event = self.mail[source, to].popleft()
        if not self.mail[source, to]:
            del self.mail[source, to]
        if isinstance(event, room.RoomEvent):
            self._in_room(to, event)
        else:
            self.feed(to, event)

    def _body(self, document: Document) -> str | None:
        """The TwiML of a document. Each dial in it has an action of its own, so that its end can be counted."""
        if document is None or isinstance(document, str):
            return document
        attributes, whispers = document
        self.dials += 1
        nouns = "".join(
            f'<Number url="{APP}/whisper">+1555123000{n}</Number>'
            if whisper
            else f"<Number>+1555123000{n}</Number>"
            for n, whisper in enumerate(whispers)
        )
        return f'<Dial action="{APP}/done/{self.dials}" {attributes}>{nouns}</Dial>'

    def _respond(self, pick: int, body: str | None) -> None:
        sid, fetch = self.fetches.pop(pick % len(self.fetches))
        if body is None:
            self.feed(sid, heard.FetchFailed(fetch.request, 11200))
        else:
            content = f"<Response>{body}</Response>".encode()
            self.feed(sid, heard.Fetched(fetch.request, fetch.url, 200, "text/xml", content))

    def _place(self, parent: str, effect: effects.PlaceChild) -> None:
        sid = f"CA{len(self.calls)}"
        whisper = EntryPoint(effect.target.url) if effect.target.url else None
        self._begin(sid, Direction.OUTBOUND_DIAL, whisper, Parent(parent, effect.child))
        self.feed(parent, events.ChildPlaced(effect.child, sid, "+15551230001"))
        self.feed(sid, events.Began())

    def _unanswered(self) -> list[str]:
        """Calls to others that may yet be answered."""
        return [
            call.sid
            for call in self.calls.values()
            if call.direction is not Direction.INBOUND and not call.is_answered and not call.is_over
        ]

    def _answered(self) -> list[str]:
        """Calls that the API may redirect."""
        return [call.sid for call in self.calls.values() if call.is_answered and not call.is_over]

    def _some(self, pick: int) -> str:
        return sorted(self.calls)[pick % len(self.calls)]

    def _begin(
        self, sid: str, direction: Direction, entry: EntryPoint | None, parent: Parent | None = None
    ) -> None:
        facts = CallFacts("+15551230000", "+15551230001", direction.value)
        self.calls[sid] = Call(sid, direction, facts, entry, parent=parent)
        self.timers[sid] = set()

    # What happens

    @initialize(
        direction=st.sampled_from((Direction.INBOUND, Direction.OUTBOUND_API)),
        document=dials,
        steps=st.integers(0, 30),
        pick=picks,
    )
    def somebody_calls(self, direction: Direction, document: Document, steps: int, pick: int) -> None:
        self._begin("CA0", direction, EntryPoint(f"{APP}/voice"))
        self.feed("CA0", events.Began())
        if direction is Direction.OUTBOUND_API:
            self.feed("CA0", events.LegAnswered())
        self._respond(0, self._body(document))
        self.it_goes_on(pick, steps)

    @rule(pick=picks, steps=st.integers(1, 12))
    def it_goes_on(self, pick: int, steps: int) -> None:
        """What is under way comes to pass, as it does in a call that nobody disturbs."""
        for _ in range(steps):
            if self.mail:
                self._deliver(pick)
            elif self.placing:
                self._place(*self.placing.pop(0))
            elif ringing := self._unanswered():
                called = ringing[pick % len(ringing)]
                rang = self.calls[called].status is CallStatus.RINGING
                self.feed(called, events.LegAnswered() if rang else events.LegRinging(pick % 2 == 0))
            elif self.fetches:
                self._respond(pick, "")

    @precondition(lambda self: self.mail)
    @rule(pick=picks, many=st.integers(1, 4))
    def mail_comes(self, pick: int, many: int) -> None:
        while self.mail and many:
            self._deliver(pick)
            many -= 1

    @precondition(lambda self: self.placing)
    @rule(pick=picks, fails=st.sampled_from((False, False, False, True)))
    def a_child_is_placed(self, pick: int, fails: bool) -> None:
        parent, effect = self.placing.pop(pick % len(self.placing))
        if fails:
            self.feed(parent, events.ChildEnded(effect.child, CallStatus.FAILED))
        else:
            self._place(parent, effect)

    @precondition(lambda self: self._unanswered())
    @rule(pick=picks, early=st.booleans())
    def a_far_end_rings(self, pick: int, early: bool) -> None:
        ringing = self._unanswered()
        self.feed(ringing[pick % len(ringing)], events.LegRinging(early))

    @precondition(lambda self: self._unanswered())
    @rule(pick=picks)
    def a_far_end_answers(self, pick: int) -> None:
        ringing = self._unanswered()
        self.feed(ringing[pick % len(ringing)], events.LegAnswered())

    @precondition(lambda self: self._unanswered())
    @rule(pick=picks, failure=st.sampled_from(FAILURES))
    def a_far_end_refuses(self, pick: int, failure: tuple[int, events.FailureSource]) -> None:
        ringing = self._unanswered()
        self.feed(ringing[pick % len(ringing)], events.LegFailed(failure[0], "", failure[1]))

    @rule(pick=picks, ended=st.sampled_from(HANG_UPS))
    def a_call_is_ended(self, pick: int, ended: events.CallEvent) -> None:
        self.feed(self._some(pick), ended)

    @precondition(lambda self: self._answered())
    @rule(pick=picks, document=documents)
    def the_api_redirects(self, pick: int, document: Document) -> None:
        answered = self._answered()
        body = self._body(document) or ""
        entry = InlineTwiml(f"<Response>{body}</Response>")
        self.feed(answered[pick % len(answered)], events.RedirectRequested(entry))

    @rule(pick=picks, key=st.sampled_from("1*"))
    def a_key_is_pressed(self, pick: int, key: str) -> None:
        self.feed(self._some(pick), heard.DigitPressed(key))

    @rule(pick=picks)
    def a_timer_expires(self, pick: int) -> None:
        sid = self._some(pick)
        keys = sorted(self.timers[sid] - {"limit", "ring"})
        if keys:
            self.timers[sid].discard(key := keys[pick % len(keys)])
            self.now += 5
            self.feed(sid, events.TimerExpired(key))

    @precondition(lambda self: self.fetches)
    @rule(pick=picks, document=documents, whisper=st.sampled_from(WHISPERS))
    def a_document_comes(self, pick: int, document: Document, whisper: str | None) -> None:
        asked = self.fetches[pick % len(self.fetches)][1].url
        self._respond(pick, whisper if asked == f"{APP}/whisper" else self._body(document))

    @precondition(lambda self: self.plays)
    @rule(pick=picks, fails=st.booleans())
    def a_prompt_ends(self, pick: int, fails: bool) -> None:
        sid, play = self.plays.pop(pick % len(self.plays))
        self.feed(sid, heard.PlayFailed(play, 13420) if fails else heard.Played(play))

    @precondition(lambda self: self.recording)
    @rule(pick=picks, kept=st.booleans())
    def a_recording_is_complete(self, pick: int, kept: bool) -> None:
        sid = sorted(self.recording)[pick % len(self.recording)]
        del self.recording[sid]
        recorded = events.Recorded(f"RE-{sid}", f"{APP}/RE", 3) if kept else None
        self._in_room(sid, room.RecordingComplete(recorded))

    @rule(pick=picks)
    def all_mail_comes(self, pick: int) -> None:
        while self.mail:
            self._deliver(pick)
        self._agree()

    # What is always so

    def _agree(self) -> None:
        """When everybody has heard everything, nobody is left alone or forgotten."""
        for call in self.calls.values():
            if call.is_over:
                assert call.sid not in self.hears, call
                continue
            match call.place:
                case Alone():
                    assert call.sid not in self.hears, call
                case Ringing(dialling):
                    assert any(child.live for child in dialling.children), call
                    assert all(self._is_tried(call, child) for child in dialling.children if child.live), call
                    members = self.rooms[dialling.room].members
                    assert call.sid in {member.call_sid for member in members}, call
                case In(name):
                    entered = self.rooms[name]
                    if entered.ended_at is None:
                        assert call.sid in self.hears, (call, entered)
                    else:
                        assert name in self.recording and entered.opener == call.sid, (call, entered)
            if call.parent is not None:
                assert self._is_wanted(call, call.parent), call

    def _is_tried(self, caller: Call, child: Child) -> bool:
        """Whether a dialled call that its caller counts on is there, or is being placed."""
        if child.call_sid is None:
            return any((sid, one.child) == (caller.sid, child.number) for sid, one in self.placing)
        called = self.calls[child.call_sid]
        return not called.is_over and called.parent == Parent(caller.sid, child.number)

    def _is_wanted(self, call: Call, parent: Parent) -> bool:
        """Whether the call that dialled it still waits for it, or is with it."""
        match self.calls[parent.call_sid].place:
            case Ringing(dialling):
                return any(child.number == parent.child and child.live for child in dialling.children)
            case In(_, dialled) if dialled is not None:
                return dialled.child.number == parent.child
        return False

    def teardown(self) -> None:
        """Everybody hangs up, and everything under way comes to its end."""
        for _ in range(100):
            while self.mail:
                self._deliver(0)
            while self.placing:
                parent, effect = self.placing.pop()
                self.feed(parent, events.ChildEnded(effect.child, CallStatus.FAILED))
            while self.fetches:
                self._respond(0, "")
            for sid in sorted(self.recording):
                del self.recording[sid]
                self._in_room(sid, room.RecordingComplete(None))
            for sid in sorted(self.calls):
                self.feed(sid, events.LegEnded())
            if not self.mail:
                break
        assert all(call.is_over for call in self.calls.values())
        assert all(self.over[sid] == 1 for sid in self.calls), self.over
        assert all(one.closed for one in self.rooms.values()), self.rooms
        assert all(times == 1 for url, times in self.asked.items() if times), self.asked


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=90, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
