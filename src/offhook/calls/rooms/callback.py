"""The status callback of a conference, whoever writes it: the node that keeps the room, or the janitor."""

from __future__ import annotations

from datetime import datetime
from email.utils import format_datetime

from offhook.calls.callbacks import Callback
from offhook.calls.rooms.conference import Conference
from offhook.calls.rooms.effects import Report
from offhook.webhook.params import conference_params


def conference_callback(room: Conference, report: Report, at: datetime) -> Callback | None:
    """The request that tells of an event of a conference; None when nobody asked for it."""
    if room.callback is None or report.sequence is None:
        return None
    params = conference_params(
        sid=room.sid,
        friendly_name=room.friendly_name,
        account_sid=room.account_sid,
        event=report.event,
        sequence=report.sequence,
        timestamp=format_datetime(at),
        extra=report.params,
    )
    return Callback(room.callback.url, room.callback.method, tuple(params), report.event)
