"""Queues and their members, by the official SDK."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from tests.contract.voice_node import NODE, voice_node
from tests.harness import rows
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.clock import utcnow
from offhook.store.store import Store


def waiting(tenant: Tenant, count: int) -> tuple[str, list[str]]:
    """A queue that the fake node keeps, in which calls have waited for 30 seconds."""
    queue = rows.queue(account_sid=tenant.account_sid)
    calls = [rows.call(account_sid=tenant.account_sid, status="in-progress", node=NODE) for _ in range(count)]
    since = utcnow() - timedelta(seconds=30)

    async def make(store: Store) -> None:
        lease = await store.leases.acquire(NODE)
        await store.queues.create(dataclasses.replace(queue, node=NODE, lease=lease.id))
        for call in calls:
            await store.calls.insert(call)
            member = rows.member(queue.sid, call.sid, account_sid=tenant.account_sid, date_enqueued=since)
            await store.queues.add_member(member)

    tenant.api.with_store(make)
    return queue.sid, [call.sid for call in calls]


def refused(answer: Any) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


def test_queues_are_made_changed_listed_and_deleted(tenant: Tenant) -> None:
    answer = tenant.request("POST", "/Queues.json", data={"FriendlyName": " Support "})
    assert answer.status_code == 201
    assert_matches("CreateQueue", 201, answer.json())
    client = tenant.client()
    sid = answer.json()["sid"]
    made = client.queues(sid).fetch()
    assert (made.friendly_name, made.max_size, made.current_size, made.average_wait_time) == (
        "Support",
        1000,
        0,
        0,
    )
    other = client.queues.create(friendly_name="Sales", max_size=5)
    assert [queue.friendly_name for queue in client.queues.list()] == ["Sales", "Support"]
    changed = client.queues(sid).update(friendly_name="Help", max_size=7)
    assert (changed.friendly_name, changed.max_size) == ("Help", 7)
    assert client.queues(sid).update().max_size == 7
    with pytest.raises(TwilioRestException) as taken:
        client.queues(sid).update(friendly_name="Sales")
    assert (taken.value.status, taken.value.code) == (400, 22003)
    assert client.queues(other.sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.queues(other.sid).fetch()
    assert gone.value.code == 20404
    for method in ("POST", "DELETE"):
        assert refused(tenant.request(method, f"/Queues/{other.sid}.json")) == (404, 20404)


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, 20002),
        ({"FriendlyName": ""}, 20002),
        ({"FriendlyName": " "}, 20002),
        ({"FriendlyName": "x" * 65}, 20002),
        ({"FriendlyName": "a\nb"}, 20002),
        ({"FriendlyName": "Support"}, 22003),
        ({"FriendlyName": "New", "MaxSize": "0"}, 20001),
        ({"FriendlyName": "New", "MaxSize": "5001"}, 20001),
    ],
)
def test_a_queue_is_refused_with_the_code(tenant: Tenant, form: dict[str, str], code: int) -> None:
    tenant.client().queues.create(friendly_name="Support")
    assert refused(tenant.request("POST", "/Queues.json", data=form)) == (400, code)


def test_a_queue_with_calls_is_neither_deleted_nor_renamed(tenant: Tenant) -> None:
    sid, _ = waiting(tenant, 2)
    fetched = tenant.client().queues(sid).fetch()
    assert fetched.current_size == 2
    assert 30 <= fetched.average_wait_time < 100
    assert refused(tenant.request("DELETE", f"/Queues/{sid}.json")) == (409, 20409)
    path = f"/Queues/{sid}.json"
    assert refused(tenant.request("POST", path, data={"FriendlyName": "Other"})) == (409, 20409)
    with voice_node(tenant) as node:
        answer = tenant.request("POST", path, data={"FriendlyName": fetched.friendly_name, "MaxSize": "3"})
        assert answer.json()["max_size"] == 3
        assert node.asked == [{"op": "queue", "account": tenant.account_sid, "sid": sid, "max_size": 3}]


def test_a_queue_that_a_dead_node_kept_is_changed_in_its_row(tenant: Tenant) -> None:
    sid, _ = waiting(tenant, 0)
    unheard = tenant.request("POST", f"/Queues/{sid}.json", data={"MaxSize": "3"})
    assert refused(unheard) == (503, 20503)

    async def die(store: Store) -> None:
        await store.leases.acquire(NODE)

    tenant.api.with_store(die)
    assert tenant.client().queues(sid).update(max_size=4).max_size == 4


def test_members_are_listed_in_order_and_fetched(tenant: Tenant) -> None:
    sid, calls = waiting(tenant, 3)
    answer = tenant.request("GET", f"/Queues/{sid}/Members/Front.json")
    assert_matches("FetchMember", 200, answer.json())
    assert answer.json()["uri"].endswith(f"/Queues/{sid}/Members/{calls[0]}.json")
    of = tenant.client().queues(sid)
    listed = of.members.list(page_size=2)
    assert [(member.position, member.call_sid) for member in listed] == list(enumerate(calls, 1))
    second = of.members(calls[1]).fetch()
    assert (second.position, second.queue_sid) == (2, sid)
    assert 30 <= second.wait_time < 100
    with pytest.raises(TwilioRestException) as gone:
        of.members("CA" + "0" * 32).fetch()
    assert gone.value.code == 20404
    assert refused(tenant.request("GET", f"/Queues/QU{'0' * 32}/Members.json")) == (404, 20404)
    assert refused(tenant.request("GET", f"/Queues/QU{'0' * 32}/Members/Front.json")) == (404, 20404)


def test_a_member_is_taken_out_by_the_node(tenant: Tenant) -> None:
    sid, calls = waiting(tenant, 3)
    of = tenant.client().queues(sid)
    with voice_node(tenant) as node:
        taken = of.members("Front").update(url="http://example.com/agent", method="GET")
        assert node.last == {
            "op": "dequeue",
            "account": tenant.account_sid,
            "sid": sid,
            "call": calls[0],
            "url": "http://example.com/agent",
            "method": "GET",
        }
        assert (taken.call_sid, taken.position) == (calls[0], 1)
        assert of.members(calls[2]).update(url="http://example.com/agent").call_sid == calls[2]
        assert node.last["method"] == "POST"
    assert [member.call_sid for member in of.members.list()] == [calls[1]]


def test_who_is_taken_by_somebody_else_is_not_there(tenant: Tenant) -> None:
    sid, calls = waiting(tenant, 1)
    with voice_node(tenant) as node:
        node.refuses = {"error": 20404, "message": "The member is not there any more."}
        path = f"/Queues/{sid}/Members/{calls[0]}.json"
        answer = tenant.request("POST", path, data={"Url": "http://example.com/"})
        assert refused(answer) == (404, 20404)
    empty = tenant.request(
        "POST", f"/Queues/{sid}/Members/CA{'0' * 32}.json", data={"Url": "http://example.com/"}
    )
    assert refused(empty) == (404, 20404)
    for form in ({}, {"Url": ""}, {"Url": "nowhere"}):
        assert refused(tenant.request("POST", path, data=form)) == (400, 21205)
