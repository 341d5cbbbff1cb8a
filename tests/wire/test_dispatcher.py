"""Callbacks from the outbox to a real HTTP server: order, signature, token, retries, giving up, crashes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from tests.harness import rows
from tests.harness.listener import Heard, Listener, listening
from tests.harness.services import ACCOUNT, AUTH_TOKEN
from tests.harness.waiting import eventually

from offhook.delivery.client import WebhookClient
from offhook.delivery.dispatcher import Dispatcher
from offhook.delivery.guard import Guard
from offhook.store.notifications import NotificationFilters
from offhook.store.outbox import HOLD
from offhook.store.paging import Page
from offhook.store.records import CallbackDraft, TimelineEntry, TimelineKind
from offhook.store.store import Store
from offhook.webhook.signature import verify

FAST = (0.05, 0.05, 0.05)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[WebhookClient]:
    async with WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:1") as session:
        yield session


@asynccontextmanager
async def dispatching(store: Store, client: WebhookClient, **options: Any) -> AsyncIterator[Dispatcher]:
    dispatcher = Dispatcher(
        store, client, options.pop("name", "node-1"), **{"retry_seconds": FAST, **options}
    )
    task = asyncio.create_task(dispatcher.run())
    try:
        yield dispatcher
    finally:
        task.cancel()
        await asyncio.wait([task])


async def enqueue(store: Store, sid: str, url: str, *events: str) -> None:
    await store.outbox.enqueue_callbacks(sid, [rows.callback(event, url) for event in events])


async def empty(store: Store) -> None:
    async def nothing_left() -> bool:
        return await store.outbox.depth() == {}

    await eventually(nothing_left)


async def entries(store: Store, sid: str) -> Sequence[TimelineEntry]:
    await store.timelines.flush()
    return await store.timeline.list(sid)


async def failing(count: int, status: int = 500) -> Any:
    """An answer that fails `count` times, then succeeds."""
    left = count

    async def answer(heard: Heard) -> web.Response:
        nonlocal left
        left -= 1
        return web.Response(status=status if left >= 0 else 204, text="sorry")

    return answer


async def test_a_callback_is_signed_and_has_a_token(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()
    await enqueue(store, call.sid, f"{listener.url}/status?x=1", "completed")
    async with dispatching(store, client):
        [heard] = await listener.reaches(1)
        await empty(store)
    assert heard.path == "/status"
    assert heard.params == {"CallStatus": "completed"}
    signature = heard.headers["X-Twilio-Signature"]
    assert verify(AUTH_TOKEN, f"{listener.url}/status?x=1", list(heard.params.items()), signature)
    assert heard.headers["I-Twilio-Idempotency-Token"]
    [entry] = await entries(store, call.sid)
    assert (entry.kind, entry.name) == (TimelineKind.CALLBACK, "completed")
    assert entry.detail["status"] == 204
    assert entry.detail["request"] == {"params": {"CallStatus": "completed"}}
    assert entry.detail["error"] is None


async def test_callbacks_of_a_resource_keep_their_order_while_others_overtake(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    calls = [rows.call() for _ in range(20)]
    events = ["initiated", "ringing", "answered", "completed"]
    slow = calls[0].sid
    others_told = asyncio.Event()

    async def answer(heard: Heard) -> web.Response:
        if heard.path == f"/{slow}":
            await others_told.wait()
        return web.Response()

    listener.answer = answer
    for call in calls:
        await enqueue(store, call.sid, f"{listener.url}/{call.sid}", *events)
    async with dispatching(store, client):
        await listener.reaches(1 + 19 * 4)
        others_told.set()
        heard = await listener.reaches(80)
        await empty(store)
    for call in calls:
        assert [request.params["CallStatus"] for request in heard if request.path == f"/{call.sid}"] == events
    assert [request.path for request in heard[-3:]] == [f"/{slow}"] * 3


async def test_a_failed_callback_keeps_its_token_and_holds_its_lane_while_that_lasts(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()
    listener.answer = await failing(2)
    await enqueue(store, call.sid, f"{listener.url}/#rp=5xx", "ringing", "completed")
    async with dispatching(store, client, behind_failed=timedelta(minutes=1)):
        heard = await listener.reaches(4)
        await empty(store)
    assert [request.params["CallStatus"] for request in heard] == ["ringing"] * 3 + ["completed"]
    tokens = [request.headers["I-Twilio-Idempotency-Token"] for request in heard]
    assert len(set(tokens[:3])) == 1
    assert tokens[3] != tokens[0]
    attempts = await entries(store, call.sid)
    assert [entry.detail["attempt"] for entry in attempts] == [1, 2, 3, 1]
    assert attempts[0].detail["reason"] == "answered 500; attempt 2 of 4 in 0.05 s"
    assert attempts[0].detail["next_attempt"]
    assert "reason" not in attempts[3].detail


async def test_the_end_is_told_although_what_came_before_cannot_be(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()

    async def answer(heard: Heard) -> web.Response:
        return web.Response(status=503 if heard.params["CallStatus"] == "initiated" else 204)

    listener.answer = answer
    await enqueue(store, call.sid, f"{listener.url}/#rp=5xx", "initiated", "completed")
    async with dispatching(store, client, retry_seconds=(600.0,), behind_failed=timedelta(seconds=0.1)):
        heard = await listener.reaches(2)

        async def one_left() -> bool:
            return await store.outbox.depth() == {"work.callbacks": 1}

        await eventually(one_left)
    assert [request.params["CallStatus"] for request in heard] == ["initiated", "completed"]


async def test_a_dead_url_keeps_back_no_other_urls_callbacks(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()
    await enqueue(store, call.sid, "http://127.0.0.1:1/recording", "recording-completed")
    await enqueue(store, call.sid, f"{listener.url}/", "completed")
    async with dispatching(store, client, retry_seconds=(600.0,), behind_failed=timedelta(minutes=1)):
        [heard] = await listener.reaches(1)
    assert heard.params == {"CallStatus": "completed"}


async def claimed_events(store: Store, behind_failed: timedelta = HOLD) -> list[str]:
    """What may go out now, which is then on its way."""
    claimed = await store.outbox.claim_callbacks(100, "node-2", behind_failed=behind_failed)
    return [row.payload["event"] for row in claimed]


async def fail_first(store: Store, ago: str) -> None:
    """Have the oldest callback have failed, and be due again in an hour."""
    await store.database.execute(
        "UPDATE outbox SET due_at = now() + interval '1 hour', failed_at = now() - $1::text::interval "
        "WHERE id = (SELECT min(id) FROM outbox)",
        ago,
    )


async def test_a_lane_waits_for_a_failed_callback_for_two_seconds(store: Store) -> None:
    await enqueue(store, rows.call().sid, "http://x/", "initiated", "answered", "completed")
    assert await claimed_events(store) == ["initiated"]
    await fail_first(store, "3 seconds")
    assert await claimed_events(store, timedelta(minutes=1)) == []
    await fail_first(store, "3 seconds")
    assert await claimed_events(store) == ["answered"]
    assert await claimed_events(store) == []


async def test_where_a_callback_failed_none_waits_for_long_for_one_under_way(store: Store) -> None:
    await enqueue(store, rows.call().sid, "http://x/", "initiated", "answered", "completed")
    await fail_first(store, "3 seconds")
    await store.database.execute("UPDATE outbox SET created_at = created_at - interval '3 seconds'")
    assert await claimed_events(store) == ["answered", "completed"]


async def test_a_callback_under_way_holds_a_sound_lane_however_long_it_takes(store: Store) -> None:
    await enqueue(store, rows.call().sid, "http://x/", "initiated", "completed")
    assert await claimed_events(store) == ["initiated"]
    await store.database.execute("UPDATE outbox SET created_at = created_at - interval '1 minute'")
    assert await claimed_events(store) == []


async def test_a_callback_that_never_succeeds_is_given_up(
    store: Store, client: WebhookClient, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    call = rows.call()
    listener.answer = await failing(1000)
    await enqueue(store, call.sid, f"{listener.url}/path?secret=1#rp=5xx", "ringing")
    async with dispatching(store, client):
        await empty(store)
    assert len(listener.heard) == 1 + len(FAST)
    page = await store.notifications.list_page(ACCOUNT, NotificationFilters(call_sid=call.sid), Page())
    [notification] = page.items
    assert (notification.error_code, notification.log) == (15003, 1)
    assert notification.request_variables == "CallStatus=ringing"
    assert notification.response_body == "sorry"
    told = [record.getMessage() for record in caplog.records if record.name == "offhook.delivery.failure_log"]
    place = f"{listener.url.removeprefix('http://')}/path"
    assert told == [
        f"callback ringing of {call.sid} to {place}: error 15003, answered 500; attempt 2 of 4 in 0.05 s",
        f"callback ringing of {call.sid} to {place}: error 15003, answered 500; given up after 4 attempts",
    ]


async def test_a_header_that_is_no_text_is_told_as_far_as_it_is(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    async def answer(heard: Heard) -> web.Response:
        return web.Response(status=500, headers={"X-Odd": "a\udcffb", "Content-Type": "text/x; \udcff"})

    listener.answer = answer
    call = rows.call()
    await enqueue(store, call.sid, f"{listener.url}/", "completed")
    async with dispatching(store, client):
        await empty(store)
    [notification] = await store.notifications.about(call.sid)
    assert "x-odd=a" in (notification.response_headers or "")
    [entry] = await entries(store, call.sid)
    assert entry.detail["reason"] == "answered 500; it is not tried again"


async def test_a_status_is_final(store: Store, client: WebhookClient, listener: Listener) -> None:
    message = rows.message()
    listener.answer = await failing(1, 503)
    await enqueue(store, message.sid, f"{listener.url}/", "sent", "delivered")
    async with dispatching(store, client):
        heard = await listener.reaches(2)
        await empty(store)
    assert [request.params["CallStatus"] for request in heard] == ["sent", "delivered"]
    [notification] = await store.notifications.about(message.sid)
    assert (notification.error_code, notification.log) == (11200, 0)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/", 11202),
        ("http://[::1", 11100),
        ("ftp://example.com/", 11100),
        ("http://169.254.169.254/latest", None),
        ("http://host.invalid/", 11210),
    ],
)
async def test_a_url_that_cannot_be_reached_ends_as_its_code(
    store: Store, client: WebhookClient, url: str, code: int | None
) -> None:
    call = rows.call()
    await enqueue(store, call.sid, url, "completed")
    async with dispatching(store, client, retry_seconds=()):
        await empty(store)
    [notification] = await store.notifications.about(call.sid)
    assert notification.error_code == (code or notification.error_code)
    [entry] = await entries(store, call.sid)
    assert entry.detail["error"] == notification.error_code
    assert entry.detail["status"] is None


async def test_a_callback_that_nobody_settled_goes_out_again_with_its_token(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    """A dispatcher dies between the answer and the deletion: at least once means a second time here."""
    call = rows.call()
    await enqueue(store, call.sid, f"{listener.url}/", "ringing", "completed")
    [claimed] = await store.outbox.claim_callbacks(10, "node-2", timedelta(seconds=0.3))
    async with dispatching(store, client):
        heard = await listener.reaches(2)
        await empty(store)
    assert [request.params["CallStatus"] for request in heard] == ["ringing", "completed"]
    assert heard[0].headers["I-Twilio-Idempotency-Token"] == claimed.payload["token"]


async def test_a_dispatcher_that_starts_again_sends_at_once_what_it_had_claimed(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    left, others = rows.call(), rows.call()
    await enqueue(store, left.sid, f"{listener.url}/left", "answered", "completed")
    [claimed] = await store.outbox.claim_callbacks(10, "node-1")
    await enqueue(store, others.sid, f"{listener.url}/others", "completed")
    await store.outbox.claim_callbacks(10, "node-2")
    async with dispatching(store, client, name="node-1"):
        heard = await listener.reaches(2)
    assert [(request.path, request.params["CallStatus"]) for request in heard] == [
        ("/left", "answered"),
        ("/left", "completed"),
    ]
    assert heard[0].headers["I-Twilio-Idempotency-Token"] == claimed.payload["token"]


async def test_what_failed_keeps_its_pause_when_the_dispatcher_starts_again(store: Store) -> None:
    await enqueue(store, rows.call().sid, "http://127.0.0.1:1/", "completed")
    [claimed] = await store.outbox.claim_callbacks(10, "node-1")
    await store.outbox.retry(claimed.id, timedelta(minutes=1))
    assert await store.outbox.give_back("node-1") == 0
    assert await store.outbox.claim_callbacks(10, "node-1") == []


async def test_a_dispatcher_that_stops_gives_back_what_was_not_answered(
    store: Store, client: WebhookClient, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.delivery.dispatcher._CLOSE_SECONDS", 0.05)
    blocked = asyncio.Event()

    async def answer(heard: Heard) -> web.Response:
        await blocked.wait()
        return web.Response()

    listener.answer = answer
    await enqueue(store, rows.call().sid, f"{listener.url}/", "completed")
    async with dispatching(store, client):
        await listener.reaches(1)
    [row] = await store.outbox.claim_callbacks(10, "node-2")
    assert row.attempts == 1
    blocked.set()


async def test_two_dispatchers_send_each_callback_once(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    calls = [rows.call() for _ in range(40)]
    for call in calls:
        await enqueue(store, call.sid, f"{listener.url}/{call.sid}", "ringing", "completed")
    async with dispatching(store, client, name="node-1"), dispatching(store, client, name="node-2"):
        await listener.reaches(80)
        await empty(store)
    assert len(listener.heard) == 80
    for call in calls:
        events = [heard.params["CallStatus"] for heard in listener.heard if heard.path == f"/{call.sid}"]
        assert events == ["ringing", "completed"]


async def test_a_server_that_hangs_does_not_hold_up_the_others(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    release = asyncio.Event()

    async def hang(heard: Heard) -> web.Response:
        await release.wait()
        return web.Response()

    async with listening() as hanging:
        hanging.answer = hang
        for _ in range(10):
            await enqueue(store, rows.call().sid, f"{hanging.url}/", "completed")
        await enqueue(store, rows.call().sid, f"{listener.url}/", "completed")
        async with dispatching(store, client, slots=5, slots_per_host=3):
            await listener.reaches(1)
            assert len(hanging.heard) <= 3
            release.set()
            await empty(store)


async def test_passwords_in_a_url_are_sent_and_not_shown(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()
    url = listener.url.replace("http://", "http://user:pass@")
    await store.outbox.enqueue_callbacks(
        call.sid, [CallbackDraft(ACCOUNT, f"{url}/", "GET", (("A", "1"),), "completed")]
    )
    async with dispatching(store, client):
        [heard] = await listener.reaches(1)
        await empty(store)
    assert heard.params == {"A": "1"}
    assert heard.headers["Authorization"] == "Basic dXNlcjpwYXNz"
    [entry] = await entries(store, call.sid)
    assert entry.detail["url"] == f"{listener.url}/"


async def test_a_suspended_account_is_told_nothing(
    store: Store, client: WebhookClient, listener: Listener
) -> None:
    call = rows.call()
    await enqueue(store, call.sid, f"{listener.url}/", "completed")
    await store.accounts.update(ACCOUNT, status="suspended")
    async with dispatching(store, client):
        await empty(store)
    assert listener.heard == []
    [entry] = await entries(store, call.sid)
    assert (entry.kind, entry.name) == (TimelineKind.NOTE, "callback not sent")
    assert entry.detail == {"event": "completed", "reason": "the account is suspended"}
