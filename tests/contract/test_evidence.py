"""What tells what happened: timelines, call events, notifications, recordings, health, twimlets."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from tests.harness.waiting import HANGS

from offhook import clock
from offhook.store.records import NotificationRecord, RecordingRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store

PHONE = "+15551230000"
WEBHOOK = {
    "url": "http://example.com/voice",
    "method": "POST",
    "status": 200,
    "ms": 12,
    "request": {"params": {"CallSid": "CA1", "From": "+1"}},
    "response": {"content_type": "text/xml", "body": "<Response/>"},
    "error": None,
}


@pytest.fixture
def call_sid(tenant: Tenant) -> str:
    """A call that has made one request."""
    call = tenant.client().calls.create(to=PHONE, from_=tenant.number, twiml="<Response/>")

    async def seed(store: Store) -> None:
        store.timelines.add(
            TimelineEntry(
                call.sid, tenant.account_sid, clock.utcnow(), TimelineKind.WEBHOOK, "fetched", WEBHOOK
            )
        )

    tenant.api.with_store(seed)
    return str(call.sid)


def timeline(tenant: Tenant, sid: str, **options: str) -> requests.Response:
    """Ask for a timeline."""
    auth = (tenant.account_sid, tenant.auth_token)
    return requests.get(
        f"{tenant.api.url}/offhook/v1/timelines/{sid}", params=options, auth=auth, timeout=HANGS
    )


def test_timeline_can_be_followed(tenant: Tenant, call_sid: str) -> None:
    deadline = time.monotonic() + HANGS
    while len((told := timeline(tenant, call_sid).json())["entries"]) < 2:
        assert time.monotonic() < deadline, told
    assert told["sid"] == call_sid
    assert [(entry["kind"], entry["name"]) for entry in told["entries"]] == [
        ("status", "queued"),
        ("webhook", "fetched"),
    ]
    later = timeline(tenant, call_sid, after=told["cursor"]).json()
    assert (later["entries"], later["cursor"]) == ([], told["cursor"])


def test_timeline_is_the_accounts_own(tenant: Tenant, call_sid: str, api: object) -> None:
    url = f"{tenant.api.url}/offhook/v1/timelines/{call_sid}"
    assert requests.get(url, timeout=HANGS).status_code == 401
    assert timeline(tenant, "CA" + "0" * 32).status_code == 404
    assert timeline(tenant, call_sid, after="soon").json()["code"] == 20001


def test_another_accounts_timeline_does_not_exist(tenant: Tenant, call_sid: str) -> None:
    client = tenant.client()
    other = client.api.accounts.create()
    url = f"{tenant.api.url}/offhook/v1/timelines/{call_sid}"
    answer = requests.get(url, auth=(other.sid, other.auth_token), timeout=HANGS)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


@pytest.mark.parametrize("what", ["Events", "Notifications", "Recordings"])
def test_what_is_below_an_unknown_call_does_not_exist(tenant: Tenant, what: str) -> None:
    answer = tenant.request("GET", f"/Calls/CA{'0' * 32}/{what}.json")
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_parameters_without_effect_are_noted(tenant: Tenant) -> None:
    made = tenant.request(
        "POST",
        "/Calls.json",
        data={"To": PHONE, "From": tenant.number, "Twiml": "<Response/>", "CallReason": "hello"},
    ).json()
    deadline = time.monotonic() + HANGS
    while len(entries := timeline(tenant, made["sid"]).json()["entries"]) < 2:
        assert time.monotonic() < deadline
    assert entries[1]["detail"]["names"] == ["CallReason"]


def test_call_events_are_the_webhooks(tenant: Tenant, call_sid: str) -> None:
    (event,) = tenant.client().calls(call_sid).events.list()
    assert event.request["parameters"] == {"call_sid": "CA1", "from": "+1"}
    assert event.response["response_code"] == 200
    body = tenant.request("GET", f"/Calls/{call_sid}/Events.json").json()
    assert_matches("ListCallEvent", 200, body)


def test_notifications(tenant: Tenant, call_sid: str) -> None:
    row = NotificationRecord(
        sid=clock.new_sid("NO"),
        account_sid=tenant.account_sid,
        call_sid=call_sid,
        message_sid=None,
        log=0,
        error_code=11200,
        message_date=clock.utcnow(),
        message_text="HTTP retrieval failure",
        request_url="http://example.com/voice",
        request_method="POST",
    )

    async def seed(store: Store) -> None:
        await store.notifications.create(row)

    tenant.api.with_store(seed)
    client = tenant.client()
    assert [found.sid for found in client.api.account.notifications.list(log=0)] == [row.sid]
    assert client.api.account.notifications.list(log=1) == []
    assert tenant.request("GET", "/Notifications.json?Log=2147483648").json()["code"] == 20001
    assert [found.sid for found in client.calls(call_sid).notifications.list()] == [row.sid]
    assert_matches("FetchNotification", 200, tenant.request("GET", f"/Notifications/{row.sid}.json").json())
    one = tenant.request("GET", f"/Calls/{call_sid}/Notifications/{row.sid}.json").json()
    assert_matches("FetchCallNotification", 200, one)
    assert one["error_code"] == "11200"


def test_recordings_and_their_audio(tenant: Tenant, call_sid: str) -> None:
    now = clock.utcnow()
    sid = clock.new_sid("RE")
    path = Path(tenant.api.settings.data_dir) / "recordings" / f"{sid}.wav"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"RIFF" + bytes(100_000))
    row = RecordingRecord(
        sid, tenant.account_sid, call_sid, "RecordVerb", "completed", now, now, duration=6, path=str(path)
    )

    async def seed(store: Store) -> None:
        await store.recordings.create(row)

    tenant.api.with_store(seed)
    client = tenant.client()
    (found,) = client.recordings.list(call_sid=call_sid)
    assert (found.sid, found.duration, found.channels) == (sid, "6", 1)
    elsewhere = {"Host": "elsewhere.example"}
    metadata = tenant.request("GET", f"/Recordings/{sid}.json", headers=elsewhere).json()
    assert metadata["media_url"].startswith(tenant.api.settings.public_url)
    assert_matches("FetchRecording", 200, metadata)
    assert [one.sid for one in client.calls(call_sid).recordings.list()] == [sid]
    of_call = f"{tenant.root}/Calls/{call_sid}/Recordings/{sid}.wav"
    for url in (metadata["media_url"], f"{tenant.root}/Recordings/{sid}.wav", of_call):
        audio = requests.get(url, timeout=HANGS)
        assert (audio.status_code, audio.headers["Content-Type"]) == (200, "audio/x-wav")
        assert audio.content == path.read_bytes()
        assert_ranges(url, path.read_bytes())
    assert requests.get(f"{tenant.root}/Recordings/{sid}.mp3", timeout=HANGS).status_code == 404
    assert requests.get(of_call.replace(call_sid, "CA" + "0" * 32), timeout=HANGS).status_code == 404
    assert tenant.request("GET", f"/Calls/{call_sid}.wav").status_code == 404
    assert client.recordings(sid).delete()
    assert not path.exists()
    assert requests.get(f"{tenant.root}/Recordings/{sid}.wav", timeout=HANGS).status_code == 404
    assert tenant.request("GET", f"/Recordings/{sid}.json?IncludeSoftDeleted=true").status_code == 200


def assert_ranges(url: str, whole: bytes) -> None:
    """HEAD and Range of a file (RFC 9110)."""
    head = requests.head(url, timeout=HANGS)
    assert (head.status_code, head.content) == (200, b"")
    assert (head.headers["Content-Length"], head.headers["Accept-Ranges"]) == (str(len(whole)), "bytes")
    part = requests.get(url, headers={"Range": "bytes=2-70000"}, timeout=HANGS)
    assert (part.status_code, part.content) == (206, whole[2:70001])
    assert part.headers["Content-Range"] == f"bytes 2-70000/{len(whole)}"
    assert requests.get(url, headers={"Range": "bytes=-3"}, timeout=HANGS).content == whole[-3:]
    for ignored in ({"Range": "bytes=0-0,5-6"}, {"Range": "bytes=0-0", "If-Range": '"x"'}):
        assert requests.get(url, headers=ignored, timeout=HANGS).content == whole
    beyond = requests.get(url, headers={"Range": f"bytes={len(whole)}-"}, timeout=HANGS)
    assert (beyond.status_code, beyond.content) == (416, b"")
    assert beyond.headers["Content-Range"] == f"bytes */{len(whole)}"


def test_health(tenant: Tenant) -> None:
    answer = requests.get(f"{tenant.api.url}/offhook/v1/health", timeout=HANGS)
    assert (answer.status_code, answer.json()["status"], answer.json()["database"]) == (200, "ok", True)


def test_message_twimlet_over_http(tenant: Tenant) -> None:
    url = f"{tenant.api.url}/twimlets/message"
    asked = requests.get(f"{url}?Message=Hello%20world.", timeout=HANGS)
    assert asked.headers["Content-Type"].startswith("text/xml")
    assert "<Say>Hello world.</Say>" in asked.text
    posted = requests.post(url, data={"Message[1]": "two", "Message[0]": "one"}, timeout=HANGS)
    assert posted.text.index("one") < posted.text.index("two")
    # A webhook's own parameters are in the body; the query stays what the program wrote.
    both = requests.post(f"{url}?Message=Hello", data={"CallSid": "CA1"}, timeout=HANGS)
    assert "<Say>Hello</Say>" in both.text
    assert requests.get(f"{tenant.api.url}/twimlets/nothing", timeout=HANGS).status_code == 404
