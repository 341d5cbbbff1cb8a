"""Listening to a leg, over real sockets: taps, feeds, keys both ways, reports, silence."""

from __future__ import annotations

import asyncio
import signal
import socket
from itertools import pairwise

import numpy as np
import pytest
from tests.harness.media import (
    Ears,
    Phone,
    as_alaw,
    as_ulaw,
    connect_leg,
    find,
    media_worker,
    speech,
)
from tests.harness.waiting import HANGS

from offhook.audio import g711
from offhook.audio.dtmf_detect import DtmfDetector
from offhook.audio.frames import LOST
from offhook.audio.tones import dtmf
from offhook.media import protocol
from offhook.rtp import rtcp, telephone_event


@pytest.mark.parametrize("frame", [80, 160, 240, 480])
async def test_received_tap_hears_what_the_phone_said(frame: int) -> None:
    said = speech(0.72)
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "received")
        await phone.talk(said, frame=frame)
        await ears.until(lambda: find(ears.heard(tap), as_ulaw(said[:5600])) >= 0)
        counters = await worker.client.close_leg(leg)
        await ears.until(lambda: tap in ears.ended)
        first = await worker.event(protocol.FirstPacket)
        phone.close()
        await ears.close()
    assert (first.host, first.port) == (phone.host, phone.port)
    assert counters.packets_received == len(said) // frame
    assert counters.bytes_received == len(said)
    assert (counters.lost, counters.late, counters.discarded) == (0, 0, 0)


async def test_packets_out_of_order_twice_and_lost() -> None:
    said = speech(0.6)
    payload = g711.ulaw_encode(said).tobytes()
    packets = [payload[start : start + 160] for start in range(0, len(payload), 160)]
    order = [0, 1, 3, 2, 4, 4, 5, 6, *range(8, 30)]
    slots = [0, 1, 2, 3, 4, 4, 5, 6, *range(8, 30)]
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "received")
        loop = asyncio.get_running_loop()
        began = loop.time() - 0.16
        for index, slot in zip(order, slots, strict=True):
            await asyncio.sleep(max(0.0, began + 0.02 * slot - loop.time()))
            phone.sequence, phone.timestamp = (
                (65530 + index) & 0xFFFF,
                (0xFFFFF000 + index * 160) & 0xFFFFFFFF,
            )
            phone.frame(packets[index])
        await ears.until(lambda: find(ears.heard(tap), as_ulaw(said[9 * 160 : 28 * 160])) >= 0)
        heard = ears.heard(tap)
        counters = await worker.client.stats(leg)
        phone.close()
        await ears.close()
    assert find(heard, as_ulaw(said[: 7 * 160])) >= 0
    start = find(heard, as_ulaw(said[: 7 * 160]))
    made_up = heard[start + 7 * 160 : start + 8 * 160]
    assert made_up.any()
    assert counters.concealed >= 1
    assert counters.discarded == 1


async def test_sent_tap_hears_what_was_played() -> None:
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "sent")
        worker.client.play(leg, [protocol.Tone((440.0,), 200)])
        await worker.event(protocol.PlayFinished)
        await ears.until(lambda: bool(ears.heard(tap)[-160:].any()) is False and len(ears.heard(tap)) > 1600)
        worker.client.untap(tap)
        await ears.until(lambda: tap in ears.ended)
        phone.close()
        await ears.close()
    assert np.count_nonzero(ears.heard(tap)) > 1500


async def test_streams_is_told_how_long_a_worker_stood_still() -> None:
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "sent")
        await ears.until(lambda: tap in ears.taps)
        worker.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.5)
        worker.process.send_signal(signal.SIGCONT)
        await ears.until(lambda: LOST in ears.taps)
        assert int.from_bytes(ears.taps[LOST][:4]) >= 20
        phone.close()
        await ears.close()


async def test_live_feed_is_played_and_ends() -> None:
    audio = speech(0.3)
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        feed = worker.client.new_feed()
        play = worker.client.play(leg, [protocol.Live(feed)])
        await ears.push(feed, audio.tobytes())
        await ears.push(feed, b"")
        finished = await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        await phone.received(await worker.sent(leg) + 2)
        phone.close()
        await ears.close()
    assert find(phone.heard(), as_ulaw(audio)) >= 0
    assert finished.reason == "finished"


async def test_streams_may_restart() -> None:
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "received")
        await ears.until(lambda: len(ears.heard(tap)) > 800)
        await ears.close()
        again = Ears()
        await again.listen(worker.audio_path)
        await again.until(lambda: len(again.heard(tap)) > 800)
        await worker.client.stats(leg)
        phone.close()
        await again.close()


async def test_event_is_reported_once() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        await phone.talk(speech(0.1))
        for code in (1, 1, 11, 9):
            await phone.press(code)
        await worker.event(protocol.Digit, lambda event: event.digit == "9")
        phone.close()
    digits = worker.of(protocol.Digit)
    assert [event.digit for event in digits] == ["1", "1", "#", "9"]
    assert {(event.leg, event.source) for event in digits} == {(leg, "rfc4733")}


@pytest.mark.parametrize("codec", ["PCMU", "PCMA"])
async def test_tones_are_reported_once(codec: protocol.Codec) -> None:
    pause = np.zeros(400, dtype=np.int16)
    pieces = [part for key in "159#D00" for part in (dtmf(key, 480), pause)]
    async with media_worker() as worker:
        phone = await Phone.open()
        await connect_leg(worker, phone, codec=codec, dtmf=None)
        await phone.talk(np.concatenate([speech(0.2), pause, *pieces, pause]), 0 if codec == "PCMU" else 8)
        async with asyncio.timeout(HANGS):
            while len(worker.of(protocol.Digit)) < 7:
                worker.changed.clear()
                await worker.changed.wait()
        phone.close()
    assert "".join(event.digit for event in worker.of(protocol.Digit)) == "159#D00"
    assert {event.source for event in worker.of(protocol.Digit)} == {"inband"}


async def test_keys_are_sent_as_events() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        play = worker.client.play(leg, [protocol.Digits("1w#")])
        await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        phone.close()
    events = [packet for packet in phone.packets if packet.payload_type == 101]
    keys: dict[int, list[telephone_event.TelephoneEvent]] = {}
    for packet in events:
        event = telephone_event.unpack(packet.payload)
        assert event
        keys.setdefault(packet.timestamp, []).append(event)
    assert [key[0].code for key in keys.values()] == [1, 11]
    for key in keys.values():
        assert [event.end for event in key] == [False] * 4 + [True] * 3
        assert [event.duration for event in key] == [160, 320, 480, 640, 800, 800, 800]
    first, second = keys
    assert (second - first) & 0xFFFFFFFF >= 4000
    assert [packet.marker for packet in events] == ([True] + [False] * 6) * 2
    sequences = [packet.sequence for packet in phone.packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequences))


async def test_keys_are_sent_as_tones_where_events_were_not_negotiated() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone, dtmf=None)
        play = worker.client.play(leg, [protocol.Digits("42*")])
        await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        await phone.received(await worker.sent(leg) + 3)
        phone.close()
    heard, detector = phone.heard(), DtmfDetector(1)
    keys = []
    for start in range(0, len(heard) - 159, 160):
        keys += detector.feed(np.array([0]), heard[None, start : start + 160])
    assert [key for _, key in keys] == ["4", "2", "*"]


async def test_reports_and_round_trip() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            leg = await connect_leg(worker, phone)
            control.bind(("127.0.0.1", phone.port + 1))
            control.setblocking(False)
            loop = asyncio.get_running_loop()
            began = loop.time()
            talking = asyncio.create_task(phone.talk(speech(6)))
            report, *others = rtcp.unpack(await asyncio.wait_for(loop.sock_recv(control, 1500), HANGS))
            assert isinstance(report, rtcp.SenderReport)
            answer = rtcp.ReceiverReport(
                phone.ssrc, (rtcp.ReportBlock(report.ssrc, 0, 3, 0, 80, rtcp.middle(report.ntp), 0),)
            )
            control.sendto(rtcp.pack((answer,)), (phone.leg_address[0], phone.leg_address[1] + 1))
            counters = await worker.counters(leg, lambda counters: counters.rtt_ms is not None)
            talking.cancel()
            await worker.client.close_leg(leg)
            ended = rtcp.unpack(await asyncio.wait_for(loop.sock_recv(control, 1500), HANGS))
        phone.close()
    assert any(isinstance(other, rtcp.SourceDescription) and other.cname for other in others)
    assert report.ssrc == phone.packets[0].ssrc
    assert abs(report.packets - len(phone.packets)) < 20
    assert counters.rtt_ms is not None
    assert counters.rtt_ms <= (loop.time() - began) * 1000
    assert (counters.remote_lost, counters.remote_jitter_ms) == (3, 10.0)
    assert any(isinstance(packet, rtcp.Goodbye) for packet in ended)


async def test_silent_peer_times_out_once() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone, rtp_timeout=1.0)
        timeout = await worker.event(protocol.RtpTimeout)
        await phone.talk(speech(0.1))
        await worker.event(protocol.FirstPacket)
        phone.close()
    assert timeout.leg == leg
    assert timeout.silent_seconds >= 1.0
    assert len(worker.of(protocol.RtpTimeout)) == 1


async def test_alaw_tap() -> None:
    said = speech(0.4, 9)
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone, codec="PCMA")
        tap = worker.client.tap(leg, "received")
        await phone.talk(said, 8)
        await ears.until(lambda: find(ears.heard(tap), as_alaw(said[:2400])) >= 0)
        phone.close()
        await ears.close()
