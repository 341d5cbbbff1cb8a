"""The messaging node on a real PostgreSQL, a real NATS and a real SMSC: what a user of texts would notice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from aiohttp import web
from tests.harness.rows import message, number
from tests.harness.services import ACCOUNT, AUTH_TOKEN
from tests.harness.smsc import Smsc

from offhook.bus.nats import Bus
from offhook.clock import utcnow
from offhook.delivery.client import WebhookClient
from offhook.delivery.guard import Guard
from offhook.messaging.carriers import Carrier, IncomingText
from offhook.messaging.carriers.loopback import LoopbackCarrier, owned_by
from offhook.messaging.carriers.smpp import SmppCarrier
from offhook.messaging.node import keep_promises, take_texts
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.vocabulary import MessageState, Status, Tag
from offhook.sms.concatenation import Part, pack_header
from offhook.smsc import SmscSettings
from offhook.store.messages import MessageFilters
from offhook.store.paging import Page
from offhook.store.records import MessageRecord, NotificationRecord, TimelineKind, Topic
from offhook.store.store import Store
from offhook.webhook.signature import sign

Item = TypeVar("Item")

OURS, ALSO_OURS, THEIRS = "+15550100100", "+15550100101", "+15551230000"


class Webhook:
    """A customer's server: answers what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[str, dict[str, str], str]] = asyncio.Queue()
        self.answers: dict[str, tuple[int, str]] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        await self.asked.put((request.path, form, request.headers.get("X-Twilio-Signature", "")))
        status, body = self.answers.get(request.path, (200, "<Response/>"))
        return web.Response(status=status, text=body, content_type="text/xml")


@pytest.fixture
async def webhook() -> AsyncIterator[Webhook]:
    server, app = Webhook(), web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


class Platform:
    """A messaging node and what is around it."""

    def __init__(self, database_url: str, nats_url: str, smsc: Smsc) -> None:
        self.database_url = database_url
        self.nats_url = nats_url
        self.smsc = smsc
        self.stack = AsyncExitStack()
        self.store: Store

    async def start(self) -> None:
        """Start a node, as a role would."""
        self.stack = AsyncExitStack()
        self.bus = bus = await Bus.connect(self.nats_url, "test")
        self.stack.push_async_callback(bus.close)
        self.store = store = await Store.open(self.database_url, announce=bus.announce)
        self.stack.push_async_callback(store.close)
        http = WebhookClient(Guard(allow_loopback=True), "http://127.0.0.1:1")
        self.stack.push_async_callback(http.close)
        await keep_promises(store, bus, http, self.stack)
        account = SmscSettings("offhook", "secret", "127.0.0.1", self.smsc.port)
        carriers: list[Carrier] = [LoopbackCarrier(owned_by(store)), SmppCarrier(account)]
        self.node = await take_texts(store, bus, http, carriers, self.stack)

    async def stop(self) -> None:
        """Stop it in an orderly way."""
        await self.stack.aclose()

    async def send(self, body: str = "Hello", **fields: Any) -> str:
        """Make an outbound text as POST /Messages does."""
        record = message(body=body, from_=OURS, **{"to": THEIRS, **fields})
        await self.store.messages.create_message(record)
        return record.sid

    async def until(self, sid: str, *statuses: str) -> MessageRecord:
        """Wait for a status."""
        return await self.found(sid, lambda record: record.status in statuses)

    async def found(self, sid: str, condition: Callable[[MessageRecord], bool]) -> MessageRecord:
        async with asyncio.timeout(20):
            while True:
                record = (await self.store.messages.fetch_batch([sid]))[sid]
                if condition(record):
                    return record
                await asyncio.sleep(0.02)

    async def listed(self, direction: str) -> list[MessageRecord]:
        """The account's messages of a direction."""
        page = await self.store.messages.list_page(ACCOUNT, MessageFilters(), Page(page_size=100))
        return [record for record in page.items if record.direction == direction]


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with Smsc() as running:
        yield running


@pytest.fixture
async def platform(store: Store, database_url: str, nats_url: str, smsc: Smsc) -> AsyncIterator[Platform]:
    running = Platform(database_url, nats_url, smsc)
    await running.start()
    for phone_number in (OURS, ALSO_OURS):
        await running.store.numbers.create(number(phone_number))
    yield running
    await running.stop()


async def test_a_text_is_sent_delivered_paid_for_and_called_back(
    platform: Platform, webhook: Webhook
) -> None:
    sid = await platform.send("Hello world.", status_callback=f"{webhook.url}/status")
    record = await platform.until(sid, "delivered")
    (text,) = platform.smsc.texts
    assert (text.source_addr, text.destination_addr, text.short_message) == (
        OURS[1:],
        THEIRS[1:],
        b"Hello world.",
    )
    assert (record.price, record.num_segments, record.error_code) == (Decimal("-0.01000"), 1, None)
    assert record.date_sent is not None
    assert await platform.store.ledger.balance(ACCOUNT) == Decimal("-0.01000")
    told = [(await webhook.asked.get())[1] for _ in range(2)]
    assert [each["MessageStatus"] for each in told] == ["sent", "delivered"]
    assert told[1]["MessageSid"] == sid
    assert len(told[1]["RawDlrDoneDate"]) == 10
    names: list[str] = []
    async with asyncio.timeout(5):
        while len(names) < 4:
            entries = await platform.store.timeline.list(sid)
            names = [entry.name for entry in entries if entry.kind != TimelineKind.CALLBACK]
    assert names == ["submitted", "sent", "receipt", "delivered"]


async def test_a_long_text_goes_in_segments_and_is_delivered_as_a_whole(platform: Platform) -> None:
    sid = await platform.send("x" * 310)
    record = await platform.until(sid, "delivered")
    assert (record.num_segments, record.price) == (3, Decimal("-0.03000"))
    octets = [text.short_message for text in platform.smsc.texts]
    assert b"".join(part[6:] for part in octets) == b"x" * 310
    assert [part[4:6] for part in octets] == [b"\x03\x01", b"\x03\x02", b"\x03\x03"]


async def test_ucs2(platform: Platform) -> None:
    sid = await platform.send("Привет 😀")
    await platform.until(sid, "delivered")
    (text,) = platform.smsc.texts
    assert (text.data_coding, text.short_message.decode("utf-16-be")) == (8, "Привет 😀")


@pytest.mark.parametrize(
    ("status", "code"),
    [(Status.RINVDSTADR, 30005), (Status.RX_R_APPN, 30007), (Status.RSUBMITFAIL, 30008)],
)
async def test_a_refusal_fails_the_text(
    platform: Platform, webhook: Webhook, status: Status, code: int
) -> None:
    platform.smsc.answer = lambda _: status
    sid = await platform.send(status_callback=f"{webhook.url}/status")
    record = await platform.until(sid, "failed")
    assert (record.error_code, record.price) == (code, None)
    assert record.error_message
    _, told, _ = await webhook.asked.get()
    assert (told["MessageStatus"], told["ErrorCode"]) == ("failed", str(code))


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        (MessageState.UNDELIVERABLE, "001", 30005),
        (MessageState.EXPIRED, "000", 30003),
        (MessageState.REJECTED, "000", 30007),
        (MessageState.UNDELIVERABLE, "30006", 30006),
    ],
)
async def test_a_bad_receipt_undelivers_it(
    platform: Platform, state: MessageState, error: str, code: int
) -> None:
    platform.smsc.receipt_state, platform.smsc.receipt_error = state, error
    record = await platform.until(await platform.send(), "undelivered")
    assert record.error_code == code
    assert record.price == Decimal("-0.01000")


async def test_a_busy_centre_gets_the_text_again(platform: Platform) -> None:
    answers = iter([Status.RTHROTTLED, Status.RMSGQFUL])
    platform.smsc.answer = lambda _: next(answers, 0)
    await platform.until(await platform.send(), "delivered")
    assert platform.smsc.count == 1


async def test_while_the_centre_is_away_texts_stay_queued(platform: Platform) -> None:
    await platform.until(await platform.send(), "delivered")
    await platform.smsc.stop()
    await asyncio.sleep(0.05)
    sids = [await platform.send() for _ in range(20)]
    own = await platform.send(to=ALSO_OURS)
    await platform.until(own, "delivered")
    records = await platform.store.messages.fetch_batch(sids)
    assert {record.status for record in records.values()} == {"queued"}
    await platform.smsc.start()
    for sid in sids:
        await platform.until(sid, "delivered")


async def test_a_dropped_bind_loses_nothing_and_repeats_are_the_same_octets(platform: Platform) -> None:
    unanswered: list[SubmitSm] = []

    def never(text: SubmitSm) -> int | None:
        unanswered.append(text)
        return None

    platform.smsc.answer = never
    sids = [await platform.send(f"text {index}") for index in range(5)]
    await platform.smsc.wait(lambda: len(unanswered) == 5)
    platform.smsc.answer = lambda _: 0
    platform.smsc.drop()
    for sid in sids:
        await platform.until(sid, "delivered")
    assert sorted(map(repr, platform.smsc.texts)) == sorted(map(repr, unanswered))
    assert all(tag == Tag.USER_MESSAGE_REFERENCE for text in unanswered for tag, _ in text.tlvs)


async def test_a_killed_node_leaves_texts_that_the_next_one_sends(platform: Platform) -> None:
    """What a kill leaves: a claim that nobody extends."""
    await platform.smsc.stop()
    sid = await platform.send()
    await platform.stop()
    dying = await Store.open(platform.database_url)
    (claimed,) = await dying.messages.claim_batch([sid], timedelta(seconds=0.3))
    assert claimed.status == "sending"
    await dying.close()
    await platform.smsc.start()
    await platform.start()
    await platform.until(sid, "delivered")
    assert platform.smsc.count == 1


async def test_stopping_in_an_orderly_way_leaves_nothing_claimed(platform: Platform) -> None:
    platform.smsc.answer = lambda _: Status.RTHROTTLED
    sids = [await platform.send() for _ in range(3)]
    for sid in sids:
        await platform.until(sid, "sending")
    await platform.stop()
    platform.smsc.answer = lambda _: 0
    await platform.start()
    for sid in sids:
        await platform.until(sid, "delivered")


async def test_a_text_that_waited_too_long_fails(platform: Platform) -> None:
    sid = await platform.send(date_created=utcnow() - timedelta(hours=5))
    record = await platform.until(sid, "failed")
    assert record.error_code == 30036
    assert platform.smsc.count == 0


async def test_an_inbound_text_is_answered(platform: Platform, webhook: Webhook) -> None:
    (mine,) = [await platform.store.numbers.find_by_number(OURS)]
    assert mine is not None
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/sms"})
    webhook.answers["/sms"] = (
        200,
        "<Response><Message>Thanks</Message><Redirect>/more</Redirect></Response>",
    )
    webhook.answers["/more"] = (200, '<Response><Message to="+15551239999">Told you</Message></Response>')
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi there") == 0
    path, form, signature = await webhook.asked.get()
    assert (path, form["From"], form["To"], form["Body"], form["SmsStatus"]) == (
        "/sms",
        THEIRS,
        OURS,
        "Hi there",
        "received",
    )
    assert signature == sign(AUTH_TOKEN, f"{webhook.url}/sms", list(form.items()))
    await platform.smsc.wait(lambda: platform.smsc.count == 2)
    assert {(text.destination_addr, text.short_message) for text in platform.smsc.texts} == {
        (THEIRS[1:], b"Thanks"),
        ("15551239999", b"Told you"),
    }
    (received,) = await platform.listed("inbound")
    assert (received.body, received.status, received.price) == ("Hi there", "received", Decimal("-0.01000"))
    replies = await platform.listed("outbound-reply")
    assert len(replies) == 2
    begun = (await soon(lambda: platform.store.timeline.list(replies[0].sid)))[0]
    assert (begun.name, begun.detail["reply_to"]) == ("queued", received.sid)
    async with asyncio.timeout(5):
        while (await platform.store.outbox.depth()).get(Topic.MESSAGES):
            pass


async def test_an_action_is_told_of_the_reply_and_signed(platform: Platform, webhook: Webhook) -> None:
    (mine,) = [await platform.store.numbers.find_by_number(OURS)]
    assert mine is not None
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/sms"})
    webhook.answers["/sms"] = (200, '<Response><Message action="/told">Thanks</Message></Response>')
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi there") == 0
    async with asyncio.timeout(10):
        _, asked, _ = await webhook.asked.get()
        path, told, signature = await webhook.asked.get()
    assert (path, told["SmsSid"], told["SmsStatus"]) == ("/told", told["MessageSid"], "queued")
    assert told["MessageSid"] != asked["MessageSid"]
    # What is signed holds each parameter once, or a form's reader could not check it.
    assert signature == sign(AUTH_TOKEN, f"{webhook.url}/told", list(told.items()))


async def test_a_failing_webhook_goes_to_the_fallback_and_is_noted(
    platform: Platform, webhook: Webhook
) -> None:
    mine = await platform.store.numbers.find_by_number(OURS)
    assert mine is not None
    await platform.store.numbers.update(
        ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/broken", "sms_fallback_url": f"{webhook.url}/fallback"}
    )
    webhook.answers["/broken"] = (500, "no")
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi") == 0
    assert (await webhook.asked.get())[0] == "/broken"
    path, form, _ = await webhook.asked.get()
    assert (path, form["ErrorCode"], form["ErrorUrl"]) == ("/fallback", "11200", f"{webhook.url}/broken")
    (received,) = await platform.listed("inbound")
    notes = await platform.store.notifications.about(received.sid)
    assert [note.error_code for note in notes] == [11200]
    assert (notes[0].request_url, notes[0].request_method) == (f"{webhook.url}/broken", "POST")
    assert "Body=Hi" in (notes[0].request_variables or "")
    assert notes[0].response_body == "no"


async def test_a_reply_from_a_number_of_somebody_else_is_not_sent(
    platform: Platform, webhook: Webhook
) -> None:
    mine = await platform.store.numbers.find_by_number(OURS)
    assert mine is not None
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/sms"})
    webhook.answers["/sms"] = (200, '<Response><Message from="+15559990000">x</Message></Response>')
    await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi")
    await webhook.asked.get()
    (received,) = await platform.listed("inbound")
    async with asyncio.timeout(5):
        while not (notes := await platform.store.notifications.about(received.sid)):
            pass
    assert [note.error_code for note in notes] == [14108]
    assert await platform.listed("outbound-reply") == []


async def test_segments_of_an_inbound_text_are_put_together(platform: Platform) -> None:
    async def part(index: int, text: str) -> int:
        octets = pack_header(Part(9, 2, index)) + text.encode("utf-16-be")
        return await platform.smsc.deliver(THEIRS[1:], OURS[1:], octets, esm_class=0x40, data_coding=8)

    assert list(await asyncio.gather(part(2, "мир"), part(1, "Привет, "))) == [0, 0]
    (received,) = await platform.listed("inbound")
    assert (received.body, received.num_segments) == ("Привет, мир", 2)


async def test_what_the_centre_sends_wrongly_is_refused(platform: Platform) -> None:
    smsc = platform.smsc
    assert await smsc.deliver(THEIRS[1:], "15559990000", b"Hi") == Status.RX_P_APPN
    assert await smsc.deliver(THEIRS[1:], OURS[1:], b"\xff", esm_class=0x40) == Status.RX_P_APPN
    assert await smsc.deliver(THEIRS[1:], OURS[1:], b"stat:DELIVRD", esm_class=0x04) == 0
    await platform.until(await platform.send(), "delivered")


async def test_between_two_numbers_of_the_platform(platform: Platform, webhook: Webhook) -> None:
    theirs = await platform.store.numbers.find_by_number(ALSO_OURS)
    assert theirs is not None
    await platform.store.numbers.update(ACCOUNT, theirs.sid, {"sms_url": f"{webhook.url}/sms"})
    sid = await platform.send("Hello neighbour", to=ALSO_OURS)
    await platform.until(sid, "delivered")
    _, form, _ = await webhook.asked.get()
    assert (form["From"], form["To"], form["Body"]) == (OURS, ALSO_OURS, "Hello neighbour")
    assert platform.smsc.count == 0


async def test_a_suspended_account_sends_and_gets_no_texts(platform: Platform, webhook: Webhook) -> None:
    mine = await platform.store.numbers.find_by_number(OURS)
    assert mine is not None
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/sms"})
    await platform.store.accounts.update(ACCOUNT, status="suspended")
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi there") == Status.RX_P_APPN
    record = await platform.until(await platform.send(), "failed")
    assert record.error_code == 30002
    assert (platform.smsc.count, webhook.asked.qsize()) == (0, 0)


async def test_many_texts(platform: Platform) -> None:
    sids = await asyncio.gather(*[platform.send(f"text {index}") for index in range(1000)])
    for sid in sids:
        await platform.until(sid, "delivered")
    assert platform.smsc.count == 1000


async def reply_with(platform: Platform, webhook: Webhook, twiml: str, phone_number: str = OURS) -> None:
    """Have texts to one of our numbers answered with this TwiML."""
    mine = await platform.store.numbers.find_by_number(phone_number)
    assert mine is not None
    path = f"/{phone_number[1:]}"
    webhook.answers[path] = (200, twiml)
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}{path}"})


async def soon(found: Callable[[], Awaitable[Sequence[Item]]]) -> Sequence[Item]:
    """What `found` returns once it is not empty."""
    async with asyncio.timeout(20):
        while not (items := await found()):  # noqa: ASYNC110 (PostgreSQL tells of no row)
            await asyncio.sleep(0.02)
    return items


async def notified(platform: Platform, sid: str, count: int = 1) -> list[int]:
    """The codes of a text's notifications, once there are `count`."""

    async def enough() -> list[NotificationRecord]:
        notes = await platform.store.notifications.about(sid)
        return notes if len(notes) >= count else []

    return [note.error_code for note in await soon(enough)]


async def test_two_numbers_that_answer_each_other_are_stopped(platform: Platform, webhook: Webhook) -> None:
    for phone_number in (OURS, ALSO_OURS):
        await reply_with(platform, webhook, "<Response><Message>Hello</Message></Response>", phone_number)
    await platform.send(to=ALSO_OURS)

    async def stopped() -> list[MessageRecord]:
        received = await platform.listed("inbound")
        depth = await platform.store.outbox.depth()
        return received if len(received) >= 31 and not depth.get(Topic.MESSAGES) else []

    received = await soon(stopped)
    assert len(received) == 31
    assert await notified(platform, received[0].sid) == [14107]


async def test_only_ten_replies_to_one_text(platform: Platform, webhook: Webhook) -> None:
    await reply_with(platform, webhook, f"<Response>{'<Message>Hi</Message>' * 12}</Response>")
    await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi")
    await platform.smsc.wait(lambda: platform.smsc.count == 10)
    (received,) = await platform.listed("inbound")
    assert await notified(platform, received.sid, 2) == [14109, 14109]
    assert platform.smsc.count == 10


async def test_a_text_says_what_it_waits_for(platform: Platform) -> None:
    smsc = platform.smsc
    smsc.bind_status = Status.RINVPASWD
    smsc.drop()
    await smsc.wait(lambda: smsc.attempts >= 3)
    sid = await platform.send()
    (entry,) = await soon(lambda: platform.store.timeline.list(sid))
    assert (entry.kind, entry.name) == (TimelineKind.SMPP, "waiting")
    assert entry.detail["reason"].startswith("smpp:offhook is not bound: ESME_RINVPASWD since 20")
    smsc.bind_status = 0
    await platform.until(sid, "delivered")


async def test_a_text_that_waits_for_an_smsc_fails_when_its_validity_ends(platform: Platform) -> None:
    await platform.smsc.stop()
    await asyncio.sleep(0.05)
    sid = await platform.send(request={"validity_period": 2})
    started = utcnow()
    record = await platform.until(sid, "failed")
    assert (record.error_code, platform.smsc.count) == (30036, 0)
    assert timedelta(seconds=1) < utcnow() - started < timedelta(seconds=5)


async def test_a_bad_moment_fails_nothing_and_repeats_no_segment(platform: Platform) -> None:
    bad = True
    numbers: list[int] = []

    def answer(text: SubmitSm) -> int:
        numbers.append(text.short_message[5])
        return Status.RSYSERR if bad and text.short_message[5] == 2 else 0

    platform.smsc.answer = answer
    sid = await platform.send("x" * 400)
    await platform.smsc.wait(lambda: numbers.count(2) == 2)
    assert (await platform.until(sid, "sending")).error_code is None
    # Another life of the node knows which segments the centre has.
    await platform.stop()
    await platform.start()
    await platform.smsc.wait(lambda: numbers.count(2) == 3)
    bad = False
    await platform.until(sid, "delivered")
    assert (numbers.count(1), numbers.count(3)) == (1, 1)


async def test_a_link_that_breaks_again_and_again_fails_nothing(platform: Platform) -> None:
    """An SMSC that drops the link beyond ten texts without a response."""
    smsc = platform.smsc
    outstanding = 0

    def answer(text: SubmitSm) -> int | None:
        nonlocal outstanding
        outstanding += 1
        if outstanding > 10:
            smsc.drop()
            return None
        return 0

    def ended() -> None:
        nonlocal outstanding
        outstanding = 0

    smsc.answer = answer
    smsc.turn_ended = ended
    sids = [await platform.send(f"text {index}") for index in range(60)]
    for sid in sids:
        await platform.until(sid, "delivered")


async def test_a_receipt_in_another_base_and_one_before_its_response(platform: Platform) -> None:
    smsc = platform.smsc
    smsc.receipt_after = None
    smsc.respond_as = lambda number: f"{number + 0xABC:08X}"
    sids = [await platform.send(f"text {index}") for index in range(3)]
    for sid in sids:
        await platform.until(sid, "sent")
    for index in range(1, 4):
        text = f"id:{index + 0xABC} sub:001 dlvrd:001 stat:DELIVERED err:000".encode()
        assert await smsc.deliver(THEIRS[1:], OURS[1:], text, esm_class=0x04) == 0
    for sid in sids:
        await platform.until(sid, "delivered")
    early = asyncio.ensure_future(
        smsc.deliver(THEIRS[1:], OURS[1:], f"id:{4 + 0xABC} stat:DELIVRD".encode(), esm_class=0x04)
    )
    assert await asyncio.wait_for(early, 10) == 0
    await platform.until(await platform.send(), "delivered")


async def test_a_receipt_that_is_not_understood_is_in_the_timeline(platform: Platform) -> None:
    platform.smsc.receipt_after = None
    platform.smsc.respond_as = lambda number: f"id-{number}"
    sid = await platform.send()
    await platform.until(sid, "sent")
    for word in ("ENROUTE", "BAFFLED"):
        text = f"id:ID-1 stat:{word} err:000".encode()
        assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], text, esm_class=0x04) == 0

    async def two_receipts() -> list[str]:
        entries = await platform.store.timeline.list(sid)
        words = [entry.detail["state"] for entry in entries if entry.name == "receipt"]
        return words if len(words) == 2 else []

    assert await soon(two_receipts) == ["ENROUTE", "BAFFLED"]
    assert (await platform.until(sid, "sent")).error_code is None


async def test_a_text_that_is_not_whole_is_marked_and_not_handed_on(
    platform: Platform, webhook: Webhook
) -> None:
    await reply_with(platform, webhook, "<Response><Message>Hello</Message></Response>")
    await platform.node.incoming(IncomingText(THEIRS, OURS, "Hello…", segments=1, missing=1))
    (received,) = await platform.listed("inbound")
    assert (received.body, received.error_code, received.status) == ("Hello…", 30009, "received")
    assert await notified(platform, received.sid) == [30009]
    assert webhook.asked.empty()
    first = (await soon(lambda: platform.store.timeline.list(received.sid)))[0]
    assert (first.detail["from"], first.detail["to"], first.detail["missing"]) == (THEIRS, OURS, 1)
