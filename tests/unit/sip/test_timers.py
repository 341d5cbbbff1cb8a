"""The heap of timers."""

from __future__ import annotations

from offhook.sip.timers import Timers


class Owner:
    def __init__(self) -> None:
        self.fired: list[tuple[str, float]] = []

    def on_timer(self, name: str, now: float) -> None:
        self.fired.append((name, now))


def test_timers_fire_in_order_and_once() -> None:
    timers, owner = Timers(), Owner()
    timers.start(3.0, owner, "c")
    timers.start(1.0, owner, "a")
    stopped = timers.start(2.0, owner, "b")
    timers.stop(stopped)
    timers.stop(stopped)
    assert (timers.next(), len(timers)) == (1.0, 2)
    timers.fire(2.5)
    timers.fire(5.0)
    assert owner.fired == [("a", 2.5), ("c", 5.0)]
    assert timers.next() is None


def test_stopped_timers_do_not_pile_up() -> None:
    timers, owner = Timers(), Owner()
    kept = timers.start(9.0, owner, "kept")
    for number in range(50_000):
        timers.stop(timers.start(1e6 + number, owner, "x"))
    assert len(timers._heap) < 3_000
    assert (len(timers), kept.owner) == (1, owner)
