"""Rooms over real sockets: phones with a tone each, whose spectra show who hears whom; recordings, beeps, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from tests.harness.media import Ears, Phone, Worker, as_ulaw, connect_leg, find, media_worker, speech
from tests.harness.waiting import HANGS

from offhook.audio.g711 import Samples
from offhook.audio.tones import TONE_AMPLITUDE, tone
from offhook.media import protocol
from offhook.media.client import MediaError

WINDOW = 1600
"""Samples of which a spectrum is made: multiples of 5 Hz are told apart."""
FREQUENCIES = (400, 650, 900, 1150, 1400, 1750, 2100)
ALICE, BOB, CAROL, DAVE, EVE, MUSIC, BEEP = FREQUENCIES
MISSING = 30
"""An amplitude that is nothing, next to a tone's 5000."""
WRONG_LEVEL = -1
"""Among the tones of a spectrum when one is there, but not at its level."""


@dataclass
class Talker:
    """A phone that says one tone all the time, and its leg."""

    phone: Phone
    leg: int
    hz: int

    async def hears(self) -> set[int]:
        """The tones in what the phone hears from now on, when fades and packets under way are over."""
        await self.phone.received(len(self.phone.packets) + 6 + WINDOW // 160)
        return spectrum(self.phone.heard())


def spectrum(audio: Samples) -> set[int]:
    """The tones that the end of the audio has. Each is there at its level, or not at all."""
    amplitudes = np.abs(np.fft.rfft(audio[-WINDOW:])) / (WINDOW / 2)
    found = {hz: amplitudes[hz * WINDOW // 8000] for hz in FREQUENCIES}
    there = {hz for hz, amplitude in found.items() if amplitude > MISSING}
    if any(found[hz] != pytest.approx(TONE_AMPLITUDE, rel=0.1) for hz in there):
        there.add(WRONG_LEVEL)
    return there


@asynccontextmanager
async def talking(worker: Worker, *frequencies: int) -> AsyncIterator[list[Talker]]:
    """A talker for each of these, all of whom their legs have heard."""
    talkers, tasks = [], []
    for hz in frequencies:
        phone = await Phone.open(hz)
        leg = await connect_leg(worker, phone)
        talkers.append(Talker(phone, leg, hz))
        tasks.append(asyncio.create_task(phone.talk(tone([hz], 8000 * 30))))
    for talker in talkers:
        await worker.event(protocol.FirstPacket, lambda event, leg=talker.leg: event.leg == leg)  # type: ignore[misc]
    try:
        yield talkers
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for talker in talkers:
            talker.phone.close()


async def until_heard(talkers: Iterable[Talker], *wanted: set[int]) -> None:
    """Wait until each of them hears these tones and no others: a busy machine loses packets, but not each time."""
    heard: list[set[int]] = []
    try:
        async with asyncio.timeout(HANGS):
            while heard != list(wanted):
                heard = await asyncio.gather(*(talker.hears() for talker in talkers))
    except TimeoutError:
        raise AssertionError(f"heard {heard}, not {wanted}") from None


async def test_spectra_show_who_hears_whom() -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB, CAROL, DAVE, EVE) as talkers:
        alice, muted, held, coached, coach = talkers
        client, room = worker.client, await worker.client.open_room()
        client.mix(room, alice.leg)
        client.mix(room, muted.leg, heard=False)
        client.mix(room, held.leg, heard=False, hears=False)
        client.mix(room, coached.leg)
        client.mix(room, coach.leg, coaches=coached.leg)
        client.play(held.leg, [protocol.Tone((MUSIC,), 1000)], loop=0)
        await until_heard(
            talkers,
            {DAVE},
            {ALICE, DAVE},
            {MUSIC},
            {ALICE, EVE},
            {ALICE, DAVE},
        )
        for talker in talkers:
            client.mix(room, talker.leg)
        client.unmix(alice.leg)
        await until_heard(
            talkers,
            set(),
            {CAROL, DAVE, EVE},
            {BOB, DAVE, EVE, MUSIC},
            {BOB, CAROL, EVE},
            {BOB, CAROL, DAVE},
        )


async def test_rooms_do_not_hear_each_other() -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB, CAROL, DAVE) as talkers:
        rooms = [await worker.client.open_room() for _ in range(2)]
        for index, talker in enumerate(talkers):
            worker.client.mix(rooms[index % 2], talker.leg)
        await until_heard(talkers, {CAROL}, {DAVE}, {ALICE}, {BOB})
        worker.client.mix(rooms[1], talkers[0].leg)
        await until_heard(talkers, {BOB, DAVE}, {ALICE, DAVE}, set(), {ALICE, BOB})


@pytest.mark.parametrize("held", [False, True])
async def test_mute_and_hold_are_heard_within_two_packets(held: bool) -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB) as (alice, bob):
        client, room = worker.client, await worker.client.open_room()
        client.mix(room, alice.leg)
        client.mix(room, bob.leg)
        await until_heard((alice, bob), {BOB}, {ALICE})
        client.mix(room, alice.leg, heard=False, hears=not held)
        count = await worker.sent(bob.leg)
        await bob.phone.received(count + 8)
        # One packet may have been on its way, one fades.
        assert np.abs(bob.phone.heard()[(count + 2) * 160 :].astype(int)).max() < MISSING
        if held:
            assert np.abs(alice.phone.heard()[-160:].astype(int)).max() < MISSING


async def test_beep_and_prompt_are_heard_by_those_who_should() -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB, CAROL) as talkers:
        alice, bob, held = talkers
        client, room = worker.client, await worker.client.open_room()
        client.mix(room, alice.leg)
        client.mix(room, bob.leg)
        client.mix(room, held.leg, heard=False, hears=False)
        beep = client.play(room, [protocol.Tone((BEEP,), 2000)])
        prompt = client.play(alice.leg, [protocol.Tone((MUSIC,), 2000)])
        await until_heard(talkers, {BOB, BEEP, MUSIC}, {ALICE, BEEP}, set())
        client.stop_play(alice.leg, prompt)
        finished = await worker.event(protocol.PlayFinished, lambda event: event.play == beep)
        assert finished == protocol.PlayFinished(room, beep, "finished", 2000)
        await until_heard(talkers, {BOB}, {ALICE}, set())
        digits = client.play(room, [protocol.Digits("5")])
        await worker.event(protocol.PlayFinished, lambda event: event.play == digits)
        assert all(packet.payload_type == 0 for packet in bob.phone.packets)


async def test_recording_of_a_room_and_of_its_members() -> None:
    async with media_worker() as worker:
        ears = Ears()
        await ears.listen(worker.audio_path)
        async with talking(worker, ALICE, BOB, CAROL) as (alice, muted, coach):
            client, room = worker.client, await worker.client.open_room()
            client.mix(room, alice.leg)
            client.mix(room, muted.leg, heard=False)
            client.mix(room, coach.leg, coaches=muted.leg)
            client.play(room, [protocol.Tone((BEEP,), 5000)])
            recording = client.tap(room, "received")
            first_tick = (await client.load()).ticks
            of_muted, to_muted = client.tap(muted.leg, "received"), client.tap(muted.leg, "sent")
            await ears.until(lambda: len(ears.heard(recording)) >= 3 * WINDOW)
            client.untap(of_muted)
            client.untap(to_muted)
            await ears.until(lambda: of_muted in ears.ended and to_muted in ears.ended)
            assert spectrum(ears.heard(recording)) == {ALICE, BEEP}
            assert spectrum(ears.heard(of_muted)) == {BOB}
            assert spectrum(ears.heard(to_muted)) == {ALICE, CAROL, BEEP}
            length = len(ears.heard(recording))
            client.unmix(alice.leg)
            await ears.until(lambda: len(ears.heard(recording)) >= length + 3 * WINDOW)
            ticks = (await client.load()).ticks - first_tick
            await client.close_room(room)
            await ears.until(lambda: recording in ears.ended)
        await ears.close()
    assert spectrum(ears.heard(recording)) == {BEEP}
    assert abs(len(ears.heard(recording)) - ticks * 160) <= 2 * 160


async def test_key_as_event_is_told_and_not_heard_by_others() -> None:
    async with media_worker() as worker:
        a, b = await Phone.open(1), await Phone.open(2)
        leg_a, leg_b = await connect_leg(worker, a), await connect_leg(worker, b, dtmf=96)
        room = await worker.client.open_room()
        for leg in (leg_a, leg_b):
            worker.client.mix(room, leg)
        await a.talk(np.zeros(800, dtype=np.int16))
        await a.press(5)
        digit = await worker.event(protocol.Digit)
        await b.received(await worker.sent(leg_b) + 10)
        a.close()
        b.close()
    assert digit == protocol.Digit(leg_a, "5", "rfc4733")
    assert len(worker.of(protocol.Digit)) == 1
    assert {packet.payload_type for packet in b.packets} == {0}
    assert np.abs(b.heard().astype(int)).max() < MISSING


async def test_who_speaks_is_told() -> None:
    async with media_worker() as worker:
        a, b = await Phone.open(1), await Phone.open(2)
        leg_a, leg_b = await connect_leg(worker, a), await connect_leg(worker, b)
        room = await worker.client.open_room(speech=True)
        for leg in (leg_a, leg_b):
            worker.client.mix(room, leg)
        await a.talk(np.concatenate([speech(0.4), np.zeros(800, dtype=np.int16)]))
        await worker.event(protocol.Speech, lambda event: not event.speaking)
        a.close()
        b.close()
    assert worker.of(protocol.Speech) == [
        protocol.Speech(room, leg_a, True),
        protocol.Speech(room, leg_a, False),
    ]


async def test_bridge_becomes_a_room_and_a_bridge_again() -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB, CAROL) as talkers:
        alice, bob, carol = talkers
        client, room = worker.client, await worker.client.open_room()
        client.bridge(alice.leg, bob.leg)
        await worker.client.stats(alice.leg)
        assert (await client.load()).relayed == 2
        for talker in talkers:
            client.mix(room, talker.leg)
        assert (await client.load()).relayed == 0
        await until_heard(talkers, {BOB, CAROL}, {ALICE, CAROL}, {ALICE, BOB})
        client.bridge(alice.leg, bob.leg)
        await carol.hears()
        assert (await client.load()).relayed == 2
        await until_heard(talkers, {BOB}, {ALICE}, set())
        client.mix(room, alice.leg)
        client.unbridge(alice.leg)
        await until_heard(talkers[1:], set(), set())
        assert (await client.load()).relayed == 0
        for talker in talkers:
            sequences = [packet.sequence for packet in talker.phone.packets]
            assert all((y - x) & 0xFFFF == 1 for x, y in pairwise(sequences))
            assert len({packet.ssrc for packet in talker.phone.packets}) == 1


async def test_leg_that_is_closed_leaves_and_room_that_is_closed_frees_all() -> None:
    async with media_worker() as worker, talking(worker, ALICE, BOB, CAROL) as talkers:
        alice, bob, carol = talkers
        client, room = worker.client, await worker.client.open_room()
        for talker in talkers:
            client.mix(room, talker.leg)
        await alice.hears()
        await client.close_leg(alice.leg)
        await until_heard((bob, carol), {CAROL}, {BOB})
        play = client.play(room, [protocol.Tone((BEEP,), 1000)], loop=0)
        assert (await client.stats(room)).packets_sent == 0
        await client.close_room(room)
        finished = await worker.event(protocol.PlayFinished, lambda event: event.play == play)
        assert finished.reason == "closed"
        client.mix(room, bob.leg)
        client.play(room, [protocol.Tone((BEEP,), 1000)], loop=0)
        await until_heard((bob, carol), set(), set())
        again = await client.open_room()
        assert again != room
        for talker in (bob, carol):
            client.mix(again, talker.leg)
        await until_heard((bob, carol), {CAROL}, {BOB})


async def test_leg_that_is_not_negotiated_is_heard_when_it_is() -> None:
    async with media_worker() as worker, talking(worker, ALICE) as (alice,):
        client, room = worker.client, await worker.client.open_room()
        opened = await client.open_leg()
        client.mix(room, opened.leg)
        client.mix(room, alice.leg)
        await until_heard((alice,), set())
        late = Talker(await Phone.open(BOB), opened.leg, BOB)
        late.phone.leg_address = (opened.host, opened.port)
        client.set_remote(late.leg, late.phone.host, late.phone.port, "PCMU", 0, 101)
        await client.stats(late.leg)
        said = asyncio.create_task(late.phone.talk(tone([BOB], 8000 * 20)))
        await until_heard((alice, late), {BOB}, {ALICE})
        said.cancel()
        client.unmix(late.leg)
        late.phone.close()


async def test_one_talker_is_heard_sample_by_sample() -> None:
    said = speech(1.0)
    async with media_worker() as worker:
        a, b = await Phone.open(1), await Phone.open(2)
        leg_a, leg_b = await connect_leg(worker, a), await connect_leg(worker, b)
        room = await worker.client.open_room()
        for leg in (leg_a, leg_b):
            worker.client.mix(room, leg)
        await a.talk(said)
        await b.received(await worker.sent(leg_b) + 15)
        a.close()
        b.close()
    assert find(b.heard(), as_ulaw(said[:7000])) >= 0


async def test_full_worker_makes_no_more_rooms() -> None:
    async with media_worker() as worker:
        rooms = []
        with pytest.raises(MediaError, match="full"):
            while True:
                rooms.append(await worker.client.open_room())
        with pytest.raises(MediaError, match="full"):
            await worker.client.open_leg()
        await worker.client.close_room(rooms[0])
        await worker.client.open_leg()
    assert len(rooms) == 2048
