"""Keeping a service running: it is started again when it ends, after longer and longer pauses.

One that runs but does not do its work any more is ended, and so started again.
"""

import asyncio
import contextlib
import sys
from typing import Protocol

from offhook.config import ConfigurationError
from offhook.supervisor.process import Child, StartError, describe_exit

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
"""A service that ran this long is started again without a pause that grew."""


CHECK_SECONDS = 10.0
"""How often a service is asked whether it works."""

FAILED_CHECKS = 2
"""Checks in a row after which a service that does not work is ended."""


class Service(Protocol):
    """A child process with a way to start and to stop it."""

    name: str
    child: Child | None

    async def start(self) -> None:
        """Start it and return when it accepts traffic."""

    async def stop(self) -> None:
        """End it, at last by force."""

    async def works(self) -> bool:
        """Whether it does its work; quick to answer, and true where only its end can be noticed."""


async def keep_running(service: Service, *, check_seconds: float = CHECK_SECONDS) -> None:
    """Start `service` again whenever it ends, and say so on stderr; runs until cancelled."""
    loop = asyncio.get_running_loop()
    pause = FIRST_PAUSE
    began = loop.time()
    while True:
        if service.child is not None:
            why = await _ended(service, service.child, check_seconds)
            if loop.time() - began >= STEADY_SECONDS:
                pause = FIRST_PAUSE
            report(f"{service.name} ended ({why}), starting it again in {pause:.1f} s")
        began, pause = await _start_again(service, pause)
        report(f"{service.name} is back")


async def _ended(service: Service, child: Child, check_seconds: float) -> str:
    """Wait for the end of `child`, which is brought about when the service does not work; why it ended."""
    failed = 0
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(check_seconds):
                return describe_exit(await child.wait())
        failed = 0 if await service.works() else failed + 1
        if failed == FAILED_CHECKS:
            report(f"{service.name} runs but does not work, ending it")
            await service.stop()


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
