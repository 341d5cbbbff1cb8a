"""The parameters of every webhook: names and order as Twilio sends them, values as text.

Each function returns a list of (name, value); what a request adds of its own (`Digits`, …) is appended by the
caller. Parameters whose value is not known are left out, as Twilio does. Dates come in already formatted
(RFC 2822), durations in seconds.
"""

from __future__ import annotations

from math import ceil

from msgspec import Struct

Params = list[tuple[str, str]]
API_VERSION = "2010-04-01"


class CallParams(Struct, frozen=True):
    """What every webhook of a call says about it.

    `status` is a CallStatus, `direction` one of inbound, outbound-api, outbound-dial. `extra` goes after the
    standard ones: geography, `SipHeader_X-…` and `SipDomain`, the parameters of a browser's `connect()`.
    """

    call_sid: str
    account_sid: str
    from_: str
    to: str
    status: str
    direction: str
    forwarded_from: str | None = None
    caller_name: str | None = None
    parent_call_sid: str | None = None
    call_token: str | None = None
    stir_verstat: str | None = None
    application_sid: str | None = None
    api_version: str = API_VERSION
    extra: tuple[tuple[str, str], ...] = ()


class RecordingParams(Struct, frozen=True):
    """A recording as webhooks name it; `duration` in seconds, None while it runs."""

    sid: str
    url: str
    duration: int | None


class MessageParams(Struct, frozen=True):
    """What every webhook of a message says about it. `media`: (URL, content type) of each."""

    message_sid: str
    account_sid: str
    from_: str
    to: str
    body: str = ""
    num_segments: int = 1
    media: tuple[tuple[str, str], ...] = ()
    messaging_service_sid: str | None = None
    api_version: str = API_VERSION
    extra: tuple[tuple[str, str], ...] = ()


def voice_params(call: CallParams) -> Params:
    """The standard parameters of every request for voice TwiML."""
    return _known(
        ("CallSid", call.call_sid),
        ("AccountSid", call.account_sid),
        ("From", call.from_),
        ("To", call.to),
        ("Caller", call.from_),
        ("Called", call.to),
        ("CallStatus", call.status),
        ("ApiVersion", call.api_version),
        ("Direction", call.direction),
        ("ForwardedFrom", call.forwarded_from),
        ("CallerName", call.caller_name),
        ("ParentCallSid", call.parent_call_sid),
        ("CallToken", call.call_token),
        ("StirVerstat", call.stir_verstat),
        ("ApplicationSid", call.application_sid),
        *call.extra,
    )


def call_status_params(
    call: CallParams,
    *,
    timestamp: str,
    sequence: int | None = None,
    duration: int | None = None,
    sip_response_code: int | None = None,
    recording: RecordingParams | None = None,
    answered_by: str | None = None,
) -> Params:
    """A status callback of a call. `duration` only once it is over; `Duration` is it in started minutes.

    Without `sequence` the number is added where the call's row is written.
    """
    minutes = None if duration is None else ceil(duration / 60)
    return voice_params(call) + _known(
        ("CallDuration", duration),
        ("Duration", minutes),
        ("Timestamp", timestamp),
        ("CallbackSource", "call-progress-events"),
        ("SequenceNumber", sequence),
        ("SipResponseCode", sip_response_code),
        *(recording_params(recording) if recording else ()),
        ("AnsweredBy", answered_by),
    )


def recording_params(recording: RecordingParams) -> Params:
    """The three parameters by which every webhook names a recording."""
    return _known(
        ("RecordingUrl", recording.url),
        ("RecordingSid", recording.sid),
        ("RecordingDuration", recording.duration),
    )


def recording_status_params(
    *,
    account_sid: str,
    call_sid: str | None,
    conference_sid: str | None = None,
    recording: RecordingParams,
    status: str,
    source: str,
    start_time: str,
    channels: int = 1,
    track: str = "both",
    error_code: int | None = None,
) -> Params:
    """A recordingStatusCallback; `status` is in-progress, completed, absent or failed."""
    return _known(
        ("AccountSid", account_sid),
        ("CallSid", call_sid),
        ("ConferenceSid", conference_sid),
        ("RecordingSid", recording.sid),
        ("RecordingUrl", recording.url),
        ("RecordingStatus", status),
        ("RecordingDuration", recording.duration),
        ("RecordingChannels", channels),
        ("RecordingStartTime", start_time),
        ("RecordingSource", source),
        ("RecordingTrack", track),
        ("ErrorCode", error_code),
    )


def conference_params(
    *,
    sid: str,
    friendly_name: str,
    account_sid: str,
    event: str,
    sequence: int,
    timestamp: str,
    extra: tuple[tuple[str, str], ...] = (),
) -> Params:
    """A status callback of a conference; `extra` says of whom, or why."""
    return _known(
        ("ConferenceSid", sid),
        ("FriendlyName", friendly_name),
        ("AccountSid", account_sid),
        ("SequenceNumber", sequence),
        ("Timestamp", timestamp),
        ("StatusCallbackEvent", event),
        *extra,
    )


def message_params(message: MessageParams) -> Params:
    """The request for messaging TwiML when a message came in."""
    media = [
        pair
        for index, (url, content_type) in enumerate(message.media)
        for pair in ((f"MediaUrl{index}", url), (f"MediaContentType{index}", content_type))
    ]
    return _known(
        ("MessageSid", message.message_sid),
        ("SmsSid", message.message_sid),
        ("SmsMessageSid", message.message_sid),
        ("AccountSid", message.account_sid),
        ("MessagingServiceSid", message.messaging_service_sid),
        ("From", message.from_),
        ("To", message.to),
        ("Body", message.body),
        ("NumMedia", len(message.media)),
        ("NumSegments", message.num_segments),
        *media,
        ("SmsStatus", "received"),
        ("ApiVersion", message.api_version),
        *message.extra,
    )


def message_status_params(
    message: MessageParams,
    *,
    status: str,
    error_code: int | None = None,
    raw_dlr_done_date: str | None = None,
) -> Params:
    """A status callback of an outbound message. The error is given for failed and undelivered ones only."""
    return _known(
        ("MessageSid", message.message_sid),
        ("SmsSid", message.message_sid),
        ("MessageStatus", status),
        ("SmsStatus", status),
        ("To", message.to),
        ("From", message.from_),
        ("AccountSid", message.account_sid),
        ("ApiVersion", message.api_version),
        ("MessagingServiceSid", message.messaging_service_sid),
        ("ErrorCode", error_code if status in ("failed", "undelivered") else None),
        ("RawDlrDoneDate", raw_dlr_done_date),
        *message.extra,
    )


def error_params(code: int, url: str) -> Params:
    """What a request to a fallback URL adds: the error, and the URL that caused it."""
    return [("ErrorCode", str(code)), ("ErrorUrl", url)]


def _known(*pairs: tuple[str, str | int | None]) -> Params:
    return [(name, str(value)) for name, value in pairs if value is not None]
