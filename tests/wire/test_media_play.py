"""Playing to a leg, over real sockets: the audio sample by sample, its timing, its order, its events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from tests.harness.media import Phone, as_ulaw, connect_leg, find, media_worker, speech

from offhook.audio import g711
from offhook.audio.g711 import Samples
from offhook.audio.tones import tone
from offhook.media import protocol


def write_raw(path: Path, samples: Samples) -> str:
    path.write_bytes(samples.astype("<i2").tobytes())
    return str(path)


@pytest.mark.parametrize(("codec", "payload_type"), [("PCMU", 0), ("PCMA", 8)])
async def test_file_is_heard_sample_by_sample(
    tmp_path: Path, codec: protocol.Codec, payload_type: int
) -> None:
    samples = speech(0.51)
    path = write_raw(tmp_path / "a.raw", samples)
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone, codec=codec)
        play = worker.client.play(leg, [protocol.AudioFile(path)])
        started = await worker.event(protocol.PlayStarted)
        finished = await worker.event(protocol.PlayFinished)
        await phone.received(await worker.sent(leg) + 3)
        phone.close()
    encode, decode = (
        (g711.ulaw_encode, g711.ulaw_decode) if codec == "PCMU" else (g711.alaw_encode, g711.alaw_decode)
    )
    assert find(phone.heard(payload_type), decode(encode(samples))) >= 0
    assert (started.play, started.leg) == (play, leg)
    assert started.delay_ms >= 0
    assert finished == protocol.PlayFinished(leg, play, "finished", 510)


async def test_stream_is_continuous_and_paced(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.raw", speech(0.4))
    async with media_worker() as worker:
        phone = await Phone.open()
        began = asyncio.get_running_loop().time()
        leg = await connect_leg(worker, phone)
        await phone.received(5)
        worker.client.play(leg, [protocol.AudioFile(path)])
        await phone.received(40)
        phone.close()
    first = phone.packets[0]
    assert first.marker
    assert not any(packet.marker for packet in phone.packets[1:])
    for index, packet in enumerate(phone.packets):
        assert packet.ssrc == first.ssrc
        assert packet.sequence == (first.sequence + index) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 160 * index) & 0xFFFFFFFF
        assert len(packet.payload) == 160
    # However late a packet may be, none is early.
    assert all(arrival - began > 0.02 * (index - 1) for index, arrival in enumerate(phone.arrivals))


async def test_items_plays_and_loops_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    one, two = speech(0.055, 2), speech(0.073, 3)
    a, b = write_raw(tmp_path / "a.raw", one), write_raw(tmp_path / "b.raw", two)
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        worker.client.play(leg, [protocol.AudioFile(a), protocol.Silence(10), protocol.AudioFile(b)], loop=2)
        last = worker.client.play(leg, [protocol.Tone((440.0,), 50), protocol.AudioFile(a)])
        await worker.event(protocol.PlayFinished, lambda event: event.play == last)
        await phone.received(await worker.sent(leg) + 2)
        phone.close()
    once = np.concatenate([one, np.zeros(80, dtype=np.int16), two])
    expected = np.concatenate([once, once, tone((440.0,), 400), one])
    assert find(phone.heard(), as_ulaw(expected)) >= 0


async def test_extended_play_waits_for_more(tmp_path: Path) -> None:
    one, two = speech(0.1, 4), speech(0.1, 5)
    a, b = write_raw(tmp_path / "a.raw", one), write_raw(tmp_path / "b.raw", two)
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        play = worker.client.play(leg, [protocol.AudioFile(a)], more=True)
        await worker.event(protocol.PlayStarted)
        await phone.received(await worker.sent(leg) + 15)
        assert not worker.of(protocol.PlayFinished)
        worker.client.extend_play(leg, play, [protocol.AudioFile(b)])
        finished = await worker.event(protocol.PlayFinished)
        await phone.received(await worker.sent(leg) + 2)
        phone.close()
    heard = phone.heard()
    assert find(heard, as_ulaw(one)) >= 0
    assert find(heard, as_ulaw(one)) < find(heard, as_ulaw(two))
    assert finished.milliseconds == 200


async def test_stopped_play_is_silent_at_once(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.raw", speech(10))
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        play = worker.client.play(leg, [protocol.AudioFile(path)], loop=0)
        await worker.event(protocol.PlayStarted)
        await phone.received(await worker.sent(leg) + 5)
        worker.client.stop_play(leg, play)
        finished = await worker.event(protocol.PlayFinished)
        await phone.received(await worker.sent(leg) + 3)
        phone.close()
    assert finished.reason == "stopped"
    assert not phone.heard()[-160:].any()


async def test_what_cannot_be_played_fails_and_the_next_play_goes_on(tmp_path: Path) -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        missing = worker.client.play(leg, [protocol.AudioFile(str(tmp_path / "none.raw"))])
        bad = worker.client.play(leg, [protocol.Tone((1.0,) * 9, 100)])
        digits = worker.client.play(leg, [protocol.Digits("1x")])
        good = worker.client.play(leg, [protocol.Silence(20)])
        finished = await worker.event(protocol.PlayFinished, lambda event: event.play == good)
        reasons = {event.play: event.reason for event in worker.of(protocol.PlayFinished)}
        phone.close()
    assert reasons == {missing: "failed", bad: "failed", digits: "failed", good: "finished"}
    assert finished.detail == ""


async def test_nothing_is_sent_on_hold_and_the_stream_resumes_with_a_marker() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        await phone.received(5)
        worker.client.set_remote(leg, phone.host, phone.port, "PCMU", 0, 101, send=False)
        held = await worker.sent(leg)
        play = worker.client.play(leg, [protocol.Silence(200)])
        await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        assert await worker.sent(leg) == held
        worker.client.set_remote(leg, phone.host, phone.port, "PCMU", 0, 101)
        await phone.received(held + 3)
        phone.close()
    before, after = phone.packets[held - 1], phone.packets[held]
    assert after.marker
    assert after.sequence == (before.sequence + 1) & 0xFFFF
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF >= 10 * 160
