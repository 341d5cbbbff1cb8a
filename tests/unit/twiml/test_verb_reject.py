"""<Reject>: `reason`, rejected (default) or busy, bad value 13810. And <Hangup>, which has no attributes."""

from __future__ import annotations

from tests.unit.twiml.transcript import RINGING, attribute_table, codes, run

from offhook.twiml.effects import Answer, Decline, HangUp
from offhook.twiml.verbs.hangup import Hangup
from offhook.twiml.verbs.reject import Reject


def test_attributes() -> None:
    assert attribute_table(Reject) == {"reason": ("rejected", 13810)}
    assert attribute_table(Hangup) == {}


def test_the_first_verb_refuses_the_call_unanswered() -> None:
    call = run('<Reject reason="busy"/><Say>never</Say>', RINGING)
    assert call.asked == [Decline("busy")]
    assert call.finished


def test_an_answered_call_is_ended() -> None:
    assert run("<Reject/>").asked == [HangUp()]
    call = run("<Say>Hello</Say><Reject/>", RINGING)
    assert call.played() == [HangUp()]


def test_bad_reason() -> None:
    asked = run('<Reject reason="no"/>', RINGING).asked
    assert codes(asked) == [13810]
    assert asked[-1] == Decline("rejected")


def test_hangup_does_not_keep_a_call_from_being_answered() -> None:
    call = run("<Hangup/><Say>never</Say>", RINGING)
    assert call.asked == [Answer(), HangUp()]
    assert call.finished
