"""<Start>: what goes on beside the document.

| noun | attribute | default | bad value |
|---|---|---|---|
| Recording | recordingStatusCallback | none | 13256 |
| Recording | recordingStatusCallbackMethod | POST | 12200 |
| Recording | recordingStatusCallbackEvent | completed | 13621 |
| Recording | trim | do-not-trim | 12200 |
| Recording | track | both | 12200 |
| Recording | channels | mono | 12200 |
"""

from __future__ import annotations

from tests.unit.twiml.transcript import attribute_table, codes, run

from offhook.twiml.effects import RecordCall, Speak, StatusCallback
from offhook.twiml.verbs.start import Recording


def recorded(attributes: str = "", inner: str = "") -> list[RecordCall]:
    call = run(f"<Start><Recording {attributes}/>{inner}</Start><Say>Hello</Say>")
    assert isinstance(call.asked[-1], Speak)
    return [effect for effect in call.asked if isinstance(effect, RecordCall)]


def test_attributes() -> None:
    assert attribute_table(Recording) == {
        "recordingStatusCallback": (None, 13256),
        "recordingStatusCallbackMethod": ("POST", 12200),
        "recordingStatusCallbackEvent": (("completed",), 13621),
        "trim": ("do-not-trim", 12200),
        "track": ("both", 12200),
        "channels": ("mono", 12200),
    }


def test_a_call_is_recorded_and_the_document_goes_on() -> None:
    assert recorded() == [RecordCall(1, "both", "do-not-trim")]
    callback = StatusCallback("https://app.example/voice/r", "POST", ("in-progress", "completed"))
    given = (
        'channels="dual" trim="trim-silence" recordingStatusCallback="r"'
        ' recordingStatusCallbackEvent="in-progress completed"'
    )
    assert recorded(given) == [RecordCall(2, "both", "trim-silence", callback)]


def test_one_track_is_one_channel() -> None:
    assert recorded('channels="dual" track="inbound"') == [RecordCall(1, "inbound", "do-not-trim")]


def test_what_cannot_be_started_is_passed_over() -> None:
    call = run('<Start><Stream url="wss://app/x"/><Recording/></Start><Say>Hello</Say>')
    assert codes(call.asked) == [13750]
    assert any(isinstance(effect, RecordCall) for effect in call.asked)
