"""Conferences and their participants, by the official SDK."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
import requests
from lxml import etree
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from tests.contract.voice_node import NODE, voice_node
from tests.harness import rows
from tests.harness.waiting import HANGS
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.clock import new_sid, utcnow
from offhook.store.conferences import ConferenceChange
from offhook.store.records import AccountRecord, CallRecord, ConferenceRecord, ParticipantRecord
from offhook.store.store import Store

PHONE = "+15551230000"


def held(
    tenant: Tenant, *participants: dict[str, Any], name: str = "Standup", **fields: Any
) -> tuple[str, list[str]]:
    """A live conference of the account that the fake node keeps; its SID and those of its participants' calls."""
    room = rows.conference(name, account_sid=tenant.account_sid, node=NODE, **fields)
    calls = [rows.call(account_sid=tenant.account_sid, status="in-progress", node=NODE) for _ in participants]
    present = [
        rows.participant(room.sid, call.sid, account_sid=tenant.account_sid, **given)
        for call, given in zip(calls, participants, strict=True)
    ]

    async def make(store: Store) -> None:
        await store.conferences.open(room)
        for call in calls:
            await store.calls.insert(call)
        await store.conferences.change(ConferenceChange(room.sid, 1, "in-progress", present=present))

    tenant.api.with_store(make)
    return room.sid, [call.sid for call in calls]


def rows_of(tenant: Tenant, call_sid: str) -> tuple[CallRecord, ParticipantRecord, ConferenceRecord]:
    """What is on record of a participant."""

    async def read(store: Store) -> tuple[CallRecord, ParticipantRecord, ConferenceRecord]:
        call = await store.calls.fetch(tenant.account_sid, call_sid)
        sid = await store.database.fetchval(
            "SELECT conference_sid FROM conference_participants WHERE call_sid = $1", call_sid
        )
        one = await store.conferences.participant(sid, call_sid)
        conference = await store.conferences.fetch(tenant.account_sid, sid)
        assert call is not None
        assert one is not None
        assert conference is not None
        return call, one, conference

    found: tuple[CallRecord, ParticipantRecord, ConferenceRecord] = tenant.api.with_store(read)
    return found


def refused(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_conferences_are_listed_and_fetched(tenant: Tenant) -> None:
    old, _ = held(tenant, name="Old", date_created=utcnow() - timedelta(days=3))
    sid, _ = held(tenant, {})
    answer = tenant.request("GET", f"/Conferences/{sid}.json")
    assert_matches("FetchConference", 200, answer.json())
    assert answer.json()["subresource_uris"]["participants"].endswith(f"/Conferences/{sid}/Participants.json")
    client = tenant.client()
    fetched = client.conferences(sid).fetch()
    assert (fetched.friendly_name, fetched.status, fetched.region) == ("Standup", "in-progress", "us1")
    assert [each.sid for each in client.conferences.list()] == [sid, old]
    assert [each.sid for each in client.conferences.list(friendly_name="Old")] == [old]
    assert client.conferences.list(status="completed") == []
    today = utcnow().date()
    assert [each.sid for each in client.conferences.list(date_created=today)] == [sid]
    assert [each.sid for each in client.conferences.list(date_created_before=today - timedelta(days=1))] == [
        old
    ]
    assert len(client.conferences.list(date_updated_after=today)) == 2
    with pytest.raises(TwilioRestException) as gone:
        client.conferences("CF" + "0" * 32).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_a_conference_is_ended_by_its_node(tenant: Tenant) -> None:
    sid, (call,) = held(tenant, {})
    client = tenant.client()
    with voice_node(tenant) as node:
        announced = client.conferences(sid).update(announce_url="http://example.com/a", announce_method="GET")
        assert announced.status == "in-progress"
        asked = {"op": "conference", "account": tenant.account_sid, "sid": sid}
        assert node.last == {**asked, "action": "announce", "url": "http://example.com/a", "method": "GET"}
        ended = client.conferences(sid).update(status="completed")
        assert node.last == {**asked, "action": "end"}
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    assert client.conferences(sid).participants.list() == []
    with pytest.raises(TwilioRestException) as over:
        client.conferences(sid).update(status="completed")
    assert (over.value.status, over.value.code) == (400, 16022)
    for method in ("GET", "POST", "DELETE"):
        answer = tenant.request(method, f"/Conferences/{sid}/Participants/{call}.json")
        assert refused(answer) == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [({"Status": "init"}, 20001), ({"AnnounceUrl": "nowhere"}, 21205), ({"AnnounceMethod": "PUT"}, 21209)],
)
def test_a_conference_refuses_what_it_cannot_do(tenant: Tenant, form: dict[str, str], code: int) -> None:
    sid, _ = held(tenant)
    assert refused(tenant.request("POST", f"/Conferences/{sid}.json", data=form)) == (400, code)


def test_a_node_that_does_not_answer_is_said_to_be_unavailable(tenant: Tenant) -> None:
    sid, _ = held(tenant)
    assert refused(tenant.request("POST", f"/Conferences/{sid}.json", data={"Status": "completed"})) == (
        503,
        20503,
    )


def test_participants_are_listed_and_fetched_by_call_or_label(tenant: Tenant) -> None:
    sid, (host, guest, coach) = held(
        tenant,
        {"label": "the host", "end_conference_on_exit": True},
        {"muted": True, "hold": True},
        {"coaching": True, "call_sid_to_coach": "CA" + "1" * 32},
    )
    answer = tenant.request("GET", f"/Conferences/{sid}/Participants/{host}.json")
    assert_matches("FetchParticipant", 200, answer.json())
    assert answer.json()["queue_time"] is None
    of = tenant.client().conferences(sid)
    found = of.participants("the host").fetch()
    assert (found.call_sid, found.label, found.status) == (host, "the host", "connected")
    assert (found.end_conference_on_exit, found.start_conference_on_enter) == (True, True)
    assert {each.call_sid for each in of.participants.list()} == {host, guest, coach}
    assert [each.call_sid for each in of.participants.list(muted=True)] == [guest]
    assert [each.call_sid for each in of.participants.list(hold=True)] == [guest]
    assert [each.call_sid for each in of.participants.list(coaching=True)] == [coach]
    with pytest.raises(TwilioRestException) as gone:
        of.participants("nobody").fetch()
    assert gone.value.code == 20404
    assert refused(tenant.request("GET", f"/Conferences/CF{'0' * 32}/Participants.json")) == (404, 20404)


def test_participants_are_changed_by_the_node(tenant: Tenant) -> None:
    sid, (host, guest) = held(tenant, {"label": "host"}, {})
    of = tenant.client().conferences(sid)
    with voice_node(tenant) as node:
        asked = {"op": "participant", "account": tenant.account_sid, "sid": sid, "call": host}
        changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
            ({"muted": True}, {"muted": True}),
            ({"hold": True}, {"hold": True, "hold_method": "GET"}),
            (
                {"hold": True, "hold_url": "http://example.com/music", "hold_method": "POST"},
                {"hold": True, "hold_url": "http://example.com/music", "hold_method": "POST"},
            ),
            ({"hold": False, "hold_url": "http://example.com/music"}, {"hold": False}),
            (
                {"announce_url": "http://example.com/a"},
                {"announce_url": "http://example.com/a", "announce_method": "POST"},
            ),
            ({"wait_url": ""}, {"wait_url": "", "wait_method": "POST"}),
            (
                {"wait_url": "http://example.com/w", "wait_method": "GET"},
                {"wait_url": "http://example.com/w", "wait_method": "GET"},
            ),
            (
                {"end_conference_on_exit": True, "beep_on_exit": False},
                {"end_on_exit": True, "beep_on_exit": False},
            ),
            ({"coaching": True, "call_sid_to_coach": guest}, {"coaches": guest}),
            ({"coaching": False}, {"coaches": ""}),
        ]
        for given, wanted in changes:
            changed = of.participants("host").update(**given)
            assert node.last == asked | wanted
            for name in ("muted", "hold", "end_conference_on_exit", "coaching"):
                if name in given:
                    assert getattr(changed, name) is given[name], given
        assert changed.call_sid_to_coach is None
        before = len(node.asked)
        assert of.participants(host).update().muted is True
        assert len(node.asked) == before
        assert (
            tenant.request(
                "POST", f"/Conferences/{sid}/Participants/{host}.json", data={"Muted": "no"}
            ).json()["muted"]
            is False
        )


def test_what_the_room_refuses_is_answered(tenant: Tenant) -> None:
    sid, (host,) = held(tenant, {})
    path = f"/Conferences/{sid}/Participants/{host}.json"
    with voice_node(tenant) as node:
        node.refuses = {"error": 16027, "message": "The participant cannot be coached."}
        form = {"CallSidToCoach": "CA" + "1" * 32}
        assert refused(tenant.request("POST", path, data=form)) == (400, 16027)
    assert refused(tenant.request("POST", path, data={"Coaching": "true"})) == (400, 20001)
    assert refused(tenant.request("POST", path, data={"HoldUrl": "nowhere"})) == (400, 21205)


def test_a_conference_has_a_timeline_that_others_do_not_see(tenant: Tenant) -> None:
    sid, _ = held(tenant, {})
    other = tenant.client().api.accounts.create()
    url = f"{tenant.api.url}/offhook/v1/timelines/{sid}"
    answers = [
        requests.get(url, auth=login, timeout=HANGS)
        for login in ((tenant.account_sid, tenant.auth_token), (other.sid, other.auth_token))
    ]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[0].json()["sid"] == sid


def test_whoever_is_still_dialled_cannot_be_changed(tenant: Tenant) -> None:
    sid, _ = held(tenant, {})
    of = tenant.client().conferences(sid)
    with voice_node(tenant) as node:
        dialled = of.participants.create(to=PHONE, from_=tenant.number, label="late")
        for who in (dialled.call_sid, "late"):
            with pytest.raises(TwilioRestException) as refusal:
                of.participants(who).update(muted=True)
            assert (refusal.value.status, refusal.value.code) == (400, 21220)
        assert node.asked == []


def test_a_participant_is_removed(tenant: Tenant) -> None:
    sid, (host, guest) = held(tenant, {"label": "host"}, {})
    of = tenant.client().conferences(sid)
    with voice_node(tenant) as node:
        assert of.participants("host").delete()
        assert (node.last["call"], node.last["kick"]) == (host, True)
    assert [each.call_sid for each in of.participants.list()] == [guest]
    with pytest.raises(TwilioRestException) as gone:
        of.participants("host").delete()
    assert gone.value.code == 20404


def test_a_participant_is_dialled_into_a_conference_made_for_it(tenant: Tenant) -> None:
    answer = tenant.request(
        "POST", "/Conferences/Weekly%20Review/Participants.json", data={"To": PHONE, "From": tenant.number}
    )
    made = answer.json()
    assert answer.status_code == 201
    assert_matches("CreateParticipant", 201, made)
    assert (made["status"], made["queue_time"], made["label"]) == ("queued", "0", None)
    call, one, conference = rows_of(tenant, made["call_sid"])
    assert (call.to, call.from_, call.status) == (PHONE, tenant.number, "queued")
    assert (one.status, one.conference_sid) == ("queued", conference.sid)
    assert (conference.friendly_name, conference.status, conference.node) == ("Weekly Review", "init", None)
    assert (call.request["early_media"], "conference" in call.request) == (True, False)
    (noun,) = etree.fromstring(call.request["twiml"]).findall("./Dial/Conference")
    assert noun.text == "Weekly Review"
    assert dict(noun.items()) == {"startConferenceOnEnter": "true", "endConferenceOnExit": "false"}
    other = tenant.client().conferences("Weekly Review").participants.create(to=PHONE, from_=tenant.number)
    assert other.conference_sid == conference.sid
    assert len(tenant.client().conferences(conference.sid).participants.list()) == 2


def test_every_parameter_reaches_the_call_or_the_noun(tenant: Tenant) -> None:
    sid, (coached,) = held(tenant, {}, name="A & <B>")
    made = (
        tenant.client()
        .conferences(sid)
        .participants.create(
            to="sip:desk@example.com",
            from_="reception",
            caller_id="reception",
            label='agent "7"',
            status_callback="http://example.com/status",
            status_callback_method="GET",
            status_callback_event=["initiated", "ringing"],
            timeout=20,
            time_limit=90,
            sip_auth_username="me",
            sip_auth_password="secret",
            record=True,
            recording_channels="dual",
            recording_status_callback="http://example.com/recording",
            recording_status_callback_method="GET",
            recording_status_callback_event=["in-progress", "failed"],
            recording_track="both",
            trim="do-not-trim",
            muted=True,
            beep="onEnter",
            start_conference_on_enter=False,
            end_conference_on_exit=True,
            wait_url="",
            wait_method="GET",
            max_participants=5,
            jitter_buffer_size="small",
            region="ie1",
            coaching=True,
            call_sid_to_coach=coached,
            conference_record="true",
            conference_trim="do-not-trim",
            conference_status_callback="http://example.com/conference?a=1&b=2",
            conference_status_callback_method="GET",
            conference_status_callback_event=["join", "leave"],
            conference_recording_status_callback="http://example.com/conference-recording",
            conference_recording_status_callback_method="GET",
            conference_recording_status_callback_event=["completed", "absent"],
            early_media=False,
        )
    )
    assert (made.conference_sid, made.label, made.status) == (sid, 'agent "7"', "queued")
    assert (made.muted, made.coaching, made.call_sid_to_coach) == (True, True, coached)
    assert (made.start_conference_on_enter, made.end_conference_on_exit) == (False, True)
    call, _, _ = rows_of(tenant, made.call_sid)
    asked = dict(call.request)
    (noun,) = etree.fromstring(asked.pop("twiml")).findall("./Dial/Conference")
    assert noun.text == "A & <B>"
    assert dict(noun.items()) == {
        "muted": "true",
        "beep": "onEnter",
        "startConferenceOnEnter": "false",
        "endConferenceOnExit": "true",
        "waitUrl": "",
        "waitMethod": "GET",
        "maxParticipants": "5",
        "record": "true",
        "trim": "do-not-trim",
        "coach": coached,
        "participantLabel": 'agent "7"',
        "jitterBufferSize": "small",
        "region": "ie1",
        "statusCallback": "http://example.com/conference?a=1&b=2",
        "statusCallbackMethod": "GET",
        "statusCallbackEvent": "join leave",
        "recordingStatusCallback": "http://example.com/conference-recording",
        "recordingStatusCallbackMethod": "GET",
        "recordingStatusCallbackEvent": "completed absent",
    }
    assert asked == {
        "conference": sid,
        "status_callback": "http://example.com/status",
        "status_callback_method": "GET",
        "status_callback_event": ["initiated", "ringing"],
        "timeout": 20,
        "time_limit": 90,
        "sip_auth_username": "me",
        "sip_auth_password": "secret",
        "record": True,
        "recording_channels": "dual",
        "recording_status_callback": "http://example.com/recording",
        "recording_status_callback_method": "GET",
        "recording_status_callback_event": ["in-progress", "failed"],
        "trim": "do-not-trim",
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "+1555"}, 21211),
        ({"To": "app:AP" + "0" * 32}, 21211),
        ({"From": ""}, 21213),
        ({"From": "nobody"}, 21212),
        ({"From": "+12025550199"}, 21210),
        ({"CallerId": "+12025550199"}, 20001),
        ({"Label": "a/b"}, 16024),
        ({"Label": "x" * 129}, 16024),
        ({"Label": ""}, 16024),
        ({"Label": "CA" + "1" * 32}, 16024),
        ({"Label": "taken"}, 16026),
        ({"Coaching": "true"}, 20001),
        ({"CallSidToCoach": "CA" + "1" * 32}, 16028),
        ({"CallSidToCoach": "taken"}, 16028),
        ({"CallSidToCoach": "HELD"}, 16027),
        ({"Timeout": "4"}, 21208),
        ({"Beep": "sometimes"}, 20001),
        ({"MaxParticipants": "1"}, 20001),
        ({"MaxParticipants": "251"}, 20001),
        ({"WaitUrl": "nowhere"}, 21205),
        ({"StatusCallbackEvent": "born"}, 21626),
        ({"ConferenceStatusCallback": "nowhere"}, 21205),
        ({"ConferenceStatusCallbackEvent": "born"}, 21626),
        ({"RecordingStatusCallbackEvent": "born"}, 21626),
        ({"RecordingTrack": "left"}, 20001),
        ({"MachineDetection": "Enable"}, 21234),
        ({"SipAuthPassword": "a\r\nX-B: c"}, 20001),
    ],
)
def test_a_participant_is_refused_with_the_code(tenant: Tenant, changes: dict[str, str], code: int) -> None:
    sid, (_, on_hold) = held(tenant, {"label": "taken"}, {"hold": True})
    form = {"To": PHONE, "From": tenant.number, **changes}
    form = {name: on_hold if value == "HELD" else value for name, value in form.items()}
    assert refused(tenant.request("POST", f"/Conferences/{sid}/Participants.json", data=form)) == (400, code)
    assert len(tenant.client().calls.list(status="queued")) == 0


def test_a_participant_is_not_dialled_into_nothing(tenant: Tenant) -> None:
    sid, _ = held(tenant)
    form = {"To": PHONE, "From": tenant.number}

    async def end(store: Store) -> None:
        await store.conferences.change(ConferenceChange(sid, 2, "completed"))

    tenant.api.with_store(end)
    assert refused(tenant.request("POST", f"/Conferences/{sid}/Participants.json", data=form)) == (400, 16022)
    unknown = tenant.request("POST", f"/Conferences/CF{'0' * 32}/Participants.json", data=form)
    assert refused(unknown) == (404, 20404)
    long = tenant.request("POST", f"/Conferences/{'x' * 129}/Participants.json", data=form)
    assert refused(long) == (400, 20001)


def test_one_that_is_still_dialled_is_hung_up_when_it_is_removed(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.conferences("Standup").participants.create(to=PHONE, from_=tenant.number, label="agent")
    of = client.conferences(made.conference_sid)
    with pytest.raises(TwilioRestException) as early:
        of.participants("agent").update(muted=True)
    assert early.value.code == 21220
    assert of.participants("agent").delete()
    assert client.calls(made.call_sid).fetch().status == "canceled"
    assert of.participants.list() == []


def test_the_end_of_a_conference_ends_what_is_dialled_for_it(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.conferences("Standup").participants.create(to=PHONE, from_=tenant.number)
    with pytest.raises(TwilioRestException) as nobody:
        client.conferences(made.conference_sid).update(announce_url="http://example.com/a")
    assert nobody.value.code == 16022
    ended = client.conferences(made.conference_sid).update(status="completed")
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    assert client.calls(made.call_sid).fetch().status == "canceled"


def test_an_account_sees_nothing_of_another(tenant: Tenant) -> None:
    sid, (call,) = held(tenant, {})
    now = utcnow()
    stranger = dataclasses.replace(tenant, account_sid=new_sid("AC"))
    account = AccountRecord(stranger.account_sid, tenant.auth_token, "Stranger", now, now)

    async def seed(store: Store) -> None:
        await store.accounts.create(account)

    tenant.api.with_store(seed)
    for path in (f"/Conferences/{sid}.json", f"/Conferences/{sid}/Participants/{call}.json"):
        for method in ("GET", "POST"):
            assert refused(stranger.request(method, path)) == (404, 20404)
