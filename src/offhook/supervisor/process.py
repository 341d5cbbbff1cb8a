"""A child process that cannot outlive its parent and is awaited without polling.

`PR_SET_PDEATHSIG` (prctl(2)) is set between fork and exec, after any change of user (which would clear it);
the parent's id is compared afterwards, so a parent that died in between is noticed too. Exits are awaited by
pidfd (pidfd_open(2)), which any event loop can watch, so nothing here needs a thread or SIGCHLD. Children
must be started from the main thread: the kernel means the starting thread when it says parent.
"""

import asyncio
import contextlib
import ctypes
import os
import select
import signal
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class StartError(Exception):
    """A process that did not come up; the message says why in one line."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user a process runs as."""

    name: str
    uid: int
    gid: int


class Child:
    """A running process in a session of its own, so that a terminal's Ctrl-C reaches only its parent.

    Args:
        name: what to call it in a report.
        death_signal: what the kernel sends it when its parent dies.
        account: the user to become; the parent must be root then.
        pass_fds: descriptors it inherits under the same numbers.
        log: where its output goes; None leaves the parent's stderr.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        death_signal: signal.Signals,
        environ: Mapping[str, str],
        account: Account | None = None,
        pass_fds: Sequence[int] = (),
        log: IO[bytes] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.name = name
        self._process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log if log is not None else 2,
            stderr=log if log is not None else 2,
            env=dict(environ),
            cwd=cwd,
            umask=0o077,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=die_with_parent(death_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[account.gid] if account else None,
        )
        self._pidfd = os.pidfd_open(self._process.pid)

    @property
    def pid(self) -> int:
        """The process id, which stays reserved until the exit was awaited."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._pidfd >= 0 and not self._has_ended()

    def _has_ended(self) -> bool:
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return bool(poller.poll(0))

    async def wait(self) -> int:
        """Wait for the end and return the status: an exit code, or minus a signal's number.

        What else runs in its session is killed before the process is reaped, while its id cannot be reused.
        """
        if self.running:
            await _readable(self._pidfd)
        if self._pidfd >= 0:
            self.kill_group()
            os.close(self._pidfd)
            self._pidfd = -1
        return self._process.wait()

    def send(self, signum: signal.Signals) -> None:
        """Send a signal; a process that has ended is left alone."""
        if self._pidfd >= 0:
            signal.pidfd_send_signal(self._pidfd, signum)

    def kill_group(self) -> None:
        """End at once whatever still runs in the process's group; nothing once the end was awaited."""
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Ask it to end: each signal in turn with the seconds it is given, at last by force."""
        for signum, seconds in steps:
            self.send(signum)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.wait()
                return
        self.kill_group()
        await self.wait()


async def _readable(fd: int) -> None:
    """Wait until `fd` can be read; several may wait for the same one."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    watched = os.dup(fd)
    loop.add_reader(watched, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(watched)
        os.close(watched)


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Return what a new process has to run before exec to be sent `death_signal` when its parent ends."""
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends, so that none can slip away."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(keep: Collection[int]) -> None:
    """Collect the adopted processes that have ended, leaving those in `keep` to whoever awaits them."""
    with contextlib.suppress(ChildProcessError):
        for pid in children_of(os.getpid()):
            if pid not in keep:
                os.waitpid(pid, os.WNOHANG)


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes whose parent is `pid`, ended but uncollected ones included."""
    return _process_tree().get(pid, [])


def descendants(pid: int) -> list[int]:
    """Return the ids of all processes below `pid`, children before grandchildren."""
    parents = _process_tree()
    found: list[int] = []
    queue = [pid]
    while queue:
        children = parents.get(queue.pop(0), [])
        found += children
        queue += children
    return found


def _process_tree() -> dict[int, list[int]]:
    """Return the children of every process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent_of(entry)) is not None:
            parents.setdefault(parent, []).append(int(entry.name))
    return parents


def _parent_of(entry: Path) -> int | None:
    """Read field 4 of /proc/PID/stat; the command before it may contain spaces and parentheses."""
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def describe_exit(status: int) -> str:
    """Say in words how a process ended."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
