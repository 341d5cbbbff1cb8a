"""Whom a leg believes and in which formats, over real sockets: strangers, NATs, numbers and lengths of packets."""

from __future__ import annotations

import asyncio
import struct
from itertools import pairwise

import pytest
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
from tests.harness.waiting import HANGS, eventually

from offhook.audio.g711 import Samples
from offhook.media import protocol
from offhook.rtp import packet as rtp


async def until_heard(ears: Ears, tap: int, phone: Phone, said: Samples) -> None:
    """Have a phone say something until it is heard whole: a busy machine loses some of it, but not each time."""

    async def heard() -> bool:
        await phone.talk(said)
        return find(ears.heard(tap), as_ulaw(said[:3000])) >= 0

    await eventually(heard)


async def test_named_phone_replaces_a_stranger_whenever_it_comes() -> None:
    said = speech(0.4, 1)
    async with media_worker() as worker:
        ears, phone, stranger = Ears(), await Phone.open(), await Phone.open(0xBAD)
        await ears.listen(worker.audio_path)
        opened = await worker.client.open_leg()
        stranger.leg_address = phone.leg_address = (opened.host, opened.port)
        # The stranger shares the host with whom SDP names, so two packets would do; it sends more.
        worker.client.set_remote(opened.leg, phone.host, phone.port, "PCMU", 0)
        tap = worker.client.tap(opened.leg, "received")
        await stranger.talk(speech(0.2, 2))
        first = await worker.event(protocol.FirstPacket)
        await phone.talk(said)
        changed = await worker.event(protocol.SourceChanged)
        await until_heard(ears, tap, phone, said)
        await stranger.talk(speech(0.2, 3))
        counters = await worker.client.stats(opened.leg)
        phone.close()
        stranger.close()
        await ears.close()
    assert (first.port, changed.port) == (stranger.port, phone.port)
    assert (counters.remote_host, counters.remote_port) == (phone.host, phone.port)


async def test_phone_whose_nat_gives_it_another_port_is_found_again() -> None:
    said = speech(0.4, 1)
    async with media_worker() as worker:
        ears, before, after = Ears(), await Phone.open(7), await Phone.open(7)
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, before)
        tap = worker.client.tap(leg, "received")
        await before.talk(speech(0.2, 2))
        await worker.event(protocol.FirstPacket)
        after.leg_address, after.sequence, after.timestamp = (
            before.leg_address,
            before.sequence,
            before.timestamp,
        )
        async with asyncio.timeout(HANGS):
            while not worker.of(protocol.SourceChanged):
                after.frame(b"\x11" * 160)
                await asyncio.sleep(0.02)
        changed = await worker.event(protocol.SourceChanged)
        await until_heard(ears, tap, after, said)
        await after.received(5)
        before.close()
        after.close()
        await ears.close()
    assert changed.port == after.port


async def test_strangers_are_counted_while_the_phone_is_silent() -> None:
    async with media_worker() as worker:
        phone, stranger = await Phone.open(), await Phone.open(0xBAD)
        leg = await connect_leg(worker, phone)
        await phone.talk(speech(0.1))
        await worker.event(protocol.FirstPacket)
        stranger.leg_address = phone.leg_address
        discarded = 0
        while discarded < 5:
            stranger.frame(b"\x11" * 160)
            discarded = (await worker.client.stats(leg)).discarded
            await asyncio.sleep(0.02)
        counters = await worker.client.stats(leg)
        phone.close()
        stranger.close()
    assert counters.packets_received == 5
    assert not worker.of(protocol.SourceChanged)


async def test_silence_of_a_leg_without_a_remote_is_told_once_it_is_expected_to_hear() -> None:
    async with media_worker() as worker:
        ringing = await worker.client.open_leg(rtp_timeout=0.5)
        answered = await worker.client.open_leg(rtp_timeout=0.5)
        worker.client.expect(answered.leg)
        first = await worker.event(protocol.RtpTimeout)
        again = await worker.event(protocol.RtpTimeout, lambda event: event is not first)
        legs = {event.leg for event in worker.of(protocol.RtpTimeout)}
    assert legs == {answered.leg}
    assert again.silent_seconds > first.silent_seconds >= 0.5
    assert ringing.leg != answered.leg


async def leg_that_hears(worker: Worker, phone: Phone, **formats: object) -> int:
    opened = await worker.client.open_leg()
    phone.leg_address = (opened.host, opened.port)
    worker.client.set_remote(opened.leg, phone.host, phone.port, "PCMU", 0, 96, **formats)  # type: ignore[arg-type]
    return opened.leg


async def test_every_agreed_format_is_heard() -> None:
    pieces = [(8, as_alaw, speech(0.4, 1)), (0, as_ulaw, speech(0.4, 2)), (98, as_ulaw, speech(0.4, 3))]
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await leg_that_hears(worker, phone, heard=((0, "PCMU"), (8, "PCMA"), (98, "PCMU")))
        tap = worker.client.tap(leg, "received")
        for payload_type, _, said in pieces:
            await phone.talk(said, payload_type, ahead=0.16 if payload_type == 8 else 0.0)
        for _, as_heard, said in pieces:
            piece = as_heard(said[400:2800])
            await ears.until(lambda piece=piece: find(ears.heard(tap), piece) >= 0)  # type: ignore[misc]
        counters = await worker.client.stats(leg)
        phone.close()
        await ears.close()
    assert (counters.discarded, counters.lost) == (0, 0)


@pytest.mark.parametrize("payload_type", [101, 96])
async def test_keys_are_heard_under_our_number_and_under_the_peers(payload_type: int) -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        await leg_that_hears(worker, phone, dtmf_heard=(101, 96))
        await phone.talk(speech(0.1))
        await phone.press(7, payload_type)
        digit = await worker.event(protocol.Digit)
        phone.close()
    assert (digit.digit, digit.source) == ("7", "rfc4733")


def event(sequence: int, timestamp: int, duration: int, *, end: bool, marker: bool) -> bytes:
    payload = struct.pack("!BBH", 5, (0x80 if end else 0) | 10, duration)
    return rtp.pack(rtp.Packet(101, marker, sequence, timestamp, 0xE0, payload))


async def talk_and_press(phone: Phone, frames: int) -> None:
    """Talk, and press a key under another SSRC meanwhile."""
    payload = as_payload(frames)
    for index in range(frames):
        phone.frame(payload[index * 160 : (index + 1) * 160])
        if 5 <= index < 12:
            phone.raw(event(index, 777, (index - 4) * 160, end=index > 8, marker=index == 5))
        await asyncio.sleep(0.02)


def as_payload(frames: int) -> bytes:
    return bytes((index * 7) % 120 + 1 for index in range(frames * 160))


async def test_events_of_another_ssrc_are_one_key_and_leave_the_audio_alone() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        await talk_and_press(phone, 30)
        counters = await worker.counters(leg, lambda counters: counters.packets_received >= 37)
        phone.close()
    assert [digit.digit for digit in worker.of(protocol.Digit)] == ["5"]
    assert (counters.packets_received, counters.lost, counters.discarded) == (37, 0, counters.late)


async def test_events_of_another_ssrc_pass_a_relay_in_one_stream() -> None:
    async with media_worker() as worker:
        a, b = await Phone.open(0xA), await Phone.open(0xB)
        leg_a, leg_b = await connect_leg(worker, a), await connect_leg(worker, b)
        for phone in (a, b):
            await phone.talk(speech(0.06))
        await worker.event(protocol.FirstPacket, lambda first: first.leg == leg_a)
        await worker.event(protocol.FirstPacket, lambda first: first.leg == leg_b)
        worker.client.bridge(leg_a, leg_b)
        assert (await worker.client.load()).relayed == 2
        count = await worker.sent(leg_b)
        await b.received(count)
        await talk_and_press(a, 30)
        await b.received(count + 37)
        a.close()
        b.close()
    relayed = b.packets[count:]
    assert len({packet.ssrc for packet in relayed}) == 1
    assert all((y.sequence - x.sequence) & 0xFFFF == 1 for x, y in pairwise(relayed))
    assert len([packet for packet in relayed if packet.payload_type == 101]) == 7
    assert len({packet.timestamp for packet in relayed if packet.payload_type == 101}) == 1


async def test_packets_are_as_long_as_the_peer_asks() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        opened = await worker.client.open_leg()
        worker.client.set_remote(opened.leg, phone.host, phone.port, "PCMU", 0, 101, ptime=40)
        await phone.received(5)
        play = worker.client.play(opened.leg, [protocol.Digits("1")])
        await worker.event(protocol.PlayFinished, lambda finished: finished.play == play)
        worker.client.set_remote(opened.leg, phone.host, phone.port, "PCMU", 0, 101)
        await phone.received(await worker.sent(opened.leg) + 8)
        received = len(phone.packets)
        counters = await worker.client.stats(opened.leg)
        phone.close()
    assert {len(packet.payload) for packet in phone.packets[:5]} == {320}
    assert len(phone.packets[-1].payload) == 160
    assert all((y.sequence - x.sequence) & 0xFFFF == 1 for x, y in pairwise(phone.packets))
    assert [packet.payload[0] for packet in phone.packets if packet.payload_type == 101] == [1] * 7
    assert counters.packets_sent >= received


async def test_source_that_is_named_for_hold_is_sent_nothing() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        await phone.received(2)
        worker.client.set_remote(leg, "0.0.0.0", phone.port, "PCMU", 0, 101, send=False)
        counters = await worker.client.stats(leg)
        phone.close()
    assert counters.remote_host == ""
