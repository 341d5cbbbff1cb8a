"""Texts that come in, and what is answered to them."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from tests.harness import rows
from tests.harness.messaging import (
    ALSO_OURS,
    OURS,
    THEIRS,
    Platform,
    Webhook,
    notified,
    reply_with,
    soon,
)
from tests.harness.services import ACCOUNT, AUTH_TOKEN
from tests.harness.waiting import HANGS

from offhook.messaging.carriers import IncomingText
from offhook.smpp.vocabulary import Status
from offhook.sms.concatenation import Part, pack_header
from offhook.store.records import MessageRecord, Topic
from offhook.webhook.signature import sign


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
    async with asyncio.timeout(HANGS):
        while (await platform.store.outbox.depth()).get(Topic.MESSAGES):
            pass


async def test_an_application_answers_texts(platform: Platform, webhook: Webhook) -> None:
    (mine,) = [await platform.store.numbers.find_by_number(OURS)]
    assert mine is not None
    application = rows.application(sms_url=f"{webhook.url}/application")
    await platform.store.applications.create(application)
    settings = {"sms_url": f"{webhook.url}/sms", "sms_application_sid": application.sid}
    await platform.store.numbers.update(ACCOUNT, mine.sid, settings)
    webhook.answers["/application"] = (200, "<Response/>")
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi there") == 0
    path, form, _ = await webhook.asked.get()
    assert (path, form["Body"]) == ("/application", "Hi there")


async def test_an_action_is_told_of_the_reply_and_signed(platform: Platform, webhook: Webhook) -> None:
    (mine,) = [await platform.store.numbers.find_by_number(OURS)]
    assert mine is not None
    await platform.store.numbers.update(ACCOUNT, mine.sid, {"sms_url": f"{webhook.url}/sms"})
    webhook.answers["/sms"] = (200, '<Response><Message action="/told">Thanks</Message></Response>')
    assert await platform.smsc.deliver(THEIRS[1:], OURS[1:], b"Hi there") == 0
    async with asyncio.timeout(HANGS):
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
    notes = await soon(lambda: platform.store.notifications.about(received.sid))
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
    async with asyncio.timeout(HANGS):
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
