"""Legs that meet across media workers: what each worker is told, in order."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from offhook.media.client import MediaClient, MediaError, Opening
from offhook.media.protocol import LegOpened
from offhook.voice.leg import Leg


class Worker:
    """A media worker that remembers what it was told; its legs open when `answer` is called."""

    def __init__(self, worker: int) -> None:
        self.worker = worker
        self.told: list[tuple[Any, ...]] = []
        self.openings: list[Opening] = []
        self._last = 100 * (worker + 1)

    def answer(self, error: MediaError | None = None) -> None:
        for opening in self.openings:
            if opening.answer.done():
                continue
            if error is not None:
                opening.answer.set_exception(error)
            else:
                opening.answer.set_result(LegOpened(opening.number, "127.0.0.1", 4000 + opening.number))

    def start_leg(self, host: str, *, rtp_timeout: float) -> Opening:
        self._last += 1
        self.told.append(("open", self._last))
        self.openings.append(Opening(self._last, asyncio.get_running_loop().create_future()))
        assert (host, rtp_timeout) == ("127.0.0.1", 0)
        return self.openings[-1]

    async def leg_opened(self, opening: Opening) -> LegOpened:
        return cast(LegOpened, await opening.answer)

    def set_remote(self, leg: int, host: str, port: int, codec: str, payload_type: int, events: int) -> None:
        self.told.append(("remote", leg, port))
        assert (host, codec, payload_type, events) == ("127.0.0.1", "PCMU", 0, 101)

    def drop_leg(self, leg: int) -> None:
        self.told.append(("close", leg))

    def bridge(self, a: int, b: int, *, detect_inband: bool = False) -> None:
        self.told.append(("bridge", a, b))

    def unbridge(self, leg: int) -> None:
        self.told.append(("unbridge", leg))

    def mix(self, room: int, leg: int, *, heard: bool, hears: bool, coaches: int, buffer_ms: int) -> None:
        self.told.append(("mix", room, leg, heard, hears, coaches, buffer_ms))

    def unmix(self, leg: int) -> None:
        self.told.append(("unmix", leg))

    async def close_leg(self, leg: int) -> None:
        self.told.append(("close", leg))

    def since(self) -> list[tuple[Any, ...]]:
        """What it was told since this was asked."""
        told, self.told = self.told, []
        return told

    @property
    def media(self) -> MediaClient:
        return cast(MediaClient, self)


def leg_at(worker: Worker, number: int) -> Leg:
    leg = Leg(cast(Any, SimpleNamespace(endpoint=None)), worker.media, 1)
    leg.rtp = number
    return leg


async def ticks() -> None:
    """Let the links be connected."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_two_at_one_worker_need_no_link() -> None:
    one = Worker(0)
    leg_at(one, 1).bridge(leg_at(one, 2), detect_star=False)
    assert one.since() == [("bridge", 1, 2)]


async def test_two_at_different_workers_are_bridged_at_once_and_joined_when_both_ends_are_open() -> None:
    one, other = Worker(0), Worker(1)
    leg_at(one, 1).bridge(leg_at(other, 2), detect_star=False)
    assert one.since() == [("open", 101), ("bridge", 1, 101)]
    assert other.since() == [("open", 201), ("bridge", 2, 201)]
    await ticks()
    one.answer()
    await ticks()
    assert one.since() == []
    other.answer()
    await ticks()
    assert one.since() == [("remote", 101, 4201)]
    assert other.since() == [("remote", 201, 4101)]


async def test_either_parts_the_two() -> None:
    for first in (0, 1):
        one, other = Worker(0), Worker(1)
        legs = leg_at(one, 1), leg_at(other, 2)
        legs[0].bridge(legs[1], detect_star=False)
        one.since(), other.since()
        legs[first].unbridge()
        assert ("close", 101) in one.since()
        assert ("close", 201) in other.since()


async def test_a_link_that_is_closed_before_it_is_open_is_not_joined() -> None:
    one, other = Worker(0), Worker(1)
    leg = leg_at(one, 1)
    leg.bridge(leg_at(other, 2), detect_star=False)
    await leg.close()
    one.answer()
    other.answer()
    one.since(), other.since()
    await ticks()
    assert one.since() == other.since() == []


async def test_who_is_bridged_with_another_leaves_the_link() -> None:
    one, other = Worker(0), Worker(1)
    leg = leg_at(one, 1)
    leg.bridge(leg_at(other, 2), detect_star=False)
    one.since(), other.since()
    leg.bridge(leg_at(one, 3), detect_star=False)
    assert one.since() == [("close", 101), ("bridge", 1, 3)]
    assert other.since() == [("close", 201)]


async def test_a_room_elsewhere_has_the_far_end_in_it() -> None:
    one, other = Worker(0), Worker(1)
    leg = leg_at(one, 1)
    leg.mix(other.media, 7, heard=True, hears=True)
    assert one.since() == [("open", 101), ("bridge", 1, 101)]
    assert other.since() == [("open", 201), ("mix", 7, 201, True, True, 0, 240)]
    leg.mix(other.media, 7, heard=False, hears=True, buffer_ms=60)
    assert (one.since(), other.since()) == ([], [("mix", 7, 201, False, True, 0, 60)])
    leg.unmix()
    assert ("close", 201) in other.since()
    assert ("close", 101) in one.since()
    leg.mix(one.media, 8, heard=True, hears=True)
    assert one.since() == [("mix", 8, 1, True, True, 0, 240)]


async def test_who_is_coached_is_named_as_the_room_knows_it() -> None:
    one, other = Worker(0), Worker(1)
    coach, coached = leg_at(one, 1), leg_at(other, 2)
    coach.mix(one.media, 7, heard=True, hears=True, coaches=coached)
    assert one.since() == [("mix", 7, 1, False, True, 0, 240)], "it is not there yet"
    coached.mix(one.media, 7, heard=True, hears=True)
    one.since()
    coach.mix(one.media, 7, heard=True, hears=True, coaches=coached)
    assert one.since() == [("mix", 7, 1, True, True, 101, 240)]


async def test_workers_that_cannot_be_joined_are_known_to_the_calls_and_the_log(caplog: Any) -> None:
    one, other, told = Worker(0), Worker(1), list[str]()
    legs = leg_at(one, 1), leg_at(other, 2)
    for leg in legs:
        leg.unlinked = told.append
    legs[0].bridge(legs[1], detect_star=False)
    await ticks()
    one.answer()
    other.answer(MediaError("every RTP port is in use or resting"))
    await ticks()
    assert "every RTP port is in use" in caplog.text
    assert told == ["every RTP port is in use or resting"] * 2
    legs[0].mix(other.media, 7, heard=True, hears=True)
    await ticks()
    one.answer()
    other.answer(MediaError("it has gone"))
    await ticks()
    assert told[2:] == ["it has gone"]
    assert not [told for told in one.since() if told[0] == "remote"]
