"""Keeping a service running: it is started again when it ends, after longer and longer pauses."""

import asyncio
import sys
from typing import Protocol

from offhook.config import ConfigurationError
from offhook.supervisor.process import Child, StartError, describe_exit

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
"""A service that ran this long is started again without a pause that grew."""


class Service(Protocol):
    """A child process with a way to start and to stop it."""

    name: str
    child: Child | None

    async def start(self) -> None:
        """Start it and return when it accepts traffic."""

    async def stop(self) -> None:
        """End it, at last by force."""


async def keep_running(service: Service) -> None:
    """Start `service` again whenever it ends, and say so on stderr; runs until cancelled."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    began = loop.time()
    while True:
        if service.child is not None:
            why = describe_exit(await service.child.wait())
            if loop.time() - began >= STEADY_SECONDS:
                pause = FIRST_PAUSE
            report(f"{service.name} ended ({why}), starting it again in {pause:.1f} s")
        began, pause = await _start_again(service, pause)
        report(f"{service.name} is back")


async def collect(service: Service) -> None:
    """Wait for the end of a service that has one, so that no ended process stays in the system's table."""
    if service.child is not None:
        await service.child.wait()


async def _start_again(service: Service, pause: float) -> tuple[float, float]:
    """Start `service`, as often as it takes; return when it began and the pause before the next time."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        try:
            await service.start()
        except (StartError, ConfigurationError, OSError) as error:
            report(f"{error}; trying again in {pause:.1f} s")
        else:
            return loop.time(), pause


def report(line: str) -> None:
    """Tell the operator something in one line."""
    print(f"offhook: {line}", file=sys.stderr, flush=True)
