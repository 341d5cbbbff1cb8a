"""What becomes of texts at an SMSC, as transcripts on a fake clock."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.messaging.carriers import OutgoingText
from offhook.messaging.outcomes import UNKNOWN_ERROR, VALIDITY_EXPIRED
from offhook.messaging.pacing import SenderPacing
from offhook.messaging.sending import (
    LONGEST_RETRY,
    ROOM,
    Accepted,
    Deferred,
    Outcome,
    Refused,
    Returned,
    Sending,
    Write,
)
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.vocabulary import Status


def text(number: int = 1, expires: float = 1000.0, taken: tuple[str | None, ...] = ()) -> OutgoingText:
    return OutgoingText(f"SM{number:032x}", "+15550100100", "+15551230000", "x", expires, taken)


class Stage:
    """A sending and its clock."""

    def __init__(self, rate: float | None = None) -> None:
        self.now = 100.0
        self.sending = Sending(SenderPacing(rate))

    def submit(self, *texts: OutgoingText, segments: int = 1) -> None:
        for each in texts:
            self.sending.submit(each, [SubmitSm("1", "2", b"%d" % n) for n in range(segments)], self.now)

    def writes(self) -> list[Write]:
        """All that may be written now."""
        self.sending.tick(self.now)
        return [write for write in iter(self.sending.next, None) if write is not None]

    def write(self) -> Write:
        (write,) = self.writes()
        return write

    def answer(self, write: Write, status: int = 0, message_id: str = "id") -> Sequence[Outcome]:
        self.sending.answered(write, status, message_id, self.now)
        return self.sending.outcomes()

    def advance(self, seconds: float) -> Sequence[Outcome]:
        self.now += seconds
        self.sending.tick(self.now)
        return self.sending.outcomes()


def test_accepted_when_the_last_segment_is() -> None:
    stage = Stage()
    stage.submit(text(), segments=3)
    first, second, third = stage.writes()
    assert stage.answer(third, 0, "c") == []
    assert stage.answer(first, 0, "a") == []
    assert stage.answer(second, 0, "b") == [Accepted(text(), ("a", "b", "c"))]
    assert stage.sending.next_timer() is None


def test_a_refusal_for_good_ends_the_text_at_once() -> None:
    stage = Stage()
    stage.submit(text(), segments=2)
    first, second = stage.writes()
    assert stage.answer(second, Status.RSUBMITFAIL) == [Refused(text(), UNKNOWN_ERROR, "ESME_RSUBMITFAIL")]
    assert stage.answer(first) == []


def test_a_bad_moment_of_any_length_is_waited_out_within_the_validity() -> None:
    stage = Stage()
    stage.submit(text(expires=stage.now + 600))
    waits: list[float] = []
    for _ in range(15):
        write = stage.write()
        outcomes = stage.answer(write, Status.RSYSERR)
        assert all(isinstance(outcome, Deferred) for outcome in outcomes)
        due = min(stage.now + LONGEST_RETRY, 1e9)
        before = stage.now
        while not stage.sending.waiting or stage.now < due:
            stage.advance(0.5)
            if again := stage.writes():
                waits.append(stage.now - before)
                stage.sending.throttled(again[0], Status.RTHROTTLED)
                break
    assert waits[:4] == [0.5, 1.0, 2.0, 4.0]
    assert max(waits) == LONGEST_RETRY
    assert stage.answer(stage.write(), 0, "at last") == [Accepted(text(expires=700.0), ("at last",))]


def test_deferring_is_told_ever_more_rarely() -> None:
    stage = Stage()
    stage.submit(text(expires=10_000))
    told = 0
    for _ in range(40):
        told += len(stage.answer(stage.write(), Status.RX_T_APPN))
        stage.advance(LONGEST_RETRY)
    assert told == 6


def test_only_what_has_no_id_is_written_again_after_the_link_was_lost() -> None:
    stage = Stage()
    stage.submit(text(), segments=3)
    first, second, _ = stage.writes()
    stage.answer(first, 0, "a")
    stage.sending.lost()
    assert stage.sending.outcomes() == [Returned(text(), ("a", None, None), True)]
    assert stage.answer(second, 0, "b") == []
    again = text(taken=("a", None))
    stage.submit(again, segments=3)
    writes = stage.writes()
    assert [write.segment.number for write in writes] == [1, 2]
    stage.answer(writes[0], 0, "b")
    assert stage.answer(writes[1], 0, "c") == [Accepted(again, ("a", "b", "c"))]


def test_a_text_of_which_every_segment_was_taken_is_accepted_unwritten() -> None:
    stage = Stage()
    stage.submit(text(taken=("a", "b")), segments=2)
    assert stage.writes() == []
    assert stage.sending.outcomes() == [Accepted(text(taken=("a", "b")), ("a", "b"))]


def test_no_response_is_written_once_more_and_taken_whenever_it_comes() -> None:
    stage = Stage()
    stage.submit(text(expires=100_000))
    first = stage.write()
    stage.advance(30)
    stage.sending.overdue(first, 30.0, stage.now)
    assert stage.sending.outcomes() == [
        Deferred(text(expires=100_000), (None,), "no response within 30 s; sent again", 0.0)
    ]
    second = stage.write()
    stage.advance(30)
    stage.sending.overdue(second, 30.0, stage.now)
    detail = "no response within 30 s; a late one is waited for, 5 min at most"
    assert stage.advance(299) == [Deferred(text(expires=100_000), (None,), detail, None)]
    assert stage.writes() == []
    assert stage.answer(first, 0, "late") == [Accepted(text(expires=100_000), ("late",))]
    assert stage.answer(second, 0, "later") == []


def test_what_is_never_answered_fails_long_before_its_validity_ends() -> None:
    stage = Stage()
    stage.submit(text(expires=100_000), segments=2)
    silent, slow = stage.writes()
    stage.sending.overdue(silent, 30.0, stage.now)
    stage.sending.overdue(stage.write(), 30.0, stage.now)
    stage.advance(299)
    assert stage.advance(2) == [], "the other segment may still be answered"
    stage.sending.overdue(slow, 30.0, stage.now)
    (refused,) = stage.sending.outcomes()
    assert isinstance(refused, Refused)
    assert (refused.code, refused.detail.partition(";")[0]) == (UNKNOWN_ERROR, "the SMSC has not answered")
    assert stage.answer(silent, 0, "late") == []


def test_an_answer_however_late_takes_the_deadline_away() -> None:
    stage = Stage()
    stage.submit(text(expires=100_000))
    first = stage.write()
    stage.sending.overdue(first, 30.0, stage.now)
    second = stage.write()
    stage.sending.overdue(second, 30.0, stage.now)
    stage.advance(200)
    stage.answer(second, Status.RSYSERR)
    assert not any(isinstance(outcome, Refused) for outcome in stage.advance(3600))


def test_a_response_to_an_older_copy_does_not_undo_the_newer() -> None:
    stage = Stage()
    stage.submit(text())
    first = stage.write()
    stage.sending.overdue(first, 30.0, stage.now)
    second = stage.write()
    stage.sending.outcomes()
    assert stage.answer(first, Status.RSYSERR) == []
    stage.sending.throttled(first, Status.RTHROTTLED)
    assert stage.writes() == []
    assert stage.answer(second, 0, "b") == [Accepted(text(), ("b",))]


def test_a_text_that_is_not_written_is_told_once_what_it_waits_for() -> None:
    stage = Stage()
    stage.submit(text(1), text(2))
    busy = stage.sending.next()
    assert busy is not None
    stage.sending.throttled(busy, Status.RTHROTTLED)
    assert stage.advance(1.9) == []
    detail = "ESME_RTHROTTLED: the SMSC takes no more for now"
    assert stage.advance(0.6) == [Deferred(text(number), (None,), detail, None) for number in (1, 2)]
    assert stage.advance(60) == []


def test_a_paced_text_is_told_that_its_turn_comes() -> None:
    stage = Stage(rate=0.1)
    stage.submit(text(1), text(2))
    stage.answer(stage.write())
    assert stage.advance(3) == [Deferred(text(2), (None,), "its turn comes later", None)]


def test_the_validity_ends_on_time_while_a_text_waits() -> None:
    stage = Stage()
    stage.submit(text(expires=stage.now + 20))
    stage.answer(stage.write(), Status.RSYSERR)
    assert stage.advance(19.4) == []
    (refused,) = stage.advance(0.6)
    assert isinstance(refused, Refused)
    assert refused.code == VALIDITY_EXPIRED
    assert stage.writes() == []


def test_what_is_written_is_not_called_expired_before_its_response() -> None:
    stage = Stage()
    stage.submit(text(1, stage.now + 10), text(2, stage.now + 10), text(3, stage.now + 10))
    taken, busy, silent = stage.writes()
    assert stage.advance(11) == []
    assert [type(outcome) for outcome in stage.answer(taken)] == [Accepted]
    stage.sending.throttled(busy, Status.RTHROTTLED)
    stage.sending.overdue(silent, 30.0, stage.now)
    assert [(type(each), each.text.sid[-1]) for each in stage.sending.outcomes()] == [
        (Refused, "2"),
        (Refused, "3"),
    ]


def test_senders_are_paced_by_moments() -> None:
    stage = Stage(rate=10)
    stage.submit(*(text(number) for number in range(5)))
    assert len(stage.writes()) == 1
    assert stage.sending.next_timer() == pytest.approx(100.1)
    stage.now += 0.25
    assert len(stage.writes()) == 2


def test_the_queue_has_an_end() -> None:
    stage = Stage()
    stage.submit(*(text(number) for number in range(ROOM)))
    assert stage.sending.room() == 0
    assert len(stage.writes()) == ROOM
    assert stage.sending.room() == ROOM


EVENTS = st.sampled_from(["take", "refuse", "later", "throttle", "overdue", "lose", "wait"])


@given(st.lists(st.tuples(EVENTS, st.integers(0, 30)), max_size=60))
def test_every_text_ends_once_and_an_id_is_never_asked_for_twice(script: list[tuple[str, int]]) -> None:
    stage = Stage()
    stage.submit(*(text(number, 500.0) for number in range(4)), segments=2)
    written: list[Write] = []
    taken: set[tuple[str, int]] = set()
    ended: list[str] = []
    for event, choice in script:
        written.extend(stage.writes())
        for write in written:
            assert (write.segment.under_way.text.sid, write.segment.number) not in taken or write.copy >= 1
        if event == "wait":
            stage.now += choice
        elif event == "lose":
            stage.sending.lost()
            written.clear()
        elif written:
            write = written.pop(choice % len(written))
            if event == "take":
                stage.sending.answered(write, 0, "id", stage.now)
            elif event == "refuse":
                stage.sending.answered(write, Status.RSUBMITFAIL, "", stage.now)
            elif event == "later":
                stage.sending.answered(write, Status.RSYSERR, "", stage.now)
            elif event == "throttle":
                stage.sending.throttled(write, Status.RTHROTTLED)
            else:
                stage.sending.overdue(write, 30.0, stage.now)
        ended.extend(o.text.sid for o in stage.sending.outcomes() if not isinstance(o, Deferred))
    stage.now = 600.0
    written.extend(stage.writes())
    stage.sending.lost()
    ended.extend(o.text.sid for o in stage.sending.outcomes() if not isinstance(o, Deferred))
    assert sorted(ended) == [text(number).sid for number in range(4)]
