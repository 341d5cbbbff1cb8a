"""The status callback of a call, whoever moves it: its voice node, the api, or the janitor."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from offhook.calls.request import CallRequest
from offhook.calls.status import CallbackEvent
from offhook.webhook.params import CallParams, RecordingParams, call_status_params


@dataclass(frozen=True, slots=True)
class Callback:
    """A request to be made. The `SequenceNumber` of a call's is added where its row is written."""

    url: str
    method: str
    params: tuple[tuple[str, str], ...]
    event: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of a call once it is over; `duration` in seconds."""

    duration: int
    sip_response_code: int | None = None
    answered_by: str | None = None
    recording: RecordingParams | None = None


def status_callback(
    asked: CallRequest, call: CallParams, event: CallbackEvent, at: datetime, outcome: Outcome | None = None
) -> Callback | None:
    """The callback that tells of `event`; None when nobody asked for it. `outcome` once the call is over."""
    if not asked.status_callback or event not in asked.status_callback_event:
        return None
    params = call_status_params(
        call,
        timestamp=format_datetime(at),
        duration=outcome.duration if outcome else None,
        sip_response_code=outcome.sip_response_code if outcome else None,
        recording=outcome.recording if outcome else None,
        answered_by=outcome.answered_by if outcome else None,
    )
    return Callback(asked.status_callback, asked.status_callback_method, tuple(params), event)
