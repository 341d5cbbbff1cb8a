"""What was asked of a call when it was made: by the API, by a number's settings, or by a noun of ``<Dial>``.

Kept as JSON in the call's row, and read by whoever acts on it: the voice node that runs the call, and the api and the
janitor, which end calls that no node runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from offhook.calls.status import CallbackEvent
from offhook.twiml.effects import StatusCallback
from offhook.twiml.entry import Entry, EntryPoint, InlineTwiml, Method


class CallRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The request's parameters, under their names of the API in lower case. Times are in seconds.

    Attributes:
        application_sid: the application that gave the URLs.
        status_callback_event: the events that the status callback reports.
        send_digits: keys pressed as soon as the call is answered.
        conference: the SID of the only conference that its TwiML may enter.
        early_media: whether it enters that before it is answered, when there is something to hear of it.
        sip_auth_username, sip_auth_password: who we are, should the SIP address called ask.
        webhook_params: what every webhook of the call says besides the standard parameters (``SipHeader_X-…``).
    """

    url: str | None = None
    method: Method = "POST"
    fallback_url: str | None = None
    fallback_method: Method = "POST"
    twiml: str | None = None
    application_sid: str | None = None
    status_callback: str | None = None
    status_callback_method: Method = "POST"
    status_callback_event: tuple[CallbackEvent, ...] = (CallbackEvent.COMPLETED,)
    timeout: int = 60
    time_limit: int = 14400
    send_digits: str | None = None
    conference: str | None = None
    early_media: bool = False
    record: bool = False
    recording_channels: Literal["mono", "dual"] = "mono"
    recording_track: Literal["both", "inbound", "outbound"] = "both"
    recording_status_callback: str | None = None
    recording_status_callback_method: Method = "POST"
    recording_status_callback_event: tuple[str, ...] = ("completed",)
    trim: Literal["trim-silence", "do-not-trim"] = "trim-silence"
    sip_auth_username: str | None = None
    sip_auth_password: str | None = None
    webhook_params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> CallRequest:
        """The request in a call's row. Raises msgspec.ValidationError."""
        return msgspec.convert(stored, cls)

    def stored(self) -> dict[str, Any]:
        """As it is kept in a call's row: what was not asked for is left out."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept

    @property
    def entry(self) -> Entry:
        """The TwiML to run: a URL wins over TwiML itself."""
        if self.url:
            return EntryPoint(self.url, self.method, self.fallback_url, self.fallback_method)
        return InlineTwiml(self.twiml or "<Response/>")

    @property
    def recording_callback(self) -> StatusCallback | None:
        """Whom to tell about the recording of the whole call."""
        if not self.recording_status_callback:
            return None
        return StatusCallback(
            self.recording_status_callback,
            self.recording_status_callback_method,
            self.recording_status_callback_event,
        )
