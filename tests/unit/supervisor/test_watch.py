"""Keeping services running: those that end, and those that run without doing their work."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
from tests.harness.waiting import HANGS

from offhook.supervisor.process import Child
from offhook.supervisor.watch import keep_running


class Idler:
    """A service that works only in its second life."""

    name = "idler"

    def __init__(self) -> None:
        self.child: Child | None = None
        self.lives = 0
        self.revived = asyncio.Event()

    async def start(self) -> None:
        self.lives += 1
        self.child = Child(
            self.name,
            [sys.executable, "-c", "import signal; signal.pause()"],
            death_signal=signal.SIGKILL,
            environ=dict(os.environ),
        )
        if self.lives == 2:
            self.revived.set()

    async def stop(self) -> None:
        if self.child is not None:
            await self.child.stop((signal.SIGKILL, 1.0))

    async def works(self) -> bool:
        return self.lives > 1


async def test_a_service_that_does_not_work_is_ended_and_started_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = Idler()
    await service.start()
    keeping = asyncio.create_task(keep_running(service, check_seconds=0.01))
    try:
        async with asyncio.timeout(HANGS):
            await service.revived.wait()
        await asyncio.sleep(0.1)
        assert service.lives == 2
        assert not keeping.done()
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])
        await service.stop()
    said = capsys.readouterr().err
    assert "idler runs but does not work, ending it" in said
    assert "idler ended (SIGKILL), starting it again" in said
