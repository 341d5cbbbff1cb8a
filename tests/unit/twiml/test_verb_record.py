"""<Record>.

| attribute | default | bad value |
|---|---|---|
| action | the current document | 11100 |
| method | POST | 13610 |
| timeout | 5 s of silence | 13611 |
| finishOnKey | 1234567890*# | 13613 |
| maxLength | 3600 s | 13612 |
| playBeep | true | 13616 |
| trim | do-not-trim | 13699 |
| recordingStatusCallback | none | 13256 |
| recordingStatusCallbackMethod | POST | 13610 |
| recordingStatusCallbackEvent | completed | 13621 |
"""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import URL, Transcript, attribute_table, codes, run

from offhook.twiml.effects import (
    Beep,
    Fetch,
    HangUp,
    Speak,
    StartRecording,
    StatusCallback,
    StopPlay,
    StopRecording,
)
from offhook.twiml.entry import InlineTwiml
from offhook.twiml.events import HungUp, RecordingDone, Redirected
from offhook.twiml.verbs.record import Record

RECORDING = (("RecordingUrl", "http://r/RE1"), ("RecordingSid", "RE1"), ("RecordingDuration", "4"))


def recording(attributes: str = "") -> Transcript:
    """The moment after the beep."""
    call = run(f"<Record {attributes}/><Say>after</Say>")
    call.played()
    return call


def done(call: Transcript, reason: str = "silence", empty: bool = False) -> RecordingDone:
    started = call.active(StartRecording).recording
    return RecordingDone(started, "RE1", "http://r/RE1", 4, reason, empty)  # type: ignore[arg-type]


def test_attributes() -> None:
    assert attribute_table(Record) == {
        "action": (None, 11100),
        "method": ("POST", 13610),
        "timeout": (5, 13611),
        "finishOnKey": ("1234567890*#", 13613),
        "maxLength": (3600, 13612),
        "playBeep": (True, 13616),
        "trim": ("do-not-trim", 13699),
        "recordingStatusCallback": (None, 13256),
        "recordingStatusCallbackMethod": ("POST", 13610),
        "recordingStatusCallbackEvent": (("completed",), 13621),
    }


def test_beeps_records_and_tells_the_action() -> None:
    call = run("<Record/>")
    assert call.asked == [Beep(2)]
    assert call.played() == [StartRecording(3, 3600, 5, "do-not-trim", None)]
    assert call.on(done(call)) == [Fetch(4, URL, "POST", RECORDING)]


def test_without_a_beep() -> None:
    call = run('<Record playBeep="false" maxLength="30" timeout="2" trim="trim-silence"/>')
    assert call.asked == [StartRecording(2, 30, 2, "trim-silence", None)]


def test_a_key_ends_it_and_is_told() -> None:
    call = recording('action="done" finishOnKey="#"')
    assert call.press("1") == []
    assert call.press("#") == [StopRecording(3)]
    assert call.press("#") == []
    asked = call.on(done(call, "stopped"))
    assert asked == [Fetch(4, "https://app.example/voice/done", "POST", (*RECORDING, ("Digits", "#")))]


def test_an_empty_recording_leads_to_the_next_verb() -> None:
    call = recording()
    assert call.on(done(call, empty=True)) == [Speak(4, "after", "man", "en-US")]


def test_the_action_is_requested_when_the_caller_hangs_up() -> None:
    call = recording()
    assert call.on(HungUp()) == [StopRecording(3)]
    assert not call.finished
    asked = call.on(done(call, "hangup"))
    assert asked == [Fetch(4, URL, "POST", (*RECORDING, ("Digits", "hangup")), final=True)]
    assert call.respond("<Response><Say>nobody hears this</Say></Response>") == []
    assert call.finished


def test_a_caller_who_hangs_up_without_a_word_leaves_nothing() -> None:
    call = recording()
    call.on(HungUp())
    assert call.on(done(call, "hangup", empty=True)) == []
    assert call.finished


def test_hanging_up_during_the_beep_leaves_nothing() -> None:
    call = run("<Record/>")
    assert call.on(HungUp()) == [StopPlay(2)]
    assert call.finished


def test_an_action_that_fails_after_the_caller_has_gone_is_told() -> None:
    call = recording()
    call.on(HungUp())
    call.on(done(call, "hangup"))
    assert codes(call.respond("", status=500)) == [11200]
    assert call.finished


def test_a_redirected_call_forgets_it() -> None:
    call = recording()
    asked = call.on(Redirected(InlineTwiml("<Response><Hangup/></Response>")))
    assert asked == [StopRecording(3), HangUp()]


def test_digits_pressed_before_it_do_not_end_it() -> None:
    call = run("<Pause/><Record playBeep='false'/><Gather/>")
    call.press("1")
    call.fired()
    assert call.on(done(call, empty=True))[-1].__class__.__name__ == "StartTimer"


def test_callback() -> None:
    call = recording('recordingStatusCallback="/rec" recordingStatusCallbackEvent="in-progress completed"')
    callback = StatusCallback("https://app.example/rec", "POST", ("in-progress", "completed"))
    assert call.active(StartRecording).callback == callback


@pytest.mark.parametrize(
    ("attribute", "code"),
    [
        ('method="x"', 13610),
        ('timeout="long"', 13611),
        ('recordingConfigurationId="x"', 12200),
        ('maxLength="0"', 13612),
        ('finishOnKey="x"', 13613),
        ('transcribe="x"', 13614),
        ('playBeep="x"', 13616),
        ('trim="x"', 13699),
        ('transcribe="true"', 13619),
        ('recordingStatusCallbackEvent="x"', 13621),
    ],
)
def test_bad_values_are_ignored_with_a_warning(attribute: str, code: int) -> None:
    call = run(f"<Record {attribute}/>")
    assert codes(call.asked) == [code]
    assert call.played() == [StartRecording(3, 3600, 5, "do-not-trim", None)]


def test_without_a_limit_of_silence() -> None:
    call = run('<Record timeout="0" playBeep="false"/>')
    assert call.asked == [StartRecording(2, 3600, None, "do-not-trim", None)]


@pytest.mark.parametrize(
    ("attribute", "code", "silence", "length"),
    [
        ('timeout="-1"', 13611, 1, 3600),
        ('maxLength="20000"', 13612, 5, 14400),
        ('maxLength="-5"', 13612, 5, 3600),
    ],
)
def test_bad_times_become_the_nearest_that_is_allowed(
    attribute: str, code: int, silence: int, length: int
) -> None:
    call = run(f'<Record {attribute} playBeep="false"/>')
    assert codes(call.asked) == [code]
    assert call.active(StartRecording) == StartRecording(2, length, silence, "do-not-trim", None)


def test_a_callback_that_cannot_be_requested() -> None:
    call = run('<Record recordingStatusCallback="mailto:x"/>')
    assert codes(call.played()) == [13256]
