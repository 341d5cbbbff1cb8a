"""Which media worker a leg goes to, and whom the end of a worker concerns."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from offhook.media.client import MediaClient
from offhook.media.protocol import Digit, Event
from offhook.voice.switchboard import Switchboard
from offhook.voice.workers import Workers


def client(worker: int, legs: int, *, connected: bool = True) -> MediaClient:
    return cast(MediaClient, SimpleNamespace(worker=worker, legs=legs, connected=connected))


def workers_of(*clients: MediaClient) -> Workers:
    workers = Workers(cast(Any, None), lambda worker, event: None, lambda worker: None)
    for one in clients:
        workers.arrived(one)
    return workers


def test_a_leg_goes_where_the_fewest_are() -> None:
    few, many = client(1, 2), client(0, 3)
    assert workers_of(many, few).pick() is few


def test_a_leg_goes_beside_another_whose_worker_is_there() -> None:
    few, many = client(0, 2), client(1, 3)
    workers = workers_of(few, many)
    assert workers.pick(beside=many) is many
    assert workers.pick(beside=client(2, 0, connected=False)) is few


def test_a_worker_that_has_just_gone_gets_no_leg() -> None:
    assert workers_of(client(0, 0, connected=False)).pick() is None


class Owner:
    """Whoever a leg is of."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.lost = 0

    def on_media(self, event: Event) -> None:
        self.heard.append(event)

    def media_lost(self) -> None:
        self.lost += 1


def test_legs_of_two_workers_may_have_one_number() -> None:
    switchboard, one, other = Switchboard(), Owner(), Owner()
    switchboard.attach_media((0, 1), one)
    switchboard.attach_media((1, 1), other)
    digit = Digit(1, "5", "rfc4733")
    switchboard.on_media(1, digit)
    assert (one.heard, other.heard) == ([], [digit])
    switchboard.media_lost(0)
    assert (one.lost, other.lost) == (1, 0)


def test_a_name_that_is_given_again_is_not_taken_from_its_owner() -> None:
    switchboard, before, after = Switchboard(), Owner(), Owner()
    switchboard.attach_media((0, 1), before)
    switchboard.media_lost(0)
    switchboard.attach_media((0, 1), after)
    switchboard.detach_media((0, 1), before)
    digit = Digit(1, "5", "rfc4733")
    switchboard.on_media(0, digit)
    assert after.heard == [digit]
