"""Applications, and what points to them, by the official SDK."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.store.store import Store

PHONE = "+15551230000"
UNKNOWN = "AP" + "0" * 32


def refused(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_applications_are_made_changed_listed_and_deleted(tenant: Tenant) -> None:
    answer = tenant.request(
        "POST", "/Applications.json", data={"FriendlyName": "Desk", "ApiVersion": "2010-04-01"}
    )
    assert answer.status_code == 201
    assert_matches("CreateApplication", 201, answer.json())
    client = tenant.client()
    sid = answer.json()["sid"]
    settings = {
        "friendly_name": "Front desk",
        "voice_url": "http://example.com/voice",
        "voice_method": "GET",
        "voice_fallback_url": "http://example.com/fallback",
        "voice_fallback_method": "GET",
        "voice_caller_id_lookup": True,
        "sms_url": "http://example.com/sms",
        "sms_method": "GET",
        "sms_fallback_url": "http://example.com/sms-fallback",
        "sms_fallback_method": "GET",
        "sms_status_callback": "http://example.com/sms-status",
        "message_status_callback": "http://example.com/message-status",
        "status_callback": "http://example.com/status",
        "status_callback_method": "GET",
        "public_application_connect_enabled": True,
    }
    changed = client.applications(sid).update(**settings)
    assert {name: getattr(changed, name) for name in settings} == settings
    assert client.applications(sid).update(voice_url="").voice_url == ""
    other = client.applications.create()
    assert other.friendly_name.startswith("Application Created at ")
    assert {each.sid for each in client.applications.list()} == {sid, other.sid}
    assert [each.sid for each in client.applications.list(friendly_name="Front desk")] == [sid]
    assert client.applications(sid).delete()
    for method in ("GET", "POST", "DELETE"):
        assert refused(tenant.request(method, f"/Applications/{sid}.json")) == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"FriendlyName": "x" * 65}, 20002),
        ({"VoiceUrl": "nowhere"}, 21402),
        ({"SmsMethod": "PUT"}, 21403),
        ({"StatusCallback": "nowhere"}, 21502),
        ({"ApiVersion": "2008-08-01"}, 20001),
        ({"VoiceCallerIdLookup": "perhaps"}, 20001),
    ],
)
def test_an_application_is_refused_with_the_code(tenant: Tenant, form: dict[str, str], code: int) -> None:
    assert refused(tenant.request("POST", "/Applications.json", data=form)) == (400, code)


def test_a_call_is_made_by_an_application(tenant: Tenant) -> None:
    client = tenant.client()
    application = client.applications.create(
        voice_url="http://example.com/voice",
        voice_method="GET",
        voice_fallback_url="http://example.com/fallback",
        status_callback="http://example.com/status",
    )
    made = client.calls.create(
        to=PHONE,
        from_=tenant.number,
        application_sid=application.sid,
        url="http://example.com/ignored",
        status_callback="http://example.com/ignored",
        timeout=20,
    )

    async def row(store: Store) -> Any:
        return await store.calls.fetch(tenant.account_sid, made.sid)

    call = tenant.api.with_store(row)
    wanted = {
        "application_sid": application.sid,
        "url": "http://example.com/voice",
        "method": "GET",
        "fallback_url": "http://example.com/fallback",
        "status_callback": "http://example.com/status",
        "timeout": 20,
    }
    assert {name: call.request.get(name) for name in wanted} == wanted
    assert call.params("ringing").application_sid == application.sid


def test_a_call_is_not_made_by_what_is_no_application(tenant: Tenant) -> None:
    silent = tenant.client().applications.create(friendly_name="Silent").sid
    for sid in (UNKNOWN, "nonsense", silent):
        form = {"To": PHONE, "From": tenant.number, "ApplicationSid": sid, "Url": "http://example.com/"}
        assert refused(tenant.request("POST", "/Calls.json", data=form)) == (400, 21218)


def test_a_number_points_to_applications(tenant: Tenant) -> None:
    client = tenant.client()
    sid = client.applications.create(voice_url="http://example.com/voice").sid
    number = client.incoming_phone_numbers(tenant.number_sid)
    changed = number.update(voice_application_sid=sid, sms_application_sid=sid)
    assert (changed.voice_application_sid, changed.sms_application_sid) == (sid, sid)
    with pytest.raises(TwilioRestException) as unknown:
        number.update(voice_application_sid=UNKNOWN)
    assert (unknown.value.status, unknown.value.code) == (400, 21218)
    assert number.update(sms_application_sid="").sms_application_sid is None
    assert client.applications(sid).delete()
    assert number.fetch().voice_application_sid is None


def test_a_number_that_changes_hands_leaves_its_applications_behind(tenant: Tenant) -> None:
    client = tenant.client()
    sid = client.applications.create(voice_url="http://example.com/voice").sid
    child = client.api.accounts.create(friendly_name="Child").sid
    number = client.incoming_phone_numbers(tenant.number_sid)
    number.update(voice_application_sid=sid)
    with pytest.raises(TwilioRestException) as foreign:
        number.update(account_sid=child, voice_application_sid=sid)
    assert foreign.value.code == 21218
    assert number.update(account_sid=child).voice_application_sid is None


def test_a_text_reports_to_its_application(tenant: Tenant) -> None:
    client = tenant.client()
    sid = client.applications.create(message_status_callback="http://example.com/message-status").sid

    def reports_to(**given: str) -> str | None:
        made = client.messages.create(to=PHONE, from_=tenant.number, body="Hello", **given)

        async def row(store: Store) -> Any:
            return await store.messages.fetch(tenant.account_sid, made.sid)

        found: str | None = tenant.api.with_store(row).status_callback
        return found

    assert reports_to(application_sid=sid) == "http://example.com/message-status"
    own = "http://example.com/own"
    assert reports_to(application_sid=sid, status_callback=own) == own
    with pytest.raises(TwilioRestException) as unknown:
        reports_to(application_sid=UNKNOWN)
    assert unknown.value.code == 21218
