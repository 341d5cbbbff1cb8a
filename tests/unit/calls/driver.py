"""A call stepped by hand: what is given to it, and all that it has wanted."""

from __future__ import annotations

from typing import TypeVar

from offhook.calls import effects, events
from offhook.calls.call import Call, Parent, step
from offhook.calls.events import EndedBy
from offhook.calls.status import Direction
from offhook.twiml import effects as twiml
from offhook.twiml import events as heard
from offhook.twiml.entry import CallFacts, Entry, EntryPoint, InlineTwiml

T = TypeVar("T")


class Driver:
    """A call and everything it has wanted so far, but for what is only told."""

    def __init__(
        self,
        direction: Direction,
        entry: Entry | None,
        ring_timeout: float = 60.0,
        time_limit: float = 14400.0,
        parent: Parent | None = None,
    ) -> None:
        facts = CallFacts("+15105550100", "+15551230000", direction.value)
        self.call = Call("CA1", direction, facts, entry, ring_timeout, time_limit, parent)
        self.wanted: list[effects.Wanted] = []
        self.now = 0.0

    def feed(self, event: events.CallEvent | heard.Event, after: float = 0.0) -> list[effects.Wanted]:
        self.now += after
        self.call, wanted = step(self.call, event, self.now)
        self.wanted.extend(wanted)
        return [effect for effect in wanted if not isinstance(effect, effects.Note)]

    def told(self, sid: str) -> list[events.CallEvent]:
        """What another call was told."""
        return [e.event for e in self.wanted if isinstance(e, effects.Tell) and e.call_sid == sid]

    @property
    def notes(self) -> list[tuple[str, dict[str, str]]]:
        return [(e.name, dict(e.detail)) for e in self.wanted if isinstance(e, effects.Note)]

    def only(self, kind: type[T]) -> T:
        """The one effect of a kind, since the beginning."""
        found = [effect for effect in self.wanted if isinstance(effect, kind)]
        assert len(found) == 1, f"{kind.__name__}: {self.wanted}"
        return found[0]

    def last(self, kind: type[T]) -> T:
        return [effect for effect in self.wanted if isinstance(effect, kind)][-1]

    @property
    def statuses(self) -> list[str]:
        return [effect.status.value for effect in self.wanted if isinstance(effect, effects.Changed)]


def twiml_of(body: str) -> InlineTwiml:
    return InlineTwiml(f"<Response>{body}</Response>")


def outbound(body: str = "<Say>Hello</Say>", ring_timeout: float = 60, time_limit: float = 14400) -> Driver:
    driver = Driver(Direction.OUTBOUND_API, twiml_of(body), ring_timeout, time_limit)
    driver.feed(events.Began())
    return driver


def inbound(body: str) -> Driver:
    driver = Driver(Direction.INBOUND, EntryPoint("http://app/voice"))
    driver.feed(events.Began())
    fetch = driver.only(twiml.Fetch)
    driver.feed(
        heard.Fetched(fetch.request, fetch.url, 200, "text/xml", f"<Response>{body}</Response>".encode())
    )
    return driver


def dialling(attributes: str = "", targets: str = "<Number>+15551230001</Number>") -> Driver:
    return inbound(f"<Dial {attributes}>{targets}</Dial><Say>After</Say>")


def joins(driver: Driver, child: int, sid: str, after: float = 0.0) -> None:
    """A dialled call is placed, answers, has no whisper and is let in."""
    driver.feed(events.ChildPlaced(child, sid, "+15551230001"))
    driver.feed(events.ChildAnswered(child, f"{sid}@sip"), after=after)
    driver.feed(events.ChildJoined(child, sid))


def room_of(driver: Driver) -> str:
    return driver.last(effects.OpenRoom).room


def room_ends(driver: Driver, seconds: int, **more: object) -> list[effects.Wanted]:
    ended = events.RoomEnded(room_of(driver), seconds, **more)  # type: ignore[arg-type]
    return driver.feed(ended, after=seconds)


HANG_UP = events.HangUpRequested(EndedBy.DIAL)
TWO = "<Number>+15551230001</Number><Number>+15551230002</Number>"


def dialled(entry: Entry | None = None) -> Driver:
    driver = Driver(Direction.OUTBOUND_DIAL, entry, parent=Parent("CA0", 4))
    driver.feed(events.Began())
    driver.feed(events.LegPlaced("x@sip"))
    return driver
