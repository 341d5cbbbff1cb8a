"""Children: how they end, and what ends with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fault.running import wait_until_gone
from tests.harness.waiting import HANGS

from offhook.supervisor.process import Child, descendants, describe_exit


def child(code: str) -> Child:
    return Child(
        "test",
        [sys.executable, "-c", code],
        death_signal=signal.SIGTERM,
        environ=dict(os.environ),
    )


async def test_exit_status_is_awaited() -> None:
    ended = child("raise SystemExit(7)")
    assert await ended.wait() == 7
    assert await ended.wait() == 7
    assert not ended.running
    ended.send(signal.SIGTERM)


async def test_grandchildren_end_with_a_child(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import pathlib, subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(p.pid))\n"
    )
    assert await child(code).wait() == 0
    assert wait_until_gone([int(note.read_text())], HANGS) == []


async def test_a_child_that_ignores_signals_is_killed() -> None:
    stubborn = child(
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    await stubborn.stop((signal.SIGTERM, 0.2))
    assert not stubborn.running
    assert await stubborn.wait() in (-signal.SIGKILL, -signal.SIGTERM)


def test_a_child_dies_with_its_parent() -> None:
    code = (
        "import os, signal, sys\n"
        "from offhook.supervisor.process import Child\n"
        "c = Child('x', ['/bin/sleep', '60'], death_signal=signal.SIGTERM, environ={})\n"
        "print(c.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert parent.returncode == -signal.SIGKILL
    assert wait_until_gone([int(parent.stdout)], HANGS) == []


def test_descendants_are_found() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in descendants(os.getpid())
        process.communicate(b"\n")


@pytest.mark.parametrize(("status", "words"), [(0, "exit status 0"), (-9, "SIGKILL"), (-99, "signal 99")])
def test_ends_are_described(status: int, words: str) -> None:
    assert describe_exit(status) == words
