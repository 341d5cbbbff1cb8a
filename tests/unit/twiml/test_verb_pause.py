"""<Pause>: `length`, default 1 second, bad value 13910."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import RINGING, attribute_table, codes, run

from offhook.twiml.effects import Answer, Decline, HangUp, Speak, StartTimer, StopTimer
from offhook.twiml.events import HungUp
from offhook.twiml.verbs.pause import Pause


def test_attributes() -> None:
    assert attribute_table(Pause) == {"length": (1, 13910)}


def test_waits() -> None:
    call = run('<Pause length="3"/>')
    assert call.asked == [StartTimer(2, 3)]
    assert call.fired() == [HangUp()]


def test_lets_an_inbound_call_ring_on() -> None:
    call = run('<Pause length="10"/><Say>Hello</Say>', RINGING)
    assert call.asked == [StartTimer(2, 10)]
    assert call.fired() == [Answer(), Speak(3, "Hello", "man", "en-US")]


def test_the_call_may_still_be_refused_after_it() -> None:
    call = run("<Pause/><Reject/>", RINGING)
    assert call.fired() == [Decline("rejected")]


@pytest.mark.parametrize("length", ["0", "-1", "", "x", "1e3", "٣"])
def test_bad_values_are_ignored_with_a_warning(length: str) -> None:
    call = run(f'<Pause length="{length}"/>')
    assert codes(call.asked) == [13910]
    assert call.asked[-1] == StartTimer(2, 1)


def test_hanging_up_ends_it() -> None:
    call = run("<Pause/><Say>never</Say>")
    assert call.on(HungUp()) == [StopTimer(2)]
    assert call.finished


@pytest.mark.parametrize("length", ["100000", "99999999999999999999", "9" * 9999])
def test_too_long_becomes_the_longest(length: str) -> None:
    call = run(f'<Pause length="{length}"/>')
    assert codes(call.asked) == [13910]
    assert call.active(StartTimer).seconds == 86400
