"""Bridging two legs, over real sockets: relayed, transcoded, mixed with what is played, and back."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import numpy as np
from tests.harness.media import (
    Ears,
    Phone,
    Worker,
    as_alaw,
    as_ulaw,
    connect_leg,
    find,
    media_worker,
    speech,
)

from offhook.media import protocol


async def two_phones(
    worker: Worker, *codecs: protocol.Codec, dtmf: tuple[int | None, int | None] = (101, 96)
) -> tuple[Phone, Phone, int, int]:
    """Two phones and their legs, each of which has heard its phone."""
    a, b = await Phone.open(0xA), await Phone.open(0xB)
    leg_a = await connect_leg(worker, a, codec=codecs[0], dtmf=dtmf[0])
    leg_b = await connect_leg(worker, b, codec=codecs[1], dtmf=dtmf[1])
    await a.talk(np.zeros(160, dtype=np.int16), 0 if codecs[0] == "PCMU" else 8)
    await b.talk(np.zeros(160, dtype=np.int16), 0 if codecs[1] == "PCMU" else 8)
    for leg in (leg_a, leg_b):
        await worker.event(protocol.FirstPacket, lambda event, leg=leg: event.leg == leg)  # type: ignore[misc]
    return a, b, leg_a, leg_b


async def test_same_codec_is_relayed_at_once_in_one_stream() -> None:
    said_a, said_b = speech(0.4, 1), speech(0.4, 2)
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU")
        await b.received(5)
        worker.client.bridge(leg_a, leg_b)
        assert (await worker.client.load()).relayed == 2
        await asyncio.gather(a.talk(said_a), b.talk(said_b))
        counters = await worker.counters(leg_b, lambda counters: counters.packets_received >= 21)
        await worker.counters(leg_a, lambda counters: counters.packets_received >= 21)
        worker.client.unbridge(leg_a)
        await b.received(await worker.sent(leg_b) + 3)
        await a.received(await worker.sent(leg_a))
        a.close()
        b.close()
    assert find(b.heard(), as_ulaw(said_a)) >= 0
    assert find(a.heard(), as_ulaw(said_b)) >= 0
    assert counters.packets_received == 21
    assert counters.delay_ms == 0.0
    assert len({packet.ssrc for packet in b.packets}) == 1
    sequences = [packet.sequence for packet in b.packets]
    assert all((y - x) & 0xFFFF == 1 for x, y in pairwise(sequences))
    steps = [(y.timestamp - x.timestamp) & 0xFFFFFFFF for x, y in pairwise(b.packets)]
    assert all(160 <= step < 3200 for step in steps)


async def test_relayed_packets_do_not_wait_for_a_tick() -> None:
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU")
        worker.client.bridge(leg_a, leg_b)
        await worker.client.load()
        loop, delay = asyncio.get_running_loop(), 1.0
        # A packet that was sent when another has just come would wait for a whole tick, however fast the machine
        # is; a busy one is slow, but not each time.
        while delay > 0.01:
            count, sent_at = len(b.packets), loop.time()
            a.frame(b"\x11" * 160)
            await b.received(count + 1)
            delay = b.arrivals[-1] - sent_at
        a.close()
        b.close()


async def test_events_pass_a_relay_under_the_other_payload_type_and_are_reported() -> None:
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU")
        worker.client.bridge(leg_a, leg_b)
        await worker.client.load()
        await a.talk(speech(0.06))
        await a.press(10)
        digit = await worker.event(protocol.Digit)
        await a.talk(speech(0.06))
        await b.until(lambda: bool(b.keys(96)) and b.packets[-1].payload_type == 0)
        await worker.client.stats(leg_a)
        a.close()
        b.close()
    assert digit == protocol.Digit(leg_a, "*", "rfc4733")
    assert len(worker.of(protocol.Digit)) == 1
    assert len(b.keys(96)) == 7


async def test_different_codecs_are_transcoded() -> None:
    said = speech(0.5, 3)
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMA")
        worker.client.bridge(leg_a, leg_b)
        await asyncio.gather(a.talk(said), b.talk(said, 8))
        await b.received(await worker.sent(leg_b) + 25)
        relayed = (await worker.client.load()).relayed
        a.close()
        b.close()
    assert relayed == 0
    assert find(b.heard(8), as_alaw(as_ulaw(said[:3600]))) >= 0
    assert find(a.heard(0), as_ulaw(as_alaw(said[:3600]))) >= 0


async def test_event_becomes_a_tone_for_a_phone_without_events() -> None:
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU", dtmf=(101, None))
        worker.client.bridge(leg_a, leg_b)
        await worker.client.load()
        await a.press(5)
        await b.received(await worker.sent(leg_b) + 20)
        a.close()
        b.close()
    assert np.abs(b.heard().astype(int)).max() > 8000


async def test_tap_and_play_take_a_bridge_to_the_tick_and_give_it_back() -> None:
    said = speech(0.5, 4)
    async with media_worker() as worker:
        ears = Ears()
        await ears.listen(worker.audio_path)
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU")
        worker.client.bridge(leg_a, leg_b)
        tap = worker.client.tap(leg_b, "sent")
        assert (await worker.client.load()).relayed == 0
        await a.talk(said)
        await ears.until(lambda: find(ears.heard(tap), as_ulaw(said[:3600])) >= 0)
        worker.client.untap(tap)
        assert (await worker.client.load()).relayed == 2
        play = worker.client.play(leg_b, [protocol.Tone((440.0,), 100)])
        assert (await worker.client.load()).relayed == 0
        await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        assert (await worker.client.load()).relayed == 2
        a.close()
        b.close()
        await ears.close()
    sequences = [packet.sequence for packet in b.packets]
    assert all((y - x) & 0xFFFF == 1 for x, y in pairwise(sequences))


async def test_tones_are_heard_in_a_bridge_when_asked_for() -> None:
    from offhook.audio.tones import dtmf

    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU", dtmf=(None, None))
        worker.client.bridge(leg_a, leg_b, detect_inband=True)
        await worker.client.load()
        await a.talk(np.concatenate([speech(0.1), dtmf("*", 800), np.zeros(1600, dtype=np.int16)]))
        digit = await worker.event(protocol.Digit)
        a.close()
        b.close()
    assert digit == protocol.Digit(leg_a, "*", "inband")


async def test_closing_one_leg_leaves_the_other() -> None:
    async with media_worker() as worker:
        a, b, leg_a, leg_b = await two_phones(worker, "PCMU", "PCMU")
        worker.client.bridge(leg_a, leg_b)
        await worker.client.close_leg(leg_a)
        await b.received(await worker.sent(leg_b) + 5)
        a.close()
        b.close()
