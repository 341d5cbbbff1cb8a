"""Calls, by the official SDK."""

from __future__ import annotations

import asyncio
import threading

import msgspec
import pytest
from tests.contract.conftest import Tenant
from tests.contract.openapi import assert_matches
from tests.harness.waiting import HANGS
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]

from offhook.bus.nats import Bus
from offhook.store.store import Store

PHONE = "+15551230000"
TWIML = "<Response><Say>Hello</Say></Response>"


def test_create_answers_every_field(tenant: Tenant) -> None:
    answer = tenant.request(
        "POST", "/Calls.json", data={"To": PHONE, "From": tenant.number, "Url": "http://example.com/voice"}
    )
    assert answer.status_code == 201
    call = answer.json()
    assert_matches("CreateCall", 201, call)
    assert call["status"] == "queued"
    assert call["direction"] == "outbound-api"
    assert call["to_formatted"] == "(555) 123-0000"
    assert call["phone_number_sid"] == tenant.number_sid
    assert call["uri"] == f"/2010-04-01/Accounts/{tenant.account_sid}/Calls/{call['sid']}.json"
    assert call["subresource_uris"]["events"] == call["uri"].replace(".json", "/Events.json")


def test_sdk_creates_fetches_lists_and_cancels(tenant: Tenant) -> None:
    client = tenant.client()
    made = client.calls.create(to="15551230000", from_=tenant.number, twiml=TWIML, timeout=20)
    assert made.to == PHONE
    assert made.date_created is not None
    fetched = client.calls(made.sid).fetch()
    assert (fetched.sid, fetched.status, fetched.duration) == (made.sid, "queued", None)
    assert [call.sid for call in client.calls.list(to=PHONE, status="queued")] == [made.sid]
    assert client.calls.list(to="+15551239999") == []
    canceled = client.calls(made.sid).update(status="canceled")
    assert canceled.status == "canceled"
    assert client.calls(made.sid).delete()
    with pytest.raises(TwilioRestException) as gone:
        client.calls(made.sid).fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_request_reaches_the_row(tenant: Tenant) -> None:
    made = tenant.client().calls.create(
        to=PHONE,
        from_=tenant.number,
        url="http://example.com/voice",
        method="GET",
        status_callback="http://example.com/status",
        status_callback_event=["initiated", "answered"],
        send_digits="1234#",
        record=True,
        time_limit=90,
    )

    async def row(store: Store) -> object:
        return await store.calls.fetch(tenant.account_sid, made.sid)

    asked = tenant.api.with_store(row).request
    assert asked["url"] == "http://example.com/voice"
    assert asked["method"] == "GET"
    assert asked["status_callback_event"] == ["initiated", "answered"]
    assert asked["send_digits"] == "1234#"
    assert asked["record"] is True
    assert asked["time_limit"] == 90


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"To": ""}, 21201),
        ({"To": "not a number"}, 21211),
        ({"To": "+1555"}, 21211),
        ({"To": "sip:"}, 21211),
        ({"To": "sips:joe@example.com"}, 21211),
        ({"To": "sip:joe@example.com;transport=tls"}, 21211),
        ({"To": "sip:joe@example.com;transport=ws"}, 21211),
        ({"To": "sip:joe@example.com:65536"}, 21211),
        ({"To": "1123456789"}, 21211),
        ({"To": "client:joe doe"}, 21211),
        ({"From": ""}, 21213),
        ({"From": "nobody"}, 21212),
        ({"From": "+12025550199"}, 21210),
        ({"Url": ""}, 21205),
        ({"Url": "ftp://example.com/"}, 21205),
        ({"Url": "voice"}, 21205),
        ({"Url": "", "ApplicationSid": "AP" + "0" * 32}, 21218),
        ({"MachineDetection": "Enable"}, 21234),
        ({"SipAuthPassword": "a\r\nX-B: c"}, 20001),
        ({"Method": "PUT"}, 21209),
        ({"CallerId": "+12025550199"}, 20001),
        ({"RecordingTrack": "x"}, 20001),
        ({"RecordingStatusCallbackEvent": "in-progress born"}, 21626),
        ({"SendDigits": "12E"}, 21206),
        ({"FallbackUrl": "nowhere"}, 21205),
        ({"StatusCallback": "nowhere"}, 21205),
        ({"StatusCallbackEvent": "born"}, 21626),
        ({"Timeout": "soon"}, 21208),
        ({"Timeout": "-1"}, 21208),
        ({"SendDigits": "call me"}, 21206),
        ({"Record": "perhaps"}, 20001),
        ({"Url": "", "Twiml": "x" * 4001}, 20001),
    ],
)
def test_refused_with_the_code(tenant: Tenant, changes: dict[str, str], code: int) -> None:
    form = {"To": PHONE, "From": tenant.number, "Url": "http://example.com/voice", **changes}
    answer = tenant.request("POST", "/Calls.json", data=form)
    error = answer.json()
    assert (answer.status_code, error["code"], error["status"]) == (400, code, 400)
    assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert tenant.client().calls.list() == []


def test_sip_addresses_may_be_called_from_any_name(tenant: Tenant) -> None:
    call = tenant.client().calls.create(to="sip:desk@example.com", from_="reception", twiml=TWIML)
    assert (call.to, call._from, call.phone_number_sid) == ("sip:desk@example.com", "reception", None)


def test_live_calls_cannot_be_deleted_and_ended_ones_not_changed(tenant: Tenant) -> None:
    client = tenant.client()
    call = client.calls.create(to=PHONE, from_=tenant.number, twiml=TWIML)
    with pytest.raises(TwilioRestException) as live:
        client.calls(call.sid).delete()
    assert (live.value.status, live.value.code) == (409, 20009)
    with pytest.raises(TwilioRestException) as early:
        client.calls(call.sid).update(twiml=TWIML)
    assert early.value.code == 21220
    client.calls(call.sid).update(status="completed")
    with pytest.raises(TwilioRestException) as over:
        client.calls(call.sid).update(status="completed")
    assert over.value.code == 21220


def test_cancelling_a_queued_call_leaves_one_callback(tenant: Tenant) -> None:
    client = tenant.client()
    call = client.calls.create(
        to=PHONE, from_=tenant.number, twiml=TWIML, status_callback="http://example.com/status"
    )
    client.calls(call.sid).update(status="canceled")

    async def outbox(store: Store) -> list[dict[str, object]]:
        rows = await store.database.fetch(
            "SELECT payload FROM outbox WHERE resource_sid = $1 AND topic = 'work.callbacks'", call.sid
        )
        return [row[0] for row in rows]

    (payload,) = tenant.api.with_store(outbox)
    params = dict(payload["params"])
    assert (params["CallStatus"], params["CallSid"], params["SequenceNumber"]) == ("canceled", call.sid, "0")


def test_a_live_call_is_changed_by_its_voice_node(tenant: Tenant) -> None:
    client = tenant.client()
    call = client.calls.create(to=PHONE, from_=tenant.number, twiml=TWIML)

    async def answered(store: Store) -> None:
        await store.calls.claim(call.sid, "test-node", 1)
        await store.calls.transition(call.sid, "in-progress", from_statuses=["queued"])

    tenant.api.with_store(answered)
    asked: list[dict[str, object]] = []
    listening, over = threading.Event(), threading.Event()
    node = threading.Thread(target=lambda: asyncio.run(_voice_node(tenant, asked, listening, over)))
    node.start()
    try:
        assert listening.wait(HANGS)
        client.calls(call.sid).update(url="http://example.com/other", method="GET")
        ended = client.calls(call.sid).update(status="completed")
    finally:
        over.set()
        node.join()
    assert ended.status == "completed"
    assert [request["op"] for request in asked] == ["redirect", "hangup"]
    assert (asked[0]["url"], asked[0]["method"]) == ("http://example.com/other", "GET")


async def _voice_node(
    tenant: Tenant, asked: list[dict[str, object]], listening: threading.Event, over: threading.Event
) -> None:
    """Stands for the voice node that holds the call: notes what it is asked, and hangs up."""
    bus = await Bus.connect(tenant.api.settings.nats_url, "test-node")
    store = await Store.open(tenant.api.settings.database_url)

    async def answer(payload: bytes) -> bytes:
        request = msgspec.json.decode(payload)
        asked.append(request)
        if request["op"] == "hangup":
            await store.calls.transition(
                str(request["sid"]), "completed", from_statuses=["in-progress"], duration=1
            )
        return b'{"ok":true}'

    await bus.serve("voice.test-node.calls", answer)
    listening.set()
    await asyncio.to_thread(over.wait, 30)
    await store.close()
    await bus.close()


def test_nobody_calls_oneself(tenant: Tenant) -> None:
    with pytest.raises(TwilioRestException) as refused:
        tenant.client().calls.create(to=tenant.number, from_=tenant.number, twiml=TWIML)
    assert (refused.value.status, refused.value.code) == (400, 21211)


def test_what_asks_for_what_happens_anyway_is_taken(tenant: Tenant) -> None:
    form = {
        "To": PHONE,
        "From": tenant.number,
        "Twiml": TWIML,
        "CallerId": tenant.number.removeprefix("+"),
        "RecordingTrack": "both",
        "SendDigits": "wW12AbCd*#",
        "RecordingStatusCallbackEvent": "in-progress completed",
        "StatusCallbackEvent": ["initiated ringing", "answered"],
    }
    answer = tenant.request("POST", "/Calls.json", data=form)
    assert answer.status_code == 201, answer.text

    async def row(store: Store) -> object:
        return await store.calls.fetch(tenant.account_sid, answer.json()["sid"])

    asked = tenant.api.with_store(row).request
    assert "caller_id" not in asked
    assert asked["recording_status_callback_event"] == ["in-progress", "completed"]
    assert asked["status_callback_event"] == ["initiated", "ringing", "answered"]


def test_an_update_has_as_much_twiml_as_a_call(tenant: Tenant) -> None:
    client = tenant.client()
    call = client.calls.create(to=PHONE, from_=tenant.number, twiml=TWIML)
    with pytest.raises(TwilioRestException) as refused:
        client.calls(call.sid).update(twiml="<Response>" + "x" * 4000)
    assert (refused.value.status, refused.value.code) == (400, 20001)
