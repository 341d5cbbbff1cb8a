"""The pace that gives way to a busy peer and comes back."""

from offhook.smpp.pace import Pace


def drive(pace: Pace, capacity: float, seconds: float, start: float = 0.0) -> tuple[int, int]:
    """Send as fast as the pace allows to a peer that takes `capacity` a second; returns taken and refused."""
    now, taken, refused, room = start, 0, 0, 0.0
    while now < start + seconds:
        room = min(room + capacity * 0.01, capacity * 0.1)
        for _ in range(min(pace.allowance(now), 100)):
            pace.spend(1, now)
            if room >= 1:
                room -= 1
                taken += 1
            else:
                refused += 1
                pace.refused(now)
        now += 0.01
    return taken, refused


def test_unlimited_until_the_peer_is_busy() -> None:
    pace = Pace()
    assert pace.allowance(0.0) > 1000
    assert pace.opens_at(0.0) == 0.0
    pace.spend(10, 0.0)
    pace.refused(0.0)
    assert pace.allowance(0.0) == 0
    assert pace.opens_at(0.0) == 0.05


def test_a_slow_peer_is_used_well_and_not_flooded() -> None:
    taken, refused = drive(Pace(), capacity=200, seconds=60)
    assert taken > 0.5 * 200 * 60
    assert refused < 0.5 * taken


def test_the_pace_comes_back() -> None:
    pace = Pace()
    drive(pace, capacity=50, seconds=10)
    drive(pace, capacity=100_000, seconds=30, start=10.0)
    assert pace.allowance(41.0) > 1000


def test_never_above_its_own_limit() -> None:
    taken, refused = drive(Pace(rate=100), capacity=10_000, seconds=10)
    assert 900 <= taken <= 1100
    assert refused == 0
