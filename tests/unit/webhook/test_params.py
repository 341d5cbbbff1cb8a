"""The names of webhook parameters, as Twilio documents them, and whose cookies are kept together."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from offhook.webhook.params import (
    CallParams,
    MessageParams,
    RecordingParams,
    call_status_params,
    error_params,
    message_params,
    message_status_params,
    recording_status_params,
    voice_params,
)
from offhook.webhook.policy import cookie_key

CALL = CallParams("CA1", "AC1", "+1", "+2", "in-progress", "inbound")
MESSAGE = MessageParams("SM1", "AC1", "+1", "+2", "Hello")
STANDARD = {
    "CallSid": "CA1",
    "AccountSid": "AC1",
    "From": "+1",
    "To": "+2",
    "Caller": "+1",
    "Called": "+2",
    "CallStatus": "in-progress",
    "ApiVersion": "2010-04-01",
    "Direction": "inbound",
}


def test_voice() -> None:
    assert dict(voice_params(CALL)) == STANDARD


def test_voice_with_all_that_may_be_known() -> None:
    call = replace(
        CALL,
        forwarded_from="+3",
        caller_name="Ann",
        parent_call_sid="CA0",
        call_token="t",
        stir_verstat="TN-Validation-Passed-A",
        application_sid="AP1",
        extra=(("FromCountry", "US"),),
    )
    assert dict(voice_params(call)) == STANDARD | {
        "ForwardedFrom": "+3",
        "CallerName": "Ann",
        "ParentCallSid": "CA0",
        "CallToken": "t",
        "StirVerstat": "TN-Validation-Passed-A",
        "ApplicationSid": "AP1",
        "FromCountry": "US",
    }


def test_call_status() -> None:
    params = call_status_params(
        replace(CALL, status="completed"),
        sequence=3,
        timestamp="Tue, 18 Aug 2015 17:07:30 +0000",
        duration=61,
        sip_response_code=200,
        recording=RecordingParams("RE1", "http://r", 60),
    )
    assert dict(params) == STANDARD | {
        "CallStatus": "completed",
        "CallDuration": "61",
        "Duration": "2",
        "Timestamp": "Tue, 18 Aug 2015 17:07:30 +0000",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
        "SipResponseCode": "200",
        "RecordingUrl": "http://r",
        "RecordingSid": "RE1",
        "RecordingDuration": "60",
    }


@pytest.mark.parametrize(("seconds", "minutes"), [(0, "0"), (1, "1"), (60, "1"), (61, "2")])
def test_started_minutes(seconds: int, minutes: str) -> None:
    assert dict(call_status_params(CALL, sequence=0, timestamp="", duration=seconds))["Duration"] == minutes


def test_a_call_that_goes_on_has_no_duration() -> None:
    assert set(dict(call_status_params(CALL, sequence=0, timestamp="t"))) == set(STANDARD) | {
        "Timestamp",
        "CallbackSource",
        "SequenceNumber",
    }


def test_recording_status() -> None:
    assert dict(
        recording_status_params(
            account_sid="AC1",
            call_sid="CA1",
            recording=RecordingParams("RE1", "http://r", 4),
            status="completed",
            source="RecordVerb",
            start_time="s",
        )
    ) == {
        "AccountSid": "AC1",
        "CallSid": "CA1",
        "RecordingSid": "RE1",
        "RecordingUrl": "http://r",
        "RecordingStatus": "completed",
        "RecordingDuration": "4",
        "RecordingChannels": "1",
        "RecordingStartTime": "s",
        "RecordingSource": "RecordVerb",
        "RecordingTrack": "both",
    }


def test_message() -> None:
    message = replace(MESSAGE, media=(("http://m/0", "image/png"), ("http://m/1", "image/gif")))
    assert dict(message_params(message)) == {
        "MessageSid": "SM1",
        "SmsSid": "SM1",
        "SmsMessageSid": "SM1",
        "AccountSid": "AC1",
        "From": "+1",
        "To": "+2",
        "Body": "Hello",
        "NumMedia": "2",
        "NumSegments": "1",
        "MediaUrl0": "http://m/0",
        "MediaContentType0": "image/png",
        "MediaUrl1": "http://m/1",
        "MediaContentType1": "image/gif",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }


def test_message_status() -> None:
    assert dict(message_status_params(MESSAGE, status="delivered", error_code=30003)) == {
        "MessageSid": "SM1",
        "SmsSid": "SM1",
        "MessageStatus": "delivered",
        "SmsStatus": "delivered",
        "To": "+2",
        "From": "+1",
        "AccountSid": "AC1",
        "ApiVersion": "2010-04-01",
    }
    failed = dict(message_status_params(MESSAGE, status="undelivered", error_code=30003))
    assert failed["ErrorCode"] == "30003"


def test_what_a_fallback_is_told() -> None:
    assert error_params(11200, "http://x") == [("ErrorCode", "11200"), ("ErrorUrl", "http://x")]


def test_cookies_are_kept_per_pair() -> None:
    assert cookie_key("AC1", "+1", "+2") == cookie_key("AC1", "+1", "+2")
    assert (
        len({cookie_key("AC1", "+1", "+2"), cookie_key("AC1", "+2", "+1"), cookie_key("AC2", "+1", "+2")})
        == 3
    )
