"""<Echo>: it has no attributes, and no end but the call's."""

from __future__ import annotations

from tests.unit.twiml.transcript import run

from offhook.twiml.effects import Echo, EndEcho
from offhook.twiml.entry import InlineTwiml
from offhook.twiml.events import DigitPressed, HungUp, Redirected


def test_it_goes_on_until_the_far_end_hangs_up() -> None:
    call = run("<Echo/><Say>Never</Say>")
    echo = call.active(Echo).echo
    assert call.on(DigitPressed("1")) == []
    assert call.on(HungUp()) == [EndEcho(echo)]
    assert call.finished


def test_a_redirect_ends_it() -> None:
    call = run("<Echo/>")
    echo = call.active(Echo).echo
    asked = call.on(Redirected(InlineTwiml("<Response><Pause/></Response>")))
    assert EndEcho(echo) in asked
