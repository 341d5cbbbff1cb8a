"""Texts whose centre is away, has bad moments, or says odd things about them."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.harness.messaging import (
    OURS,
    THEIRS,
    Platform,
    soon,
)
from tests.harness.waiting import HANGS

from offhook.clock import utcnow
from offhook.smpp.bodies import SubmitSm
from offhook.smpp.vocabulary import Status
from offhook.store.records import TimelineKind


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
    await platform.lose_smsc()
    started = utcnow()
    sid = await platform.send(request={"validity_period": 2})
    record = await platform.until(sid, "failed")
    assert (record.error_code, platform.smsc.count) == (30036, 0)
    assert utcnow() - started > timedelta(seconds=1)


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
    before = numbers.count(2)
    await platform.start()
    await platform.smsc.wait(lambda: numbers.count(2) > before)
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
    assert await asyncio.wait_for(early, HANGS) == 0
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
