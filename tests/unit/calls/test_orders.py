"""Calls that meet, their rooms and a recorder, in every order of events that Hypothesis thinks of.

Calls dial up to three others, enter a conference, wait in a queue or come for whoever waits; what one tells another,
and what enters and leaves a room, arrives late and in any order but that of the same two. The far ends, the API,
timers, documents and recordings do as they like in between. Any far end transfers whoever it talks to, blind or to
another call; how a transfer of two calls is planned (`offhook.calls.transfer.plan`) is told at once, as a node does it.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import assert_never

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from offhook.calls import effects, events, meeting, transfer
from offhook.calls.call import Call, Parent, step
from offhook.calls.dial import Child
from offhook.calls.events import EndedBy
from offhook.calls.place import Alone, Conferring, Dialled, In, Queued, Ringing, Taking
from offhook.calls.rooms import bridge, queue
from offhook.calls.rooms import effects as asked
from offhook.calls.rooms import events as happens
from offhook.calls.rooms.bridge import Bridge
from offhook.calls.rooms.conference import Conference, ConferenceStatus, ParticipantEntered
from offhook.calls.rooms.participant import Participant
from offhook.calls.rooms.queue import Queue
from offhook.calls.rooms.room import Room, RoomEffect, RoomEvent, turned_away
from offhook.calls.rooms.room import step as step_room
from offhook.calls.status import TERMINAL, CallStatus, Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml, Retrieved

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
undisturbed = st.sampled_from((0, 3, 6, 10, 15, 20, 30, 30))
"""How many steps go by at first as in a call that nobody disturbs."""
dials = st.builds(
    lambda refer, mode, sequential, star, bridge, targets: (
        f'record="{mode}" sequential="{sequential}" hangupOnStar="{star}" answerOnBridge="{bridge}"'
        f' callerId="+15551230000" {refer}',
        targets,
    ),
    st.sampled_from(("", f'referUrl="{APP}/refer"')),
    st.sampled_from(MODES),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.lists(st.booleans(), min_size=1, max_size=3),
)
conferences = st.builds(
    lambda mode, start, ends, muted, star, wait, label: (
        f'<Dial action="{{done}}" record="{mode}" hangupOnStar="{star}"><Conference startConferenceOnEnter="{start}"'
        f' endConferenceOnExit="{ends}" muted="{muted}" waitUrl="{wait}" {label} maxParticipants="3"'
        f' record="record-from-start" statusCallback="/events" statusCallbackEvent="start end join leave mute hold">'
        "Room</Conference></Dial>"
    ),
    st.sampled_from(MODES),
    st.sampled_from(("true", "false")),
    st.sampled_from(("false", "false", "true")),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.sampled_from(("", f"{APP}/wait")),
    st.sampled_from(("", "", 'participantLabel="A"', 'coach="CA0123456789abcdef0123456789abcdef"')),
)
queues = st.builds(
    lambda wait, most: (
        f'<Enqueue action="{{done}}" waitUrl="{wait}" maxQueueSize="{most}">Line</Enqueue><Say>Over</Say>'
    ),
    st.sampled_from(("", f"{APP}/queue")),
    st.sampled_from((2, 9)),
)
takers = st.builds(
    lambda mode, star, bridge, url: (
        f'<Dial action="{{done}}" record="{mode}" hangupOnStar="{star}" answerOnBridge="{bridge}">'
        f"<Queue {url}>Line</Queue></Dial>"
    ),
    st.sampled_from(MODES),
    st.sampled_from(("true", "false")),
    st.sampled_from(("true", "false")),
    st.sampled_from(("", f'url="{APP}/handover"')),
)
REFERS = '<Refer action="{done}"><Sip>sip:carol@pbx.example</Sip></Refer><Say>Referred</Say>'
meetings = st.one_of(conferences, queues, takers)
documents = st.one_of(
    dials,
    meetings,
    st.sampled_from(
        (
            "<Say>Hello</Say>",
            "<Hangup/>",
            '<Pause length="3"/>',
            "<Echo/>",
            REFERS,
            None,
        )
    ),
)
Document = tuple[str, list[bool]] | str | None
OF_ROOMS = {
    f"{APP}/whisper": WHISPERS,
    f"{APP}/wait": ("", "<Say>Wait.</Say>", "<Dial/>", None),
    f"{APP}/hold": ("<Say>Hold.</Say>", "<Pause/>", None),
    f"{APP}/announcement": ("", "<Say>Listen.</Say>", None),
    f"{APP}/handover": ("", "<Say>You are next.</Say>", "<Enqueue>Line</Enqueue>", None),
    f"{APP}/queue": (
        "",
        "<Say>Wait.</Say>",
        "<Leave/>",
        "<Say>Bye</Say><Leave/><Say>Not heard</Say>",
        "<Hangup/>",
        "<Gather action='queue'><Say>1</Say></Gather>",
        None,
    ),
}
"""What the documents are that a room has a call hear, by their URLs."""
MOST_CALLS = 8
RECORDING = effects.RoomRecording(1, True, False, None)
Mail = events.CallEvent | RoomEvent
Entering = effects.EnterConference | effects.EnterQueue | effects.TakeFromQueue


def _participant(sid: str, request: twiml.Confer, coached: str) -> Participant:
    return Participant(
        sid,
        label=request.label,
        muted=request.muted,
        coaches=None if request.coach is None else coached,
        start_on_enter=request.start_on_enter,
        end_on_exit=request.end_on_exit,
        wait=request.wait,
    )


class Orders(RuleBasedStateMachine):
    """Calls `CA0`… and the rooms they are in. What is under way is in lists, from which rules take what they like."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.calls: dict[str, Call] = {}
        self.rooms: dict[str, Room] = {}
        self.mail: dict[tuple[str, str], deque[Mail]] = {}
        self.timers: dict[str, set[str]] = {}
        self.fetches: list[tuple[str, twiml.Fetch]] = []
        self.plays: list[tuple[str, int]] = []
        self.placing: list[tuple[str, effects.PlaceChild]] = []
        self.entering: list[tuple[str, Entering]] = []
        self.recording: set[str] = set()
        self.legs_recorded: set[tuple[str, int]] = set()
        self.mixed: dict[str, dict[str, asked.Mix]] = {}
        self.reported: Counter[str] = Counter()
        self.made = 0
        self.hears: dict[str, str] = {}
        self.echoing: set[str] = set()
        self.transferring: dict[str, bool] = {}
        """Calls whose far end has sent a REFER that has come to nothing yet, and whether it is accepted."""
        self.connecting: list[tuple[str, str]] = []
        self.finding: list[str] = []
        """Calls whose application is asked where they go on."""
        self.referring: Counter[str] = Counter()
        self.over: Counter[str] = Counter()
        self.dials = 0
        self.asked: Counter[str] = Counter()

    # What the rest of the platform does

    def feed(self, sid: str, event: events.CallEvent | heard.Event) -> None:
        self.calls[sid], wanted = step(self.calls[sid], event, self.now)
        for effect in wanted:
            self._do(sid, effect)

    def _send(self, source: str, to: str, event: Mail) -> None:
        self.mail.setdefault((source, to), deque()).append(event)

    def _do(self, sid: str, effect: effects.Wanted) -> None:
        match effect:
            case effects.Tell():
                self._send(sid, effect.call_sid, effect.event)
            case effects.OpenRoom():
                assert effect.room not in self.rooms
                self.rooms[effect.room] = bridge.open_bridge(effect.room, sid, effect.recording)
            case effects.Enter():
                member = happens.Member(sid, effect.end_on_exit, effect.hears_star)
                self._send(sid, effect.room, happens.Entered(member))
            case effects.EnterConference() | effects.EnterQueue() | effects.TakeFromQueue():
                self.entering.append((sid, effect))
            case effects.TellRoom(name, failed, url):
                self._send(sid, name, happens.AnnouncementOver(sid, failed, url))
            case effects.TellAnswered(name):
                self._send(sid, name, happens.Answered(sid))
            case effects.Leave():
                self._send(sid, effect.room, happens.Left(sid, effect.redirected))
            case effects.SetTimer():
                self.timers[sid].add(effect.key)
            case effects.ClearTimer():
                self.timers[sid].discard(effect.key)
            case effects.PlaceChild():
                self.placing.append((sid, effect))
            case effects.DropChild():
                self.placing = [one for one in self.placing if (one[0], one[1].child) != (sid, effect.child)]
            case effects.RecordLeg(dial):
                assert (sid, dial) not in self.legs_recorded
                self.legs_recorded.add((sid, dial))
            case effects.Changed():
                self.over[sid] += effect.status in TERMINAL
            case twiml.Fetch():
                self.fetches.append((sid, effect))
                self.asked[effect.url] += effect.url.startswith(f"{APP}/done")
            case twiml.Speak() | twiml.PlayUrl() | twiml.PlayDigits() | twiml.Beep():
                self.plays.append((sid, effect.play))
            case twiml.Echo():
                assert sid not in self.echoing
                self.echoing.add(sid)
            case twiml.EndEcho():
                self.echoing.remove(sid)
            case effects.ReferLeg():
                self.referring[sid] += 1
            case effects.AnswerRefer(response):
                assert self.transferring.pop(sid) is False
                if response < 300:
                    self.transferring[sid] = True
            case effects.NotifyReferrer(response):
                assert self.transferring[sid]
                if response >= 200:
                    del self.transferring[sid]
            case effects.ConnectPartners(replaces):
                self.connecting.append((sid, replaces))
            case effects.FetchTransfer():
                self.finding.append(sid)
            case twiml.StopPlay():
                self.plays = [one for one in self.plays if one != (sid, effect.play)]
            case (
                effects.PlaceLeg()
                | effects.Ring()
                | effects.AcceptLeg()
                | effects.RefuseLeg()
                | effects.CancelLeg()
                | effects.EndLeg()
                | effects.StopRecordingLeg()
                | effects.PlayRingback()
                | effects.StopRingback()
                | effects.Note()
                | twiml.StartRecording()
                | twiml.RecordCall()
                | twiml.StopRecording()
                | twiml.SendMessage()
                | twiml.Notify()
                | twiml.Trace()
            ):
                pass
            case _:
                assert_never(effect)

    def _enters(self, pick: int) -> None:
        """A room has been found or made for a call: it goes there, unless it has gone elsewhere meanwhile."""
        sid, effect = self.entering.pop(pick % len(self.entering))
        if not meeting.still_enters(self.calls[sid], effect):
            return
        found = self.rooms.get(effect.room)
        match effect:
            case effects.EnterConference(name, request):
                if isinstance(found, Conference) and found.status is ConferenceStatus.COMPLETED:
                    # The next of this name is made when its recording is complete.
                    self.entering.append((sid, effect))
                    return
                if found is None:
                    self.made += 1
                    record = RECORDING if request.record else None
                    self.rooms[name] = Conference(
                        f"CF{self.made}", "AC", request.name, request.callback, request.most, record
                    )
                self._send(sid, name, ParticipantEntered(_participant(sid, request, self._some(pick))))
            case effects.EnterQueue(name, request, again, entered_at):
                self.rooms.setdefault(name, Queue("QU", "AC", request.queue))
                since = entered_at if again else None
                self._send(sid, name, queue.Enqueued(sid, request.wait, request.most, since))
            case effects.TakeFromQueue(name, request, meets, again):
                if pick % 7 == 0:
                    self._send(name, sid, events.TurnedAway(name, queue.NO_SUCH_QUEUE))
                    return
                self.rooms.setdefault(name, Queue("QU", "AC", request.queue))
                self._send(sid, name, queue.Taking(queue.Taker(sid, meets, request.entry), again))

    def _connect(self, pick: int) -> None:
        """Connect whom two calls of a far end are with, or refuse its REFER, as a node does."""
        one, two = (self.calls[sid] for sid in self.connecting.pop(pick % len(self.connecting)))
        planned = transfer.plan(one, self._partner(one), two, self._partner(two))
        for sid, event in planned or ((one.sid, events.ReferDecided(transfer.DECLINED)),):
            self.feed(sid, event)

    def _partner(self, call: Call) -> Call | None:
        """Whom a call talks to in a bridge."""
        room = self.rooms.get(call.place.room) if isinstance(call.place, In) else None
        if not isinstance(room, Bridge):
            return None
        others = [member.call_sid for member in room.members if member.call_sid != call.sid]
        return self.calls[others[0]] if len(others) == 1 and not self.calls[others[0]].is_over else None

    def _found(self, pick: int, body: str | None) -> None:
        """The application has said where a call goes on that is transferred, or has not."""
        sid = self.finding.pop(pick % len(self.finding))
        url = f"{APP}/refer"
        if body is None:
            entry = Retrieved(url, "POST", code=11200, detail="It is not there.")
        else:
            entry = Retrieved(url, "POST", 200, "text/xml", f"<Response>{body}</Response>".encode())
        self.feed(sid, events.TransferFetched(entry))

    def _in_room(self, name: str, event: RoomEvent) -> None:
        before = self.rooms.get(name)
        if before is None or (isinstance(before, Bridge) and before.closed):
            wanted = turned_away(name, event)
        else:
            self.rooms[name], wanted = step_room(before, event, self.now)
        for effect in wanted:
            self._room_wants(name, effect)
        after = self.rooms.get(name)
        if after is not None and not isinstance(after, Bridge) and after.closed:
            del self.rooms[name]
            assert not self.mixed.pop(name, None), after

    def _room_wants(self, name: str, effect: RoomEffect) -> None:
        match effect:
            case effects.Tell():
                self._send(name, effect.call_sid, effect.event)
            case asked.Connect():
                self._hears_nobody(effect.call_sid)
                self._hears_nobody(effect.other)
                self.hears |= {effect.call_sid: effect.other, effect.other: effect.call_sid}
            case asked.Disconnect():
                self._hears_nobody(effect.call_sid)
            case asked.Record():
                assert name not in self.recording
                self.recording.add(name)
            case asked.Mix():
                self.mixed.setdefault(name, {})[effect.call_sid] = effect
            case asked.Unmix():
                del self.mixed[name][effect.call_sid]
            case asked.Announce():
                self._send(name, name, happens.AnnouncementOver(None))
            case asked.Report():
                room = self.rooms[name]
                assert isinstance(room, Conference)
                if effect.sequence is not None:
                    self.reported[room.sid] += 1
                    assert effect.sequence == self.reported[room.sid], effect
            case asked.Beep() | asked.StopRecording():
                pass
            case _:
                assert_never(effect)

    def _hears_nobody(self, sid: str) -> None:
        if (other := self.hears.pop(sid, None)) is not None:
            del self.hears[other]

    def _deliver(self, pick: int) -> None:
        source, to = sorted(self.mail)[pick % len(self.mail)]
        event = self.mail[source, to].popleft()
        if not self.mail[source, to]:
            del self.mail[source, to]
        if isinstance(event, events.CallEvent):
            self.feed(to, event)
        else:
            self._in_room(to, event)

    def _body(self, document: Document) -> str | None:
        """The TwiML of a document. Each dial in it has an action of its own, so that its end can be counted."""
        if document is None:
            return None
        self.dials += 1
        if isinstance(document, str):
            return document.replace("{done}", f"{APP}/done/{self.dials}")
        attributes, whispers = document
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
        facts = CallFacts("sip:alice@pbx.example", "sip:bob@pbx.example", direction.value)
        self.calls[sid] = Call(sid, direction, facts, entry, parent=parent)
        self.timers[sid] = set()

    # What happens

    @initialize(
        direction=st.sampled_from((Direction.INBOUND, Direction.OUTBOUND_API)),
        document=st.one_of(dials, dials, meetings, st.just(REFERS)),
        steps=undisturbed,
        pick=picks,
    )
    def somebody_calls(self, direction: Direction, document: Document, steps: int, pick: int) -> None:
        self._calls(direction, document)
        self.it_goes_on(pick, steps)

    @precondition(lambda self: len(self.calls) < MOST_CALLS)
    @rule(
        direction=st.sampled_from((Direction.INBOUND, Direction.OUTBOUND_API)),
        document=st.one_of(meetings, dials),
        steps=undisturbed,
        pick=picks,
    )
    def somebody_else_calls(self, direction: Direction, document: Document, steps: int, pick: int) -> None:
        self._calls(direction, document)
        self.it_goes_on(pick, steps)

    def _calls(self, direction: Direction, document: Document) -> None:
        sid = f"CA{len(self.calls)}"
        self._begin(sid, direction, EntryPoint(f"{APP}/voice"))
        self.feed(sid, events.Began())
        if direction is Direction.OUTBOUND_API:
            self.feed(sid, events.LegAnswered())
        self._respond(-1, self._body(document))

    @rule(pick=picks, steps=st.integers(1, 12))
    def it_goes_on(self, pick: int, steps: int) -> None:
        """What is under way comes to pass, as it does in a call that nobody disturbs."""
        for _ in range(steps):
            if self.mail:
                self._deliver(pick)
            elif self.entering:
                self._enters(pick)
            elif self.connecting:
                self._connect(pick)
            elif self.finding:
                self._found(pick, "<Say>You are elsewhere.</Say>")
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

    @precondition(lambda self: self.entering)
    @rule(pick=picks)
    def a_room_is_found(self, pick: int) -> None:
        self._enters(pick)

    @precondition(lambda self: any(not isinstance(one, Bridge) for one in self.rooms.values()))
    @rule(pick=picks, what=picks)
    def the_api_asks_a_room(self, pick: int, what: int) -> None:
        names = sorted(name for name, one in self.rooms.items() if not isinstance(one, Bridge))
        name = names[pick % len(names)]
        sid = self._some(what)
        entry = EntryPoint(f"{APP}/announcement")
        asks: tuple[RoomEvent, ...] = (
            happens.EndRequested(),
            happens.Kicked(sid),
            happens.Announced(None, entry),
            happens.Announced(sid, entry),
            happens.Modified(sid, hold=True, hold_entry=EntryPoint(f"{APP}/hold")),
            happens.Modified(sid, hold=False),
            happens.Modified(sid, muted=what % 2 == 0, end_on_exit=what % 3 == 0),
            happens.Spoke(sid, True),
            queue.Dequeued(None if what % 2 else sid, InlineTwiml("<Response><Pause/></Response>")),
            queue.Resized(2),
        )
        self._in_room(name, asks[what % len(asks)])

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

    @precondition(lambda self: self._answered())
    @rule(pick=picks, other=picks, attended=st.booleans())
    def a_far_end_transfers(self, pick: int, other: int, attended: bool) -> None:
        answered = self._answered()
        self._transfers(answered[pick % len(answered)], self._some(other) if attended else None)

    @precondition(lambda self: self._talking())
    @rule(pick=picks, other=picks, attended=st.booleans(), steps=st.integers(0, 6))
    def whoever_talks_transfers(self, pick: int, other: int, attended: bool, steps: int) -> None:
        talking = self._talking()
        self._transfers(talking[pick % len(talking)], talking[other % len(talking)] if attended else None)
        self.it_goes_on(pick, steps)

    def _talking(self) -> list[str]:
        """Calls that are with somebody."""
        mixed = {sid for mix in self.mixed.values() for sid, part in mix.items() if part.hears}
        return [sid for sid in self._answered() if sid in self.hears or sid in mixed]

    def _transfers(self, sid: str, replaces: str | None) -> None:
        """A REFER comes; a second at once is refused by SIP."""
        if sid not in self.transferring:
            self.transferring[sid] = False
            self.feed(sid, events.LegReferred("sip:carol@pbx.example", replaces))

    @precondition(lambda self: self.connecting)
    @rule(pick=picks)
    def two_calls_are_connected(self, pick: int) -> None:
        self._connect(pick)

    @precondition(lambda self: self.finding)
    @rule(pick=picks, document=documents)
    def it_is_known_where_a_call_goes_on(self, pick: int, document: Document) -> None:
        self._found(pick, self._body(document))

    @rule(pick=picks, response=st.sampled_from((100, 180, 200, 202, 486, 603)), over=st.booleans())
    def a_far_end_tells_of_its_referral(self, pick: int, response: int, over: bool) -> None:
        sid = self._some(pick)
        self.feed(sid, events.LegReferAnswered(response))
        self.feed(sid, events.LegNotified(response if pick % 3 else None, over))

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
    @rule(pick=picks, document=documents, which=picks)
    def a_document_comes(self, pick: int, document: Document, which: int) -> None:
        of_room = OF_ROOMS.get(self.fetches[pick % len(self.fetches)][1].url)
        self._respond(pick, of_room[which % len(of_room)] if of_room else self._body(document))

    @precondition(lambda self: self.plays)
    @rule(pick=picks, fails=st.booleans())
    def a_prompt_ends(self, pick: int, fails: bool) -> None:
        sid, play = self.plays.pop(pick % len(self.plays))
        self.feed(sid, heard.PlayFailed(play, 13420) if fails else heard.Played(play))

    @precondition(lambda self: self.recording)
    @rule(pick=picks, kept=st.booleans())
    def a_recording_is_complete(self, pick: int, kept: bool) -> None:
        sid = sorted(self.recording)[pick % len(self.recording)]
        self.recording.remove(sid)
        recorded = events.Recorded(f"RE-{sid}", f"{APP}/RE", 3) if kept else None
        self._in_room(sid, happens.RecordingComplete(recorded))

    @precondition(lambda self: self.legs_recorded)
    @rule(pick=picks, kept=st.booleans())
    def a_recording_of_a_participant_is_complete(self, pick: int, kept: bool) -> None:
        sid, dial = sorted(self.legs_recorded)[pick % len(self.legs_recorded)]
        self.legs_recorded.remove((sid, dial))
        self.feed(sid, events.LegRecorded(dial, events.Recorded("RE", f"{APP}/RE", 3) if kept else None))

    @rule(pick=picks)
    def all_mail_comes(self, pick: int) -> None:
        self._come_to_rest(pick)
        self._agree()

    def _come_to_rest(self, pick: int) -> None:
        while self.mail or any(self._may_enter(effect) for _, effect in self.entering):
            while self.mail:
                self._deliver(pick)
            for _ in range(len(self.entering)):
                self._enters(0)

    def _may_enter(self, effect: Entering) -> bool:
        found = self.rooms.get(effect.room)
        return not (isinstance(found, Conference) and found.status is ConferenceStatus.COMPLETED)

    # What is always so

    def _agree(self) -> None:
        """When everybody has heard everything, nobody is left alone or forgotten."""
        for call in self.calls.values():
            if call.is_over:
                assert call.sid not in self.hears, call
                continue
            assert call.sid not in self.echoing or call.sid not in self.hears, call
            self._agree_transfer(call)
            match call.place:
                case Alone():
                    assert call.sid not in self.hears, call
                case Ringing(dialling):
                    assert any(child.live for child in dialling.children), call
                    assert all(self._is_tried(call, child) for child in dialling.children if child.live), call
                    opened = self.rooms[dialling.room]
                    assert isinstance(opened, Bridge)
                    members = opened.members
                    assert call.sid in {member.call_sid for member in members}, call
                case In(name, Conferring()):
                    self._agree_conference(call, name)
                case In(name, Queued(joined=False) as queued):
                    assert call.sid not in self.hears, call
                    self._agree_waiting(call, name, queued)
                case In(_, Taking(joined=False, left=False) as taking):
                    assert call.sid not in self.hears, call
                    self._agree_taking(call, taking)
                case In(name, None) if not isinstance(self.rooms[name], Bridge):
                    self._agree_conference(call, name)
                case In(name):
                    entered = self.rooms[name]
                    assert isinstance(entered, Bridge)
                    if entered.ended_at is None:
                        assert call.sid in self.hears, (call, entered)
                    else:
                        assert name in self.recording and entered.opener == call.sid, (call, entered)
            if call.parent is not None:
                assert self._is_wanted(call, call.parent), call

        for name, room in self.rooms.items():
            if isinstance(room, Conference) and room.status is not ConferenceStatus.COMPLETED:
                present = [one.call_sid for one in room.participants]
                assert present, room
                assert all(self._is_in(sid, name, Conferring, type(None)) for sid in present), room
            elif isinstance(room, Queue):
                assert not (room.members and room.takers), room
                assert all(self._is_in(one.call_sid, name, Queued) for one in room.members), room
                assert all(self._is_in(one.call_sid, one.bridge, Taking) for one in room.takers), room

    def _agree_transfer(self, call: Call) -> None:
        """A REFER is answered; one that was accepted comes to something as long as its call is there."""
        if call.transfer is not None:
            assert call.sid in self.finding, call
        if call.sid not in self.transferring:
            return
        if self.transferring[call.sid]:
            assert any(
                other.transfer is not None and other.transfer.by == call.sid for other in self.calls.values()
            ), call
        else:
            assert call.sid in {one for one, _ in self.connecting}, call

    def _is_in(self, sid: str, name: str, *because: type[Conferring | Queued | Taking | None]) -> bool:
        place, over = self.calls[sid].place, self.calls[sid].is_over
        return (
            not over and isinstance(place, In) and place.room == name and isinstance(place.because, because)
        )

    def _agree_conference(self, call: Call, name: str) -> None:
        """A call that thinks it is in a conference is, and is heard as it should be."""
        room = self.rooms[name]
        assert isinstance(room, Conference)
        if room.status is ConferenceStatus.COMPLETED:
            assert (call.sid, name) in {(sid, effect.room) for sid, effect in self.entering}, (call, room)
            return
        one = room.find(call.sid)
        assert one is not None, (call, room)
        present = room.status is ConferenceStatus.IN_PROGRESS and not one.hold
        mix = self.mixed[name][call.sid]
        assert mix.hears == present, (mix, room)
        assert mix.heard == (
            present and not one.muted and (one.coaches is None or room.find(one.coaches) is not None)
        )

    def _agree_waiting(self, call: Call, name: str, queued: Queued) -> None:
        """Who waits is in the queue, or on the way to somebody who knows."""
        room = self.rooms.get(name)
        if queued.taker is None:
            assert isinstance(room, Queue) and [one.call_sid for one in room.members].count(call.sid) == 1, (
                call,
                room,
            )
            return
        place = self.calls[queued.taker].place
        assert isinstance(place, In) and isinstance(place.because, Taking), (call, place)
        assert place.because.member == call.sid and not place.because.left, (call, place)

    def _agree_taking(self, call: Call, taking: Taking) -> None:
        """Who comes for somebody waits in the queue, with a timer, or has somebody who is on the way."""
        room = self.rooms.get(queue.queue_name(taking.request.queue))
        if taking.member is None:
            assert isinstance(room, Queue) and [one.call_sid for one in room.takers].count(call.sid) == 1, (
                call,
                room,
            )
            assert "dial-ring" in self.timers[call.sid], call
            return
        place = self.calls[taking.member].place
        assert isinstance(place, In) and isinstance(place.because, Queued), (call, place)
        assert place.because.taker == call.sid, (call, place)

    def _is_tried(self, caller: Call, child: Child) -> bool:
        """Whether a dialled call that its caller counts on is there, or is being placed."""
        if child.call_sid is None:
            return any((sid, one.child) == (caller.sid, child.number) for sid, one in self.placing)
        called = self.calls[child.call_sid]
        return not called.is_over and called.parent == Parent(caller.sid, child.number)

    def _is_wanted(self, call: Call, parent: Parent) -> bool:
        """Whether the call that dialled it still waits for it, or is with it, or where it goes on is not known yet."""
        if call.transfer is not None and call.transfer.left:
            return True
        match self.calls[parent.call_sid].place:
            case Ringing(dialling):
                return any(child.number == parent.child and child.live for child in dialling.children)
            case In(_, Dialled() as dialled):
                return dialled.child.number == parent.child
        return False

    def teardown(self) -> None:
        """Everybody hangs up, and everything under way comes to its end."""
        for _ in range(100):
            while self.mail:
                self._deliver(0)
            for _ in range(len(self.entering)):
                self._enters(1)
            while self.placing:
                parent, effect = self.placing.pop()
                self.feed(parent, events.ChildEnded(effect.child, CallStatus.FAILED))
            while self.connecting:
                self._connect(0)
            while self.finding:
                self._found(0, "")
            while self.fetches:
                self._respond(0, "")
            for sid in sorted(self.recording):
                self.recording.remove(sid)
                self._in_room(sid, happens.RecordingComplete(None))
            for sid, dial in sorted(self.legs_recorded):
                self.legs_recorded.remove((sid, dial))
                self.feed(sid, events.LegRecorded(dial, None))
            for sid in sorted(self.calls):
                self.feed(sid, events.LegEnded())
            under_way = (
                self.mail,
                self.entering,
                self.fetches,
                self.recording,
                self.legs_recorded,
                self.connecting,
                self.finding,
            )
            if not any(under_way):
                break
        assert all(call.is_over for call in self.calls.values())
        assert all(self.over[sid] == 1 for sid in self.calls), self.over
        assert all(isinstance(one, Bridge) and one.closed for one in self.rooms.values()), self.rooms
        assert not self.hears and not any(self.mixed.values()), (self.hears, self.mixed)
        assert all(times == 1 for url, times in self.asked.items() if times), self.asked


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=90, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
