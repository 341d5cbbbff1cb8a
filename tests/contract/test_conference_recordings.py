"""Recordings of conferences in progress, by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from tests.contract.test_conferences import held, refused
from tests.contract.voice_node import voice_node

from offhook.clock import new_sid, utcnow
from offhook.store.conferences import ConferenceChange
from offhook.store.records import RecordingRecord
from offhook.store.store import Store


def recorded(tenant: Tenant) -> tuple[str, str]:
    """A live conference that is being recorded; its SID and that of the recording."""
    conference, _ = held(tenant, {})
    now = utcnow()
    record = RecordingRecord(
        *(new_sid("RE"), tenant.account_sid, None, "Conference", "in-progress", now, now),
        conference_sid=conference,
    )

    async def make(store: Store) -> None:
        await store.recordings.create(record)

    tenant.api.with_store(make)
    return conference, record.sid


def change(tenant: Tenant, conference: str, recording: str, **form: str) -> Any:
    return tenant.request("POST", f"/Conferences/{conference}/Recordings/{recording}.json", data=form)


def test_a_recording_is_changed_by_the_node_of_its_conference(tenant: Tenant) -> None:
    conference, sid = recorded(tenant)
    asked = {"op": "conference-recording", "account": tenant.account_sid, "sid": conference, "recording": sid}
    with voice_node(tenant) as node:
        answer = change(tenant, conference, sid, Status="paused")
        assert_matches("UpdateConferenceRecording", 200, answer.json())
        assert (answer.json()["sid"], answer.json()["conference_sid"]) == (sid, conference)
        assert node.last == {**asked, "status": "paused", "silence": True}
        recordings = tenant.client().conferences(conference).recordings
        assert recordings(sid).update(status="paused", pause_behavior="skip").sid == sid
        assert node.last == {**asked, "status": "paused", "silence": False}
        for status in ("in-progress", "stopped"):
            assert recordings(sid).update(status=status).sid == sid
            assert node.last == {**asked, "status": status, "silence": True}


@pytest.mark.parametrize(
    "form", [{}, {"Status": "completed"}, {"Status": "paused", "PauseBehavior": "music"}]
)
def test_what_is_no_change_is_refused(tenant: Tenant, form: dict[str, str]) -> None:
    conference, sid = recorded(tenant)
    assert refused(change(tenant, conference, sid, **form)) == (400, 20001)


def test_only_what_is_under_way_is_changed(tenant: Tenant) -> None:
    conference, sid = recorded(tenant)
    nowhere = change(tenant, "CF" + "0" * 32, sid, Status="paused")
    assert refused(nowhere) == (404, 20404)
    with voice_node(tenant) as node:
        node.refuses = {"error": 20404, "message": "The recording is not under way."}
        over = change(tenant, conference, "RE" + "0" * 32, Status="paused")
        assert refused(over) == (404, 20404)

    async def end(store: Store) -> None:
        await store.conferences.change(ConferenceChange(conference, 2, "completed"))

    tenant.api.with_store(end)
    assert refused(change(tenant, conference, "Twilio.CURRENT", Status="stopped")) == (404, 20404)
