"""What was asked of a call, as it is kept and as it is acted on."""

from __future__ import annotations

import msgspec
import pytest

from offhook.calls.request import CallRequest
from offhook.calls.status import CallbackEvent
from offhook.twiml.effects import StatusCallback
from offhook.twiml.entry import EntryPoint, InlineTwiml


def test_what_was_not_asked_for_is_not_kept() -> None:
    asked = CallRequest(url="http://app/voice", status_callback_event=(CallbackEvent.RINGING,), timeout=5)
    kept = asked.stored()
    assert kept == {"url": "http://app/voice", "status_callback_event": ("ringing",), "timeout": 5}
    assert CallRequest.read(msgspec.json.decode(msgspec.json.encode(kept))) == asked


def test_a_row_that_says_something_else_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="timeout"):
        CallRequest.read({"timeout": "soon"})


@pytest.mark.parametrize(
    ("asked", "entry"),
    [
        (CallRequest(url="http://app/voice"), EntryPoint("http://app/voice", "POST", None, "POST")),
        (
            CallRequest(url="http://a", method="GET", fallback_url="http://b", twiml="<Response/>"),
            EntryPoint("http://a", "GET", "http://b", "POST"),
        ),
        (CallRequest(twiml="<Response><Reject/></Response>"), InlineTwiml("<Response><Reject/></Response>")),
        (CallRequest(), InlineTwiml("<Response/>")),
    ],
    ids=["a URL", "a URL before TwiML", "TwiML", "nothing"],
)
def test_what_the_call_runs(asked: CallRequest, entry: EntryPoint | InlineTwiml) -> None:
    assert asked.entry == entry


def test_whom_the_recording_is_told() -> None:
    assert CallRequest(record=True).recording_callback is None
    asked = CallRequest(record=True, recording_status_callback="http://app/recorded")
    assert asked.recording_callback == StatusCallback("http://app/recorded", "POST", ("completed",))
