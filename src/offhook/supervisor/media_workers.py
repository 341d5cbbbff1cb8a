"""How many media workers run on this machine, and which ports for audio each of them has."""

import os

from offhook.config import ConfigurationError


def count_of(asked: int | None) -> int:
    """As many as were asked for; otherwise as many as leave one core to the other roles."""
    return asked if asked is not None else max(1, len(os.sched_getaffinity(0)) - 1)


def split_ports(ports: tuple[int, int], workers: int) -> list[tuple[int, int]]:
    """Share a range of UDP ports; each part begins with an even port, and holds two legs at least.

    Raises ConfigurationError when the range is too small.
    """
    if workers == 1:
        return [ports]
    low = ports[0] + ports[0] % 2
    each = (ports[1] - low + 1) // workers // 2 * 2
    if each < 4:
        raise ConfigurationError(
            f"OFFHOOK_RTP_PORTS {ports[0]}-{ports[1]}: the range is too small for {workers} media workers"
        )
    return [(first, first + each - 1) for first in range(low, low + workers * each, each)]
