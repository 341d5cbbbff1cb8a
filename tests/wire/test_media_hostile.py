"""What must not hurt a media worker: strangers, garbage, dying peers, controllers that come and go, full
port ranges.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct

import pytest
from tests.harness.media import Ears, Phone, as_ulaw, connect_leg, find, media_worker, speech
from tests.harness.waiting import HANGS

from offhook.media import protocol
from offhook.media.client import MediaClient, MediaError
from offhook.rtp import packet as rtp


async def test_strangers_neither_take_over_nor_are_heard() -> None:
    said, noise = speech(0.6, 1), speech(0.6, 2)
    async with media_worker() as worker:
        ears, phone, stranger = Ears(), await Phone.open(), await Phone.open(0xBAD)
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        stranger.leg_address = phone.leg_address
        tap = worker.client.tap(leg, "received")
        await phone.talk(speech(0.04))
        await worker.event(protocol.FirstPacket)
        await asyncio.gather(phone.talk(said), stranger.talk(noise))
        await ears.until(lambda: find(ears.heard(tap), as_ulaw(said[:4000])) >= 0)
        counters = await worker.client.stats(leg)
        phone.close()
        stranger.close()
        await ears.close()
    assert not stranger.packets
    assert (counters.remote_host, counters.remote_port) == (phone.host, phone.port)


async def test_phone_behind_nat_is_found_by_its_packets() -> None:
    async with media_worker() as worker:
        phone, unused = await Phone.open(), await Phone.open()
        opened = await worker.client.open_leg()
        phone.leg_address = (opened.host, opened.port)
        worker.client.set_remote(opened.leg, unused.host, unused.port, "PCMU", 0)
        await unused.received(2)
        await phone.talk(speech(0.2))
        await phone.received(5)
        first = await worker.event(protocol.FirstPacket)
        phone.close()
        unused.close()
    assert first.port == phone.port


async def test_source_is_learnt_anew_when_sdp_changes() -> None:
    async with media_worker() as worker:
        before, after = await Phone.open(1), await Phone.open(2)
        leg = await connect_leg(worker, before)
        await before.talk(speech(0.1))
        await worker.event(protocol.FirstPacket)
        await before.received(3)
        after.leg_address = before.leg_address
        worker.client.set_remote(leg, after.host, after.port, "PCMU", 0, 101)
        await after.received(3)
        await asyncio.gather(after.talk(speech(0.1)), before.talk(speech(0.1)))
        counters = await worker.counters(leg, lambda counters: counters.packets_received >= 10)
        before.close()
        after.close()
    assert counters.remote_port == after.port
    assert counters.packets_received == 10


async def test_garbage_is_counted_and_passed_over() -> None:
    said = speech(0.4, 3)
    async with media_worker() as worker:
        ears, phone = Ears(), await Phone.open()
        await ears.listen(worker.audio_path)
        leg = await connect_leg(worker, phone)
        tap = worker.client.tap(leg, "received")
        await phone.talk(speech(0.1))
        garbage = [
            b"",
            b"\x80",
            b"\x80\x00" + b"\x00" * 9,
            b"\xbf\x00" + os.urandom(10),
            b"\xa0\x00" + os.urandom(9) + b"\xff",
            b"\x90\x00" + os.urandom(10) + b"\x00\x00\xff\xff",
            b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12),
            os.urandom(1472),
            b"\x80\x7f" + os.urandom(160),
            rtp.pack(rtp.Packet(101, True, 1, 1, phone.ssrc, b"\xff")),
            b"\x80\xc8\x00\x06" + os.urandom(24),
        ]
        for data in garbage:
            phone.raw(data)
            phone.raw(b"\x80" + os.urandom(40))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
                control.sendto(data, (phone.leg_address[0], phone.leg_address[1] + 1))
        await phone.talk(said)
        await ears.until(lambda: find(ears.heard(tap), as_ulaw(said[1600:3000])) >= 0)
        counters = await worker.client.stats(leg)
        assert not worker.lost.is_set()
        phone.close()
        await ears.close()
    assert counters.discarded >= 8


async def test_unreachable_peer_does_not_stop_a_leg() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await connect_leg(worker, phone)
        await phone.talk(speech(0.1))
        await phone.received(3)
        phone.close()
        play = worker.client.play(leg, [protocol.Silence(300)])
        finished = await worker.event(protocol.PlayFinished, lambda event: event.play == play)
    assert finished.reason == "finished"


async def test_controller_that_leaves_takes_its_legs_along() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        await connect_leg(worker, phone)
        await phone.received(3)
        await worker.client.close()
        second = await MediaClient.connect(worker.control_path, lambda _: None, lambda: None)
        load = await second.load()
        count = len(phone.packets)
        await asyncio.sleep(0.1)
        await second.close()
        phone.close()
    assert worker.lost.is_set()
    assert load.legs == 0
    assert len(phone.packets) <= count + 1


async def test_garbage_on_the_control_socket_ends_only_that_connection() -> None:
    async with media_worker() as worker:
        await worker.client.close()
        for data in (struct.pack(">I", 4) + b"\xc1\xc1\xc1\xc1", struct.pack(">I", 1 << 31)):
            reader, writer = await asyncio.open_unix_connection(worker.control_path)
            writer.write(data)
            assert await asyncio.wait_for(reader.read(), HANGS) == b""
            writer.close()
        client = await MediaClient.connect(worker.control_path, lambda _: None, lambda: None)
        assert (await client.open_leg()).port
        await client.close()


async def test_ports_are_pairs_rest_after_use_and_run_out_with_a_clear_reason() -> None:
    async with media_worker(ports=8) as worker:
        legs = [await worker.client.open_leg() for _ in range(4)]
        assert all(leg.port % 2 == 0 for leg in legs)
        assert len({leg.port for leg in legs}) == 4
        with pytest.raises(MediaError, match="port"):
            await worker.client.open_leg()
        await worker.client.close_leg(legs[0].leg)
        with pytest.raises(MediaError, match="resting"):
            await worker.client.open_leg()


async def test_addresses_that_are_none_are_refused() -> None:
    async with media_worker() as worker:
        for host in ("203.0.113.9", "nowhere.invalid", "::1%x"):
            with pytest.raises(MediaError):
                await worker.client.open_leg(host)
        leg = await worker.client.open_leg()
        for host, port in (("::1", 9), ("127.0.0.1", 0), ("127.0.0.1", 70000), ("239.1.1.1", 9)):
            worker.client.set_remote(leg.leg, host, port, "PCMU", 0)
        assert (await worker.client.stats(leg.leg)).remote_host == ""
        assert [event.leg for event in worker.of(protocol.RemoteRefused)] == [leg.leg] * 4


async def test_names_are_resolved_or_refused() -> None:
    async with media_worker() as worker:
        phone = await Phone.open()
        leg = await worker.client.open_leg()
        worker.client.set_remote(leg.leg, "nowhere.invalid", 9, "PCMU", 0)
        refused = await worker.event(protocol.RemoteRefused)
        worker.client.set_remote(leg.leg, "nowhere.invalid", 9, "PCMU", 0)
        worker.client.set_remote(leg.leg, "localhost", phone.port, "PCMU", 0)
        await phone.received(2)
        phone.close()
    assert refused.leg == leg.leg
    assert "does not resolve" in refused.reason
    assert len(worker.of(protocol.RemoteRefused)) == 1


async def test_commands_for_legs_that_are_not_open_are_passed_over() -> None:
    async with media_worker() as worker:
        worker.client.play(99, [protocol.Silence(20)])
        worker.client.stop_play(99, 1)
        worker.client.bridge(98, 99)
        worker.client.unbridge(99)
        worker.client.untap(99)
        worker.client.set_remote(99, "127.0.0.1", 9, "PCMU", 0)
        assert (await worker.client.load()).legs == 0
