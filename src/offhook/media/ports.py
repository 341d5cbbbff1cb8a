"""The worker's RTP ports: pairs of an even port for RTP and the next one for RTCP (RFC 3550 section 11).

A pair that was closed rests before it is used again, so that packets still on their way to an ended call do not
come to the next one. The longest unused is taken first, so most rest for far longer than they must; the latch
(`offhook.rtp.latch`) keeps what comes later still from being heard.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from typing import Final

REST_SECONDS: Final = 1.0
"""At least. With the default range, thousands of legs a second can be opened and closed."""
RECEIVE_BUFFER_BYTES: Final = 128 * 1024


class NoPortError(Exception):
    """No pair could be bound; the message says why."""


class PortPool:
    """The pairs of a range, for one worker."""

    def __init__(self, low: int, high: int) -> None:
        """low, high: the first and the last port that may be used."""
        self._free = deque(range(low + (low & 1), high, 2))
        self._resting: deque[tuple[float, int]] = deque()

    def open_pair(self, host: str, now: float) -> tuple[socket.socket, socket.socket]:
        """Bind a pair at a local address: non-blocking sockets for RTP and RTCP.

        Pairs that another program holds are passed over. Raises NoPortError.
        """
        while self._resting and self._resting[0][0] <= now:
            self._free.append(self._resting.popleft()[1])
        for _ in range(len(self._free)):
            port = self._free.popleft()
            try:
                return _bind_pair(host, port)
            except PermissionError as error:
                self._free.append(port)
                raise NoPortError(f"{host}: {error.strerror}") from error
            except OSError as error:
                self._free.append(port)
                if error.errno != errno.EADDRINUSE:
                    raise NoPortError(f"{host}: {error.strerror}") from error
        raise NoPortError("every RTP port is in use or resting")

    def close_pair(self, rtp: socket.socket, rtcp: socket.socket, now: float) -> None:
        """Close a pair and let its ports rest."""
        port = rtp.getsockname()[1]
        rtp.close()
        rtcp.close()
        self._resting.append((now + REST_SECONDS, port))


def _bind_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Bind port and port + 1. Raises OSError, with neither bound."""
    rtp = _bind(host, port)
    try:
        return rtp, _bind(host, port + 1)
    except OSError:
        rtp.close()
        raise


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def reachable_address(host: str) -> str:
    """The address to name in SDP for a socket bound at `host`: for a wildcard, the one that packets leave from."""
    if host not in ("0.0.0.0", "::"):
        return host
    family, elsewhere = (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
        except OSError:
            return "::1" if ":" in host else "127.0.0.1"
        return str(probe.getsockname()[0])
