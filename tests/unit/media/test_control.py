"""The control socket: many commands at once leave time for packets in between."""

import select
import socket
from collections.abc import Callable
from pathlib import Path

from offhook.bus.ipc import encode
from offhook.media import protocol
from offhook.media.control import ControlServer

MANY = 1000
AT_ONCE = 100
"""At most; a command that opens a leg takes a tenth of a millisecond, and a tick comes every 20."""


class Loop:
    """What is watched, called by hand."""

    def __init__(self) -> None:
        self.handlers: dict[int, Callable[[int], None]] = {}

    def watch(self, fileno: int, events: int, handler: Callable[[int], None] | None) -> None:
        self.handlers.pop(fileno, None)
        if handler is not None:
            self.handlers[fileno] = handler

    def turn(self) -> bool:
        """Call each handler whose descriptor is ready, once; whether there was any."""
        ready, _, _ = select.select(list(self.handlers), [], [], 0)
        for fileno in ready:
            self.handlers[fileno](select.EPOLLIN)
        return bool(ready)


def test_commands_are_carried_out_in_order_and_a_few_at_a_time(tmp_path: Path) -> None:
    loop, done = Loop(), list[protocol.Command]()
    path = str(tmp_path / "media.sock")
    server = ControlServer(path, loop.watch, done.append, lambda: None)
    with socket.socket(socket.AF_UNIX) as voice:
        voice.connect(path)
        loop.turn()
        voice.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        commands = [protocol.OpenLeg(number) for number in range(MANY)]
        voice.sendall(b"".join(map(encode, commands)))
        most = 0
        while len(done) < MANY:
            before = len(done)
            assert loop.turn()
            most = max(most, len(done) - before)
        assert done == commands
        assert 0 < most <= AT_ONCE
    server.close()
