"""The texts under way at one SMSC: which segment is written next, what is tried again when, how each text ends.

Pure; time is an argument, in seconds.

A text ends as accepted when every segment has an id, and as refused with the first segment that the SMSC
refuses for good. What the SMSC cannot take for now is tried again, ever more rarely, until the text's
validity ends. A segment that gets no response is written once more, with the same references; after that its
response is waited for, but not for ever: whoever has sent the text is told that it failed. When the link is
lost, every text goes back with the ids it has, so that only the segments without one are written again.

While a segment is written and may still be answered, the end of the validity is not decided: what the SMSC
has taken is not called expired.
"""

import heapq
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count
from typing import Final, NamedTuple

from offhook.messaging.carriers import OutgoingText
from offhook.messaging.outcomes import TEMPORARY, UNKNOWN_ERROR, VALIDITY_EXPIRED, refusal
from offhook.messaging.pacing import SenderPacing
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.vocabulary import status_name

ROOM: Final = 2000
"""Segments that may wait here for the window: enough to keep it full, few enough to be given back at once."""

MOST_LATER: Final = 20_000
"""Segments that may wait for their moment: paced, or refused for now."""

FIRST_RETRY: Final = 0.5
LONGEST_RETRY: Final = 30.0

RESENDS: Final = 1
"""How often a segment is written again on one link because no response came."""

LATE_SECONDS: Final = 300.0
"""How long a response is waited for after the last copy of a segment is overdue.

Longer than SMSCs stall, and short beside a validity of hours, in which nobody would learn that nothing answers.
"""

EXPIRY_CHECK: Final = 0.5

TELL_AFTER: Final = 2.0
"""Seconds after which a text that was not written yet is told what it waits for."""

Ids = tuple[str | None, ...]
"""The SMSC's id of each segment, None of one it has not taken."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The SMSC took every segment."""

    text: OutgoingText
    ids: Ids


@dataclass(frozen=True, slots=True)
class Refused:
    """The text will never be taken; `code` is the 30xxx that says why."""

    text: OutgoingText
    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class Deferred:
    """A segment has to wait. `ids` as far as there are any.

    Attributes:
        seconds: after which it is tried again; None when that depends on the SMSC.
    """

    text: OutgoingText
    ids: Ids
    detail: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Returned:
    """The link was lost. `written` is whether the SMSC may have taken more than it gave an id for."""

    text: OutgoingText
    ids: Ids
    written: bool


Outcome = Accepted | Refused | Deferred | Returned


class Place(Enum):
    """Where a segment is."""

    WAITING = auto()
    WRITTEN = auto()
    OVERDUE = auto()
    """Written as often as allowed; only a late response helps."""
    TAKEN = auto()


class _Text:
    """A text under way."""

    __slots__ = ("deferred", "done", "expired", "given_up_at", "ids", "missing", "since", "text", "told")

    def __init__(self, text: OutgoingText, total: int, now: float) -> None:
        self.text = text
        self.since = now
        self.told = False
        self.ids = [text.taken[index] if index < len(text.taken) else None for index in range(total)]
        self.missing = self.ids.count(None)
        self.done = False
        self.expired = False
        self.given_up_at = math.inf
        """When no late response is waited for any more, if one still is then."""
        self.deferred = False


class Segment:
    """One submit_sm of a text, `number` from 0."""

    __slots__ = ("body", "number", "place", "tries", "unanswered", "under_way", "writes")

    def __init__(self, under_way: _Text, number: int, body: SubmitSm) -> None:
        self.under_way = under_way
        self.number = number
        self.body = body
        self.place = Place.WAITING
        self.writes = 0
        self.tries = 0
        self.unanswered = 0


class Write(NamedTuple):
    """A segment written for the `copy`-th time: the token that comes back with its response."""

    segment: Segment
    copy: int


class Sending:
    """See the module. After each call, carry out what `outcomes` gives."""

    def __init__(self, pacing: SenderPacing) -> None:
        self._pacing = pacing
        self._texts: dict[str, list[Segment]] = {}
        self._queue: deque[Segment] = deque()
        self._later: list[tuple[float, int, Segment]] = []
        self._order = count()
        self._outcomes: list[Outcome] = []
        self._checked_at = 0.0
        self._hindrance = ""

    def room(self) -> int:
        """How many segments may come."""
        return 0 if len(self._later) >= MOST_LATER else max(0, ROOM - len(self._queue))

    def outcomes(self) -> Sequence[Outcome]:
        """What came of texts since the last call."""
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def submit(self, text: OutgoingText, bodies: Sequence[SubmitSm], now: float) -> None:
        """Take a text, of which `bodies` are the segments."""
        if text.sid in self._texts:
            return
        under_way = _Text(text, len(bodies), now)
        segments = [Segment(under_way, number, body) for number, body in enumerate(bodies)]
        self._texts[text.sid] = segments
        if not under_way.missing:
            self._finish(under_way, Accepted(text, tuple(under_way.ids)))
            return
        for segment in segments:
            if under_way.ids[segment.number] is not None:
                segment.place = Place.TAKEN
                continue
            moment = self._pacing.moment(text.sender, now)
            if moment > now:
                self._postpone(segment, moment)
            else:
                self._queue.append(segment)

    def next(self) -> Write | None:
        """The segment to write now, if one waits."""
        while self._queue:
            segment = self._queue.popleft()
            if segment.place is Place.WAITING and not segment.under_way.done:
                segment.place = Place.WRITTEN
                segment.writes += 1
                return Write(segment, segment.writes)
        return None

    @property
    def waiting(self) -> int:
        """Segments that wait to be written, now or later."""
        return len(self._queue) + len(self._later)

    def next_timer(self) -> float | None:
        """When `tick` wants to be called next."""
        check = self._checked_at + EXPIRY_CHECK if self._texts else None
        if self._later:
            return self._later[0][0] if check is None else min(self._later[0][0], check)
        return check

    def tick(self, now: float) -> None:
        """Time has passed: what has waited for its moment may be written, what waited too long ends."""
        while self._later and self._later[0][0] <= now:
            self._queue.append(heapq.heappop(self._later)[2])
        if now - self._checked_at < EXPIRY_CHECK:
            return
        self._checked_at = now
        for segments in list(self._texts.values()):
            under_way = segments[0].under_way
            if _deadline(segments) <= now and not under_way.expired:
                under_way.expired = True
                if all(segment.place is not Place.WRITTEN for segment in segments):
                    self._expire(under_way)
            if not (under_way.told or under_way.done) and now - under_way.since >= TELL_AFTER:
                self._tell(segments)

    def answered(self, write: Write, status: int, message_id: str, now: float) -> None:
        """The SMSC responded to a segment with this command_status."""
        segment, under_way = write.segment, write.segment.under_way
        if under_way.done or segment.place is Place.TAKEN:
            return
        if status == 0:
            self._taken(segment, message_id)
        elif write.copy != segment.writes:
            # The copy that was written since decides.
            return
        elif status not in TEMPORARY:
            self._refuse(under_way, refusal(status), status_name(status))
        elif segment.place is not Place.WAITING:
            self._try_later(segment, status_name(status), now)

    def throttled(self, write: Write, status: int) -> None:
        """The SMSC is too busy to take a segment, which is the next when the pace allows."""
        segment = write.segment
        self._hindrance = status_name(status)
        if self._is_current(write):
            segment.place = Place.WAITING
            if not self._ends(segment):
                self._queue.appendleft(segment)

    def overdue(self, write: Write, seconds: float, now: float) -> None:
        """No response came to a segment within `seconds`: it is written once more, or waited for."""
        segment = write.segment
        if not self._is_current(write):
            return
        segment.unanswered += 1
        again = segment.unanswered <= RESENDS
        segment.place = Place.WAITING if again else Place.OVERDUE
        if not again:
            segment.under_way.given_up_at = now + LATE_SECONDS
        if self._ends(segment):
            return
        if again:
            self._queue.append(segment)
        detail = f"no response within {seconds:g} s; "
        if again:
            self._defer(segment.under_way, detail + "sent again", 0.0)
        else:
            minutes = LATE_SECONDS / 60
            self._defer(segment.under_way, f"{detail}a late one is waited for, {minutes:g} min at most", None)

    def unsendable(self, write: Write, detail: str) -> None:
        """A segment cannot be written at all."""
        self._refuse(write.segment.under_way, UNKNOWN_ERROR, detail)

    def lost(self) -> None:
        """The link is gone: everything goes back."""
        for segments in list(self._texts.values()):
            under_way = segments[0].under_way
            written = any(segment.place in (Place.WRITTEN, Place.OVERDUE) for segment in segments)
            self._finish(under_way, Returned(under_way.text, tuple(under_way.ids), written))
        self._queue.clear()
        self._later.clear()

    def _is_current(self, write: Write) -> bool:
        segment = write.segment
        at_the_smsc = segment.place in (Place.WRITTEN, Place.OVERDUE)
        return at_the_smsc and write.copy == segment.writes and not segment.under_way.done

    def _taken(self, segment: Segment, message_id: str) -> None:
        under_way = segment.under_way
        self._hindrance = ""
        segment.place = Place.TAKEN
        under_way.ids[segment.number] = message_id
        under_way.missing -= 1
        if under_way.missing == 0:
            self._finish(under_way, Accepted(under_way.text, tuple(under_way.ids)))
        elif under_way.expired:
            self._ends(segment)
        elif under_way.deferred:
            self._defer(under_way, "", 0.0)

    def _try_later(self, segment: Segment, detail: str, now: float) -> None:
        segment.place = Place.WAITING
        self._hindrance = detail
        if self._ends(segment):
            return
        wait = min(FIRST_RETRY * 2.0 ** min(segment.tries, 16), LONGEST_RETRY)
        segment.tries += 1
        self._postpone(segment, now + wait)
        # Told at the first, second, fourth, eighth… time.
        if segment.tries & (segment.tries - 1) == 0:
            self._defer(segment.under_way, detail, wait)

    def _postpone(self, segment: Segment, moment: float) -> None:
        heapq.heappush(self._later, (moment, next(self._order), segment))

    def _tell(self, segments: Sequence[Segment]) -> None:
        """Say once what a text waits for, if it waits."""
        if any(segment.place is Place.WAITING for segment in segments):
            why = (
                f"{self._hindrance}: the SMSC takes no more for now"
                if self._hindrance
                else "its turn comes later"
            )
            self._defer(segments[0].under_way, why, None)

    def _defer(self, under_way: _Text, detail: str, seconds: float | None) -> None:
        under_way.deferred = True
        under_way.told = under_way.told or bool(detail)
        self._outcomes.append(Deferred(under_way.text, tuple(under_way.ids), detail, seconds))

    def _ends(self, segment: Segment) -> bool:
        """End a text whose validity is over, once none of its segments may be answered soon."""
        under_way = segment.under_way
        if under_way.expired and all(
            each.place is not Place.WRITTEN for each in self._texts[under_way.text.sid]
        ):
            self._expire(under_way)
        return under_way.done

    def _expire(self, under_way: _Text) -> None:
        if _is_overdue(self._texts[under_way.text.sid]):
            detail = "the SMSC has not answered; whether it has taken the text is not known"
            self._refuse(under_way, UNKNOWN_ERROR, detail)
        else:
            self._refuse(under_way, VALIDITY_EXPIRED, "its validity ended before the SMSC took it")

    def _refuse(self, under_way: _Text, code: int, detail: str) -> None:
        if not under_way.done:
            self._finish(under_way, Refused(under_way.text, code, detail))

    def _finish(self, under_way: _Text, outcome: Outcome) -> None:
        under_way.done = True
        self._texts.pop(under_way.text.sid, None)
        self._outcomes.append(outcome)


def _is_overdue(segments: Sequence[Segment]) -> bool:
    """Whether only a late response can help a text."""
    return any(segment.place is Place.OVERDUE for segment in segments)


def _deadline(segments: Sequence[Segment]) -> float:
    """When a text ends that is not taken by then."""
    under_way = segments[0].under_way
    if math.isinf(under_way.given_up_at) or not _is_overdue(segments):
        return under_way.text.expires
    return min(under_way.text.expires, under_way.given_up_at)
