"""Sockets that a test binds itself."""

from __future__ import annotations

import socket

_ATTEMPTS = 50


def bind_both(host: str) -> tuple[socket.socket, socket.socket]:
    """A UDP socket and a TCP listener of `host` on one port that is free for both."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(_ATTEMPTS):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.bind((host, 0))
        try:
            return udp, socket.create_server((host, udp.getsockname()[1]), family=family)
        except OSError:
            udp.close()
    raise OSError("no port is free for both UDP and TCP")
