"""The resources of ``/2010-04-01``, a file each. A new one: ``make scaffold KIND=resource NAME=…``."""

from __future__ import annotations

from typing import Final

from offhook.api.operations import Resource
from offhook.api.v2010 import (
    accounts,
    applications,
    balance,
    call_events,
    call_recordings,
    calls,
    conference_recordings,
    conferences,
    incoming_phone_numbers,
    members,
    messages,
    new_participant,
    notifications,
    participants,
    queues,
    recordings,
)

RESOURCES: Final[tuple[Resource, ...]] = (
    accounts.accounts,
    applications.applications,
    balance.balances,
    call_events.call_events,
    call_recordings.call_recordings,
    calls.calls,
    conference_recordings.conference_recordings,
    conferences.conferences,
    incoming_phone_numbers.incoming_phone_numbers,
    members.members,
    messages.messages,
    new_participant.new_participants,
    notifications.notifications,
    participants.participants,
    queues.queues,
    recordings.recordings,
)
