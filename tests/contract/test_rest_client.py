"""The guide's own client, `offhook.rest`, against the api."""

from __future__ import annotations

from datetime import datetime

import pytest
from tests.contract.conftest import Tenant

from offhook.rest import TwilioException, TwilioRestClient, TwilioRestException

PHONE = "+15551230000"


def client_of(tenant: Tenant) -> TwilioRestClient:
    """A client for the tenant."""
    return TwilioRestClient(tenant.account_sid, tenant.auth_token, base=tenant.api.url)


def test_call_from_the_guide(tenant: Tenant) -> None:
    client = client_of(tenant)
    call = client.calls.create(
        to="15551230000",
        from_=tenant.number,
        url="https://twimlets.com/message?Message=Hello",
        status_callback_event=["ringing", "answered"],
        record=False,
    )
    assert (call.to, call.from_, call.status) == (PHONE, tenant.number, "queued")
    assert isinstance(call.date_created, datetime)
    assert [found.sid for found in client.calls.list(status="queued", started_after="2020-01-01")] == []
    assert client.calls.get(call.sid).cancel().status == "canceled"
    assert call.notifications.list() == []
    assert call.delete()


def test_text_from_the_guide(tenant: Tenant) -> None:
    client = client_of(tenant)
    message = client.sms.messages.create(body="Hello world.", to=PHONE, from_=tenant.number)
    assert (message.body, message.num_segments) == ("Hello world.", "1")
    assert client.messages.get(message.sid).sid == message.sid


def test_iter_follows_the_pages(tenant: Tenant) -> None:
    client = client_of(tenant)
    sids = [client.messages.create(to=PHONE, from_=tenant.number, body=str(n)).sid for n in range(5)]
    assert [message.sid for message in client.messages.iter(page_size=2)] == sids[::-1]


def test_numbers(tenant: Tenant) -> None:
    client = client_of(tenant)
    number = client.phone_numbers.purchase(area_code=tenant.number[2:5])
    assert number.update(voice_url="http://example.com/").voice_url == "http://example.com/"
    assert number.delete()
    assert [found.phone_number for found in client.phone_numbers.list()] == [tenant.number]


def test_account(tenant: Tenant) -> None:
    account = client_of(tenant).accounts.get(tenant.account_sid)
    assert account.friendly_name == "Contract"
    assert [number.phone_number for number in account.phone_numbers.list()] == [tenant.number]


def test_refusals_carry_status_and_code(tenant: Tenant) -> None:
    with pytest.raises(TwilioRestException) as refused:
        client_of(tenant).messages.create(to=PHONE, from_=tenant.number)
    error = refused.value
    assert (error.status, error.code, error.method) == (400, 21602, "POST")
    assert "21602" in str(error)


def test_credentials_and_address_from_the_environment(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", tenant.account_sid)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", tenant.auth_token)
    monkeypatch.setenv("OFFHOOK_API_URL", tenant.api.url)
    assert TwilioRestClient().calls.list() == []
    monkeypatch.delenv("TWILIO_AUTH_TOKEN")
    with pytest.raises(TwilioException, match="credentials"):
        TwilioRestClient()


def test_a_platform_that_is_not_there() -> None:
    with pytest.raises(TwilioException, match="cannot be reached"):
        TwilioRestClient("AC1", "t", base="http://127.0.0.1:9").calls.list()
