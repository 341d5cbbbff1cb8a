"""Processes that end with the block which they serve, whatever happens in it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator
from os import PathLike
from typing import Any

_SECONDS = 20.0
"""How long a process may take to end when it is asked to: the busy machine included."""

Argument = str | PathLike[str]


@contextlib.contextmanager
def running(*command: Argument, **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """A process; `options` are Popen's."""
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[Any]) -> int:
    """Ask a process to end, and end it by force when it takes too long; returns its exit status."""
    try:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS)
    finally:
        process.kill()
        status = process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return status


@contextlib.asynccontextmanager
async def running_beside(*command: Argument, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of this event loop; `options` are those of `asyncio.create_subprocess_exec`."""
    process = await asyncio.create_subprocess_exec(*command, **options)
    try:
        yield process
    finally:
        try:
            if process.returncode is None:
                process.terminate()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SECONDS):
                    await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
