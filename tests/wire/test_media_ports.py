"""The pool of RTP ports on a clock of the test's: how fast legs may come and go, and which pair is next."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from tests.harness.media import free_ports

from offhook.config import RTP_PORTS
from offhook.media.ports import REST_SECONDS, NoPortError, PortPool

CALLS_A_SECOND = 500
SCALE = 64
"""The part of the default range, and of the calls, that the test takes."""

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def opened() -> Iterator[list[Pair]]:
    """Pairs to be closed after the test."""
    pairs: list[Pair] = []
    yield pairs
    for pair in pairs:
        for bound in pair:
            bound.close()


def test_ports_do_not_limit_five_hundred_calls_a_second(opened: list[Pair]) -> None:
    """Bridged calls of three seconds: two legs each."""
    pool = PortPool(*free_ports((RTP_PORTS[1] - RTP_PORTS[0] + 1) // SCALE))
    interval = SCALE / (2 * CALLS_A_SECOND)
    for number in range(600):
        now = number * interval
        opened.append(pool.open_pair("127.0.0.1", now))
        if len(opened) * interval > 3:
            pool.close_pair(*opened.pop(0), now)


def test_pair_that_rested_longest_is_next(opened: list[Pair]) -> None:
    pool = PortPool(*free_ports(8))
    pairs = [pool.open_pair("127.0.0.1", 0.0) for _ in range(4)]
    ports = [rtp.getsockname()[1] for rtp, _ in pairs]
    for index in (2, 0, 3, 1):
        pool.close_pair(*pairs[index], index / 100)
    with pytest.raises(NoPortError, match="resting"):
        pool.open_pair("127.0.0.1", REST_SECONDS / 2)
    opened += [pool.open_pair("127.0.0.1", 2 * REST_SECONDS) for _ in range(4)]
    assert [rtp.getsockname()[1] for rtp, _ in opened] == [ports[index] for index in (2, 0, 3, 1)]
