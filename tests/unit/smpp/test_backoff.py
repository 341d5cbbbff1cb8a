"""The waits between attempts to bind."""

from offhook.smpp.backoff import Backoff


def test_waits_double_and_stop_growing() -> None:
    backoff, waits = Backoff(first=0.5, longest=8.0), []
    for _ in range(7):
        backoff = backoff.failed()
        waits.append(backoff.wait(1.0))
    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


def test_never_at_once_and_spread_out() -> None:
    backoff = Backoff().failed()
    assert 0 < backoff.wait(0.0) < backoff.wait(0.5) < backoff.wait(1.0)


def test_a_bind_that_lasted_starts_from_the_first_wait() -> None:
    backoff = Backoff().failed().failed().failed()
    assert backoff.failed(lasted=60.0).wait(1.0) == Backoff().failed().wait(1.0)
    assert backoff.failed(lasted=1.0).wait(1.0) > backoff.wait(1.0)
