"""Filters by time, as the official SDK writes them: the same for every list that has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from tests.contract.conftest import Tenant
from twilio.rest import Client  # type: ignore[import-untyped]

from offhook import clock
from offhook.store.records import CallRecord, MessageRecord, NotificationRecord, RecordingRecord
from offhook.store.store import Store

AT = datetime(2021, 5, 17, 10, 5, 3, 700_000, tzinfo=UTC)
SHOWN = AT.replace(microsecond=0)
SECOND = timedelta(seconds=1)

LISTS: dict[str, tuple[str, Callable[[Client], Any]]] = {
    "calls by start": ("start_time", lambda client: client.calls),
    "calls by end": ("end_time", lambda client: client.calls),
    "messages": ("date_sent", lambda client: client.messages),
    "recordings": ("date_created", lambda client: client.recordings),
    "notifications": ("message_date", lambda client: client.api.account.notifications),
}


async def seed(store: Store, account: str) -> None:
    """One of each, of one moment."""
    call, text = clock.new_sid("CA"), clock.new_sid("SM")
    made = CallRecord(call, account, "+15551230000", "+15551230001", "completed", "outbound-api", AT, AT)
    await store.calls.insert(replace(made, start_time=AT, end_time=AT))
    await store.messages.insert_inbound(
        MessageRecord(text, account, "+1", "+1", "x", "received", "inbound", AT, AT, date_sent=AT)
    )
    recording = clock.new_sid("RE")
    await store.recordings.create(
        RecordingRecord(recording, account, call, "RecordVerb", "completed", AT, AT)
    )
    await store.notifications.create(
        NotificationRecord(clock.new_sid("NO"), account, call, None, 0, 11200, AT, "x")
    )


@pytest.mark.parametrize("what", LISTS)
def test_days_and_seconds(tenant: Tenant, what: str) -> None:
    tenant.api.with_store(lambda store: seed(store, tenant.account_sid))
    name, resource = LISTS[what]

    def found(operator: str, value: date) -> bool:
        listed = resource(tenant.client()).list(**{name + operator: value})
        return len(listed) == 1

    day = AT.date()
    assert found("", day)
    assert found("", datetime(2021, 5, 17, tzinfo=UTC))
    assert not found("", day - timedelta(days=1))
    assert not found("", day + timedelta(days=1))
    assert found("_after", day)
    assert found("_before", day + timedelta(days=1))
    if name == "message_date":
        return  # the SDK sends its day alone
    assert found("", SHOWN)
    assert not found("", SHOWN + SECOND)
    assert found("_after", SHOWN)
    assert not found("_after", SHOWN + SECOND)
    assert found("_before", SHOWN)
    assert not found("_before", SHOWN - SECOND)


@pytest.mark.parametrize("what", LISTS)
@pytest.mark.parametrize("value", ["9999-12-31", "0001-01-01T00:00:00+14:00", "yesterday"])
def test_times_that_cannot_be(tenant: Tenant, what: str, value: str) -> None:
    name = "".join(part.title() for part in LISTS[what][0].split("_"))
    kind = what.partition(" ")[0].title()
    answer = tenant.request("GET", f"/{kind}.json", params={name: value})
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)
