"""The status callback of a call."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from offhook.calls.callbacks import Outcome, status_callback
from offhook.calls.request import CallRequest
from offhook.calls.status import CallbackEvent
from offhook.webhook.params import CallParams, RecordingParams

CALL = CallParams("CA1", "AC1", "+15550100", "+15550101", "completed", "outbound-api")
ASKED = CallRequest(status_callback="http://app/status", status_callback_method="GET")
AT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def test_the_end_of_a_call_is_told_with_what_became_of_it() -> None:
    recording = RecordingParams(sid="RE1", url="http://api/RE1", duration=60)
    told = status_callback(ASKED, CALL, CallbackEvent.COMPLETED, AT, Outcome(61, 200, "human", recording))
    assert told is not None
    assert (told.url, told.method, told.event) == ("http://app/status", "GET", CallbackEvent.COMPLETED)
    params = dict(told.params)
    assert params["Timestamp"] == "Sun, 01 Mar 2026 12:00:05 +0000"
    assert (params["CallDuration"], params["Duration"]) == ("61", "2")
    assert (params["SipResponseCode"], params["AnsweredBy"]) == ("200", "human")
    assert (params["RecordingSid"], params["RecordingDuration"]) == ("RE1", "60")


def test_before_the_end_there_is_no_outcome() -> None:
    asked = CallRequest(status_callback="http://app/status", status_callback_event=tuple(CallbackEvent))
    told = status_callback(asked, CALL, CallbackEvent.RINGING, AT)
    assert told is not None
    assert not {"CallDuration", "Duration", "SipResponseCode", "AnsweredBy", "RecordingSid"} & {
        name for name, _ in told.params
    }


@pytest.mark.parametrize("asked", [CallRequest(), ASKED], ids=["no callback", "another event"])
def test_nobody_is_told_what_they_did_not_ask_for(asked: CallRequest) -> None:
    assert status_callback(asked, CALL, CallbackEvent.RINGING, AT) is None
