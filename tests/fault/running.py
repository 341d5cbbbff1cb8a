"""A real `offhook up` in a process of its own, as an operator runs it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from tests.harness.waiting import HANGS

from offhook.supervisor.process import descendants, die_with_parent

ANY_PORTS = (
    "--http",
    "127.0.0.1:0",
    "--sip",
    "127.0.0.1:0",
    "--smpp",
    "127.0.0.1:0",
    "--sandbox",
    "127.0.0.1:0",
)


class Running:
    """`offhook up --json` on a data directory; `facts` is what it printed once it was ready."""

    def __init__(self, data: Path, *flags: str, environ: dict[str, str] | None = None) -> None:
        self.data = data
        self.facts: dict[str, Any] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "offhook", "up", "--json", "--data", str(data), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"OFFHOOK_MEDIA_WORKERS": "1", **os.environ, **(environ or {})},
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self.seen: list[str] = []
        self._first_line: queue.Queue[str] = queue.Queue()
        # Each ends, and closes its pipe, with the last process that holds the pipe's other end.
        threading.Thread(target=self._read_stdout, daemon=True).start()
        threading.Thread(target=self._read_stderr, daemon=True).start()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def ready(self) -> dict[str, Any]:
        """Wait for the line of JSON and return it."""
        line = self._first_line.get()
        if not line:
            self.stop()
            raise AssertionError(f"it did not start: {self.rest_of_stderr()}")
        self.facts.update(json.loads(line))
        return self.facts

    def said(self, *words: str, seconds: float = HANGS) -> str:
        """Wait for a line on stderr that contains all of `words`."""
        deadline = time.monotonic() + seconds
        while True:
            line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            assert line is not None, f"it ended before it said {words}: {self.seen}"
            self.seen.append(line)
            if all(word in line for word in words):
                return line

    def rest_of_stderr(self) -> str:
        """Wait for the end and return all that was not yet read of stderr."""
        lines = []
        while (line := self.lines.get(timeout=HANGS)) is not None:
            lines.append(line)
        return "".join(lines)

    def child(self, name: str) -> int:
        """Return the process id of a role, `postgres` or `nats`."""
        for pid in descendants(self.process.pid):
            command = command_of(pid)
            if command[-2:] == ["role", name] or Path(command[0]).name in (name, f"{name}-server"):
                return pid
        raise AssertionError(f"{name} does not run")

    def family(self) -> list[int]:
        """Return all processes of the instance."""
        return [self.process.pid, *descendants(self.process.pid)]

    def stop(self) -> None:
        """Ask it to end, which it is given more than its ten seconds for: the machine may be busy.

        Raises:
            subprocess.TimeoutExpired: it had to be ended by force.
        """
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self._first_line.put(lines.readline())
            lines.read()

    def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.lines.put(line)
        self.lines.put(None)


def command_of(pid: int) -> list[str]:
    """Return the command line of a process; empty when it has ended."""
    try:
        return (Path("/proc") / str(pid) / "cmdline").read_text().split("\0")[:-1] or [""]
    except OSError:
        return [""]


def alive(pid: int) -> bool:
    """Whether a process exists and is not merely waiting to be collected."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    """Wait for processes to end and return those that have not."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
