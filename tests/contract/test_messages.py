"""Messages, by the official SDK."""

from __future__ import annotations

import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.store.message_transitions import MessageTransition
from offhook.store.store import Store

PHONE = "+15551230000"


def deliver(tenant: Tenant, sid: str) -> None:
    """Let a message end."""

    async def move(store: Store) -> None:
        await store.messages.transition_batch(
            [MessageTransition(sid, "delivered", from_statuses=["queued"], num_segments=1)]
        )

    tenant.api.with_store(move)


def test_create_answers_every_field(tenant: Tenant) -> None:
    answer = tenant.request(
        "POST", "/Messages.json", data={"To": PHONE, "From": tenant.number, "Body": "Hello world."}
    )
    assert answer.status_code == 201
    message = answer.json()
    assert_matches("CreateMessage", 201, message)
    assert (message["status"], message["direction"], message["body"]) == (
        "queued",
        "outbound-api",
        "Hello world.",
    )
    assert (message["num_segments"], message["num_media"], message["price_unit"]) == ("1", "0", "USD")
    assert (message["error_code"], message["price"], message["date_sent"]) == (None, None, None)
    assert message["subresource_uris"]["media"] == message["uri"].replace(".json", "/Media.json")


def test_a_201_is_committed_with_its_work(tenant: Tenant) -> None:
    message = tenant.client().messages.create(to=PHONE, from_=tenant.number, body="x" * 200)
    assert message.num_segments == "2"

    async def rows(store: Store) -> list[str]:
        found = await store.database.fetch("SELECT topic FROM outbox WHERE resource_sid = $1", message.sid)
        return [row[0] for row in found]

    assert tenant.api.with_store(rows) == ["work.messages"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "nobody"}, 21211),
        ({"From": ""}, 21603),
        ({"From": "+12025550199"}, 21606),
        ({"From": "OFFHOOK"}, 21606),
        ({"From": "not a sender!"}, 21212),
        ({"From": "", "MessagingServiceSid": "MG" + "0" * 32}, 21701),
        ({"Body": ""}, 21602),
        ({"Body": "x" * 1601}, 21617),
        ({"MediaUrl": "http://example.com/cat.png"}, 21622),
        ({"ValidityPeriod": "0"}, 21624),
        ({"SendAt": "2099-01-01T00:00:00Z", "ScheduleType": "fixed"}, 20001),
        ({"MaxPrice": "0.001"}, 20001),
        ({"ContentRetention": "discard"}, 20001),
    ],
)
def test_refused_with_the_code(tenant: Tenant, changes: dict[str, str], code: int) -> None:
    form = {"To": PHONE, "From": tenant.number, "Body": "Hello", **changes}
    answer = tenant.request("POST", "/Messages.json", data=form)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert tenant.client().messages.list() == []


def test_what_asks_for_what_happens_anyway_is_taken(tenant: Tenant) -> None:
    message = tenant.client().messages.create(
        to=PHONE, from_=tenant.number, body="Hello", content_retention="retain", address_retention="retain"
    )
    assert message.status == "queued"


def test_nobody_writes_to_oneself(tenant: Tenant) -> None:
    with pytest.raises(TwilioRestException) as refused:
        tenant.client().messages.create(to=tenant.number, from_=tenant.number, body="Hello")
    assert (refused.value.status, refused.value.code) == (400, 21266)


def test_the_longest_body_of_wide_characters_is_taken(tenant: Tenant) -> None:
    body = "\N{GRINNING FACE}" * 1600
    assert tenant.client().messages.create(to=PHONE, from_=tenant.number, body=body).body == body


def test_a_malformed_status_callback_does_not_stop_a_text(tenant: Tenant) -> None:
    message = tenant.client().messages.create(
        to=PHONE, from_=tenant.number, body="Hello", status_callback="nowhere"
    )

    async def kept(store: Store) -> str | None:
        found = await store.messages.fetch(tenant.account_sid, message.sid)
        return found.status_callback if found else "gone"

    assert tenant.api.with_store(kept) is None


def test_redact_and_delete_wait_for_the_end(tenant: Tenant) -> None:
    client = tenant.client()
    message = client.messages.create(to=PHONE, from_=tenant.number, body="secret")
    for attempt in (
        client.messages(message.sid).delete,
        lambda: client.messages(message.sid).update(body=""),
    ):
        with pytest.raises(TwilioRestException) as early:
            attempt()
        assert (early.value.status, early.value.code) == (409, 20009)
    deliver(tenant, message.sid)
    assert client.messages(message.sid).update(body="").body == ""
    assert client.messages(message.sid).fetch().status == "delivered"
    assert client.messages(message.sid).delete()
    assert client.messages.list() == []


def test_sdk_iterates_over_pages_newest_first(tenant: Tenant) -> None:
    client = tenant.client()
    sids = [client.messages.create(to=PHONE, from_=tenant.number, body=str(n)).sid for n in range(7)]
    assert [message.sid for message in client.messages.list(page_size=3)] == sids[::-1]
    assert [message.sid for message in client.messages.stream(page_size=2, limit=5)] == sids[:1:-1]
    first = client.messages.page(page_size=3)
    second = first.next_page()
    assert [message.sid for message in second] == sids[3:0:-1]
    assert [message.sid for message in second.previous_page()] == sids[:3:-1]


def test_list_filters(tenant: Tenant) -> None:
    client = tenant.client()
    one = client.messages.create(to=PHONE, from_=tenant.number, body="1")
    client.messages.create(to="+15551230001", from_=tenant.number, body="2")
    assert [message.sid for message in client.messages.list(to=PHONE)] == [one.sid]
    assert len(client.messages.list(from_=tenant.number)) == 2
    assert client.messages.list(date_sent="2020-01-01") == []
    answer = tenant.request("GET", "/Messages.json?DateSent%3E=yesterday")
    assert (answer.status_code, answer.json()["code"]) == (400, 20001)


def test_body_of_a_list(tenant: Tenant) -> None:
    tenant.client().messages.create(to=PHONE, from_=tenant.number, body="1")
    body = tenant.request("GET", "/Messages.json", params={"To": PHONE}).json()
    assert_matches("ListMessage", 200, body)
    root = f"/2010-04-01/Accounts/{tenant.account_sid}/Messages.json"
    assert body["uri"] == f"{root}?To=%2B15551230000&PageSize=50&Page=0"
    assert (body["page"], body["start"], body["end"], body["next_page_uri"]) == (0, 0, 0, None)
