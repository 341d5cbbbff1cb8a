"""How an orphaned call ends."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.harness import rows

from offhook.janitor.orphans import ending

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def orphan(**fields: Any) -> Any:
    return rows.call(request={"status_callback": "http://x/", **fields.pop("request", {})}, **fields)


def test_a_call_that_was_answered_is_completed_and_paid_for() -> None:
    call = orphan(status="in-progress", start_time=NOW - timedelta(seconds=61), direction="inbound")
    end = ending(call, NOW)
    assert (end.status, end.duration, end.price, end.end_time) == ("completed", 61, Decimal("-0.02000"), NOW)
    [callback] = end.callbacks
    params = dict(callback.params)
    assert (params["CallStatus"], params["CallDuration"], params["Duration"]) == ("completed", "61", "2")
    assert params["Timestamp"] == "Mon, 04 May 2026 12:00:00 +0000"
    assert callback.numbered
    assert "SequenceNumber" not in params


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing"])
def test_a_call_that_was_not_answered_failed_and_is_free(status: str) -> None:
    end = ending(orphan(status=status), NOW)
    assert (end.status, end.duration, end.price) == ("failed", 0, Decimal("0.00000"))
    assert dict(end.callbacks[0].params)["CallStatus"] == "failed"


def test_who_did_not_ask_for_the_end_is_not_told() -> None:
    assert ending(rows.call(status="ringing"), NOW).callbacks == []
    ringing_only = orphan(status="ringing", request={"status_callback_event": ["ringing"]})
    assert ending(ringing_only, NOW).callbacks == []
