"""IncomingPhoneNumbers, Accounts and Balance, by the official SDK."""

from __future__ import annotations

import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]


def test_number_answers_every_field(tenant: Tenant) -> None:
    answer = tenant.request("GET", f"/IncomingPhoneNumbers/{tenant.number_sid}.json")
    assert_matches("FetchIncomingPhoneNumber", 200, answer.json())
    assert answer.json()["capabilities"] == {"voice": True, "sms": True, "mms": False, "fax": False}


def test_buy_configure_and_give_back(tenant: Tenant) -> None:
    client = tenant.client()
    number = client.incoming_phone_numbers.create(
        phone_number="+442079460001", voice_url="http://example.com/voice", voice_method="get"
    )
    assert (number.phone_number, number.voice_url, number.voice_method) == (
        "+442079460001",
        "http://example.com/voice",
        "GET",
    )
    changed = client.incoming_phone_numbers(number.sid).update(
        friendly_name="Desk", sms_url="http://example.com/sms", voice_url=""
    )
    assert (changed.friendly_name, changed.sms_url, changed.voice_url) == (
        "Desk",
        "http://example.com/sms",
        "",
    )
    assert changed.voice_method == "GET"
    listed = client.incoming_phone_numbers.list(phone_number="+4420")
    assert [found.sid for found in listed] == [number.sid]
    assert client.incoming_phone_numbers(number.sid).delete()
    assert client.incoming_phone_numbers.list(phone_number="+4420") == []
    with pytest.raises(TwilioRestException) as gone:
        client.incoming_phone_numbers(number.sid).delete()
    assert gone.value.status == 404


def test_area_code_gives_a_free_number(tenant: Tenant) -> None:
    client = tenant.client()
    area = tenant.number[2:5]
    numbers = [client.incoming_phone_numbers.create(area_code=area).phone_number for _ in range(2)]
    assert numbers == [f"+1{area}5550101", f"+1{area}5550102"]


def test_a_number_just_bought_can_send(tenant: Tenant) -> None:
    client = tenant.client()
    with pytest.raises(TwilioRestException):
        client.messages.create(to="+15551230000", from_="+13035550177", body="too early")
    client.incoming_phone_numbers.create(phone_number="+13035550177")
    assert client.messages.create(to="+15551230000", from_="+13035550177", body="now").sid


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 21421),
        ({"PhoneNumber": "12"}, 21421),
        ({"AreaCode": "1"}, 21451),
        ({"PhoneNumber": "+12025550142", "VoiceUrl": "nowhere"}, 21402),
        ({"PhoneNumber": "+12025550142", "SmsMethod": "PATCH"}, 21403),
        ({"PhoneNumber": "+12025550142", "VoiceFallbackUrl": "http://example.com/"}, 21405),
        ({"PhoneNumber": "+12025550142", "VoiceUrl": "http://example.com:65536/"}, 21402),
        ({"PhoneNumber": "+12025550142", "StatusCallback": "x"}, 21502),
        ({"PhoneNumber": "+12025550142", "FriendlyName": "x" * 65}, 20002),
        ({"PhoneNumber": "+12025550142", "VoiceApplicationSid": "AP" + "0" * 32}, 21218),
    ],
)
def test_refused_with_the_code(tenant: Tenant, form: dict[str, str], code: int) -> None:
    answer = tenant.request("POST", "/IncomingPhoneNumbers.json", data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_fallback_needs_what_it_is_for(tenant: Tenant) -> None:
    number = tenant.client().incoming_phone_numbers(tenant.number_sid)
    fallback = "http://example.com/fallback"
    for changes in ({}, {"voice_url": ""}):
        with pytest.raises(TwilioRestException) as refused:
            number.update(voice_fallback_url=fallback, **changes)
        assert refused.value.code == 21405
    assert number.update(voice_fallback_url=fallback, voice_url="http://example.com/").voice_url
    assert number.update(voice_fallback_url=f"{fallback}2").voice_fallback_url == f"{fallback}2"


def test_a_number_has_one_owner(tenant: Tenant) -> None:
    answer = tenant.request("POST", "/IncomingPhoneNumbers.json", data={"PhoneNumber": tenant.number})
    assert (answer.status_code, answer.json()["code"]) == (400, 21422)


def test_account_answers_every_field(tenant: Tenant) -> None:
    account = tenant.request("GET", ".json").json()
    assert_matches("FetchAccount", 200, account)
    assert account["owner_account_sid"] == tenant.account_sid
    assert account["subresource_uris"]["calls"].endswith(f"{tenant.account_sid}/Calls.json")
    balance = tenant.request("GET", "/Balance.json").json()
    assert_matches("FetchBalance", 200, balance)


def test_subaccounts(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.api.accounts.create(friendly_name="Below")
    assert {account.sid for account in client.api.accounts.list()} == {tenant.account_sid, made.sid}
    below = Client(tenant.account_sid, tenant.auth_token, made.sid)
    below.api.base_url = tenant.api.url
    assert below.messages.list() == []
    above = Client(made.sid, made.auth_token, tenant.account_sid)
    above.api.base_url = tenant.api.url
    with pytest.raises(TwilioRestException) as refused:
        above.messages("SM" + "0" * 32).fetch()
    assert (refused.value.status, refused.value.code) == (401, 20003)


def below_of(tenant: Tenant, subaccount_sid: str) -> Client:
    """The parent's SDK, pointed at its subaccount."""
    below = Client(tenant.account_sid, tenant.auth_token, subaccount_sid)
    below.api.base_url = tenant.api.url
    return below


def test_the_parent_acts_on_what_an_inactive_account_has(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.api.accounts.create()
    below = below_of(tenant, made.sid)
    number = below.incoming_phone_numbers.create(phone_number="+13125550150")
    other = below.incoming_phone_numbers.create(phone_number="+13125550151")
    call = below.calls.create(to="+15551230000", from_="+13125550150", twiml="<Response/>")
    client.api.accounts(made.sid).update(status="suspended")
    with pytest.raises(TwilioRestException) as refused:
        below.calls.create(to="+15551230000", from_="+13125550150", twiml="<Response/>")
    assert (refused.value.status, refused.value.code) == (403, 20005)
    with pytest.raises(TwilioRestException) as refused:
        below.calls(call.sid).update(twiml="<Response><Hangup/></Response>")
    assert (refused.value.status, refused.value.code) == (403, 20005)
    assert below.calls(call.sid).update(status="completed").status == "canceled"
    assert below.incoming_phone_numbers(other.sid).delete()
    moved = below.incoming_phone_numbers(number.sid).update(account_sid=tenant.account_sid)
    assert moved.account_sid == tenant.account_sid
    with pytest.raises(TwilioRestException) as refused:
        client.incoming_phone_numbers(number.sid).update(account_sid=made.sid)
    assert refused.value.code == 21470


def test_a_closed_account_releases_its_numbers(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.api.accounts.create()
    below = below_of(tenant, made.sid)
    below.incoming_phone_numbers.create(phone_number="+13125550160")
    client.api.accounts(made.sid).update(status="closed")
    assert below.incoming_phone_numbers.list() == []
    assert client.incoming_phone_numbers.create(phone_number="+13125550160").account_sid == tenant.account_sid


def test_a_subaccount_cannot_change_its_own_status(tenant: Tenant) -> None:
    made = tenant.client().api.accounts.create()
    itself = Client(made.sid, made.auth_token)
    itself.api.base_url = tenant.api.url
    assert itself.api.accounts(made.sid).update(friendly_name="Mine").friendly_name == "Mine"
    with pytest.raises(TwilioRestException) as refused:
        itself.api.accounts(made.sid).update(status="suspended")
    assert (refused.value.status, refused.value.code) == (403, 20006)
    assert itself.api.accounts(made.sid).fetch().status == "active"


def test_a_suspended_subaccount_may_look_but_not_act(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.api.accounts.create()
    assert client.api.accounts(made.sid).update(status="suspended").status == "suspended"
    below = Client(tenant.account_sid, tenant.auth_token, made.sid)
    below.api.base_url = tenant.api.url
    assert below.calls.list() == []
    with pytest.raises(TwilioRestException) as refused:
        below.messages.create(to="+15551230000", from_="+15551230001", body="x")
    assert (refused.value.status, refused.value.code) == (403, 20005)
    assert client.api.accounts(made.sid).update(status="closed").status == "closed"
    with pytest.raises(TwilioRestException) as over:
        client.api.accounts(made.sid).update(status="active")
    assert over.value.code == 21479
    with pytest.raises(TwilioRestException) as own:
        client.api.accounts(tenant.account_sid).update(status="closed")
    assert own.value.code == 21477
