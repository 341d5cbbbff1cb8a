"""The messaging node on a real PostgreSQL, a real NATS and a real SMSC: what a sender of texts would notice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from tests.harness.messaging import (
    ALSO_OURS,
    OURS,
    THEIRS,
    Platform,
    Webhook,
)
from tests.harness.services import ACCOUNT
from tests.harness.waiting import HANGS

from offhook.clock import utcnow
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.vocabulary import MessageState, Status, Tag
from offhook.store.records import TimelineKind
from offhook.store.store import Store


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
    async with asyncio.timeout(HANGS):
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
    await platform.lose_smsc()
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
