"""The resources of ``/2010-04-01``, a file each. A new one: ``make scaffold KIND=resource NAME=…``."""

from __future__ import annotations

from typing import Final

from offhook.api.operations import Resource
from offhook.api.v2010 import (
    accounts,
    balance,
    call_events,
    calls,
    incoming_phone_numbers,
    messages,
    notifications,
    recordings,
)

RESOURCES: Final[tuple[Resource, ...]] = (
    accounts.accounts,
    balance.balances,
    call_events.call_events,
    calls.calls,
    incoming_phone_numbers.incoming_phone_numbers,
    messages.messages,
    notifications.notifications,
    recordings.recordings,
)
