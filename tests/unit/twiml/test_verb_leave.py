"""<Leave>: without attributes; it means something in the document of a wait alone."""

from __future__ import annotations

from tests.unit.twiml.transcript import attribute_table, only, run

from offhook.twiml.effects import Enqueue, LeaveQueue, Speak
from offhook.twiml.entry import InlineTwiml, Purpose
from offhook.twiml.events import Popped, Pushed
from offhook.twiml.verbs.leave import Leave


def test_it_has_no_attributes() -> None:
    assert attribute_table(Leave) == {}


def test_outside_of_a_queue_it_means_nothing() -> None:
    assert only(Speak, run("<Leave/><Say>On</Say>").asked).text == "On"


def test_it_is_at_work_until_the_wait_is_over() -> None:
    call = run("<Enqueue>Line</Enqueue>")
    call.on(Pushed(Purpose.QUEUE, InlineTwiml("<Response><Leave/><Say>Not heard</Say></Response>")))
    assert call.asked == [LeaveQueue()]
    assert call.on(Popped(Purpose.QUEUE)) == []
    assert call.active(Enqueue)
