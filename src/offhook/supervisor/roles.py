"""The roles as child processes: how one is started, told its settings, and known to be ready."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

import msgspec

from offhook.config import (
    LIFELINE_VARIABLE,
    READY_VARIABLE,
    SETTINGS_VARIABLE,
    ConfigurationError,
    Settings,
)
from offhook.supervisor.process import Child, StartError, describe_exit
from offhook.supervisor.role import EXIT_CONFIGURATION, EXIT_NOT_BUILT

_START_SECONDS = 60.0
_STOP_SECONDS = 3.0
_LONGEST_ANNOUNCEMENT = 64 * 1024


class RoleMissingError(StartError):
    """The installation does not contain the role."""


class Role:
    """One role's process.

    Args:
        kind: as in `python -m offhook role NAME`. Its `name` is the same, and tells one of several media workers.
        settings: what the role is told; its sockets are inherited.
        lifeline: the reading end of a pipe of which only the supervisor holds the other end.
        pass_fds: further descriptors the role inherits.
    """

    def __init__(self, kind: str, settings: Settings, *, lifeline: int, pass_fds: Sequence[int] = ()) -> None:
        several = kind == "media" and settings.media_workers > 1
        self.kind = kind
        self.name = f"media-{settings.media_worker}" if several else kind
        self.child: Child | None = None
        self.announcement: dict[str, object] = {}
        self._settings = settings
        self._lifeline = lifeline
        self._pass_fds = tuple(pass_fds)

    async def start(self) -> None:
        """Start the process and return when it has announced that it accepts traffic.

        Raises:
            RoleMissingError: the installation does not contain the role.
            ConfigurationError: the role cannot use its settings (it has said why on stderr).
            StartError: it ended or was not ready in time.
        """
        ready, announce = os.pipe()
        try:
            self.child = self._spawn(announce)
        finally:
            os.close(announce)
        try:
            self.announcement = await self._ready(self.child, ready)
        finally:
            os.close(ready)

    async def stop(self) -> None:
        """Ask the role to end; kill it, and what it started, when it takes too long."""
        if self.child is not None:
            await self.child.stop((signal.SIGTERM, _STOP_SECONDS))

    async def works(self) -> bool:
        """See `Service`."""
        return True

    def _spawn(self, announce: int) -> Child:
        environ = {
            **os.environ,
            SETTINGS_VARIABLE: msgspec.json.encode(self._settings).decode(),
            READY_VARIABLE: str(announce),
            LIFELINE_VARIABLE: str(self._lifeline),
        }
        sockets = self._settings.sockets.values()
        return Child(
            self.name,
            [sys.executable, "-P", "-m", "offhook", "role", self.kind],
            death_signal=signal.SIGTERM,
            environ=environ,
            pass_fds=(announce, self._lifeline, *sockets, *self._pass_fds),
        )

    async def _ready(self, child: Child, ready: int) -> dict[str, object]:
        """Read the one line a role announces itself with; the pipe closes without one when it ends."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                line = await _read_line(ready)
        except TimeoutError:
            await child.stop((signal.SIGTERM, 1.0))
            raise StartError(f"{self.name} was not ready within {_START_SECONDS:.0f} s") from None
        if line:
            return dict(msgspec.json.decode(line))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                await child.wait()
        await child.stop((signal.SIGTERM, 1.0))
        status = await child.wait()
        if status == EXIT_NOT_BUILT:
            raise RoleMissingError(f"{self.name} is not part of this installation")
        if status == EXIT_CONFIGURATION:
            raise ConfigurationError(f"{self.name} cannot use its settings, see above")
        raise StartError(f"{self.name} ended before it was ready ({describe_exit(status)})")


async def _read_line(fd: int) -> bytes:
    """Return what was written to a pipe up to a newline; nothing when it was closed before."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    received = b""
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        while not received.endswith(b"\n") and len(received) < _LONGEST_ANNOUNCEMENT:
            await readable.wait()
            readable.clear()
            with contextlib.suppress(BlockingIOError):
                chunk = os.read(fd, 4096)
                if not chunk:
                    return b""
                received += chunk
    finally:
        loop.remove_reader(fd)
    return received
