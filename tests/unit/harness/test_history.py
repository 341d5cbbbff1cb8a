"""The history checker finds what cannot have happened, and nothing else."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from tests.harness import rows
from tests.harness.history import HeardCallback, History, check
from tests.harness.services import ACCOUNT

from offhook.clock import utcnow
from offhook.store.records import LedgerEntry, TimelineEntry, TimelineKind

NOW = utcnow()
CENT = Decimal("-0.01000")
CALL = rows.call(
    status="completed", start_time=NOW, end_time=NOW + timedelta(seconds=9), duration=9, price=CENT
)
STEPS = ("queued", "ringing", "in-progress", "completed")


def booked(*amounts: Decimal, sid: str = CALL.sid) -> list[LedgerEntry]:
    balance = Decimal(0)
    entries = []
    for number, amount in enumerate(amounts):
        balance += amount
        entries.append(LedgerEntry(number, ACCOUNT, sid, "call", amount, balance, "USD", NOW))
    return entries


def timeline(*names: str) -> dict[str, list[TimelineEntry]]:
    return {CALL.sid: [TimelineEntry(CALL.sid, ACCOUNT, NOW, TimelineKind.STATUS, name) for name in names]}


def heard(*statuses: str) -> list[HeardCallback]:
    return [
        HeardCallback(
            {"CallSid": CALL.sid, "CallStatus": status, "SequenceNumber": str(number)}, f"t{number}"
        )
        for number, status in enumerate(statuses)
    ]


GOOD = History([CALL], [], booked(CENT), timeline(*STEPS), heard("ringing", "in-progress", "completed"))


def test_a_history_as_it_should_be_is_accepted() -> None:
    assert check(GOOD) == []


def test_a_callback_may_be_repeated_until_it_is_answered() -> None:
    calls = heard("ringing", "completed")
    assert check(dataclasses.replace(GOOD, callbacks=[calls[0], calls[0], calls[1], calls[1]])) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"entries": booked(CENT, CENT)}, "was booked"),
        ({"entries": []}, "was booked"),
        ({"entries": [dataclasses.replace(booked(CENT)[0], balance=Decimal(0))]}, "does not add up"),
        ({"calls": [structs.replace(CALL, status="ringing")]}, "never ended"),
        ({"calls": [structs.replace(CALL, start_time=None)]}, "never answered"),
        ({"calls": [structs.replace(CALL, end_time=None)]}, "without an end"),
        ({"calls": [structs.replace(CALL, status="busy")]}, "cost"),
        ({"timelines": timeline("queued", "completed", "ringing")}, "ringing after completed"),
        ({"timelines": timeline("queued", "completed", "failed")}, "failed after completed"),
        ({"callbacks": heard("in-progress", "ringing")}, "ringing after in-progress"),
        ({"callbacks": heard("completed", "completed")}, "completed after completed"),
        ({"callbacks": heard("busy")}, "last callback told busy"),
        ({"callbacks": list(reversed(heard("ringing", "completed")))}, "numbered"),
        ({"callbacks": [*heard("ringing", "completed"), heard("ringing")[0]]}, "repeated after"),
        ({"callbacks": [*heard("ringing"), HeardCallback({"CallSid": CALL.sid}, "t0")]}, "differs"),
        ({"callbacks": [HeardCallback({"CallSid": "CA0"}, "t")]}, "does not exist"),
    ],
)
def test_what_cannot_have_happened_is_found(changes: dict[str, Any], problem: str) -> None:
    problems = check(dataclasses.replace(GOOD, **changes))
    assert any(problem in line for line in problems), problems
